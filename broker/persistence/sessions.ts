import type { Log } from '../../registry/index.ts'
import type { StoreLevel } from '../../storage/index.ts'
import type { Subscription } from '../aedes-internals.d.ts'
import { TopicTree } from '../topic-tree.ts'
import type { Journal } from './journal.ts'
import { readRoom, readText, restIn, rooms, sessionIn, type SessionRecord } from './layout.ts'
import {
  plainTerms,
  StoredSession,
  termsOf,
  type StoredSubscription,
  type SubscriptionTerms,
} from './stored-session.ts'

export interface SessionsParts {
  readonly journal: Journal
  readonly expiryMs: number
  readonly now: () => number
  readonly log: Pick<Log, 'error'>
}

/** A subscription with whose it is. */
interface Subscriber {
  readonly clientId: string
  readonly filter: string
  readonly terms: SubscriptionTerms
}

/** The sessions that outlive their connections, and what each has subscribed to. */
export class Sessions {
  readonly #parts: SessionsParts
  readonly #byId = new Map<string, StoredSession>()
  readonly #byNumber = new Map<number, StoredSession>()
  /**
   * Subscriptions of QoS 1 and 2: for the others nothing is kept. Made when somebody first asks whom a topic reaches,
   * which is what Aedes does for what it publishes itself; our connections ask the router.
   */
  #filters: TopicTree<Subscriber> | undefined
  #lastNumber = 0
  /** Subscriptions of all sessions. */
  subscribed = 0

  constructor(parts: SessionsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#byId.size
  }

  get(clientId: string | null): StoredSession | undefined {
    return this.#byId.get(clientId ?? '')
  }

  byNumber(number: number): StoredSession | undefined {
    return this.#byNumber.get(number)
  }

  [Symbol.iterator](): Iterator<StoredSession> {
    return this.#byId.values()
  }

  make(clientId: string): StoredSession {
    const session = new StoredSession(clientId, ++this.#lastNumber)
    this.#keep(session)
    this.#write(session)
    return session
  }

  /** Takes a session out with its subscriptions. Its queue is for the caller to let go. */
  drop(session: StoredSession): void {
    const { journal } = this.#parts
    for (const [filter] of session.subscriptions) this.#unsubscribe(session, filter)
    session.gone = true
    this.#byId.delete(session.clientId)
    this.#byNumber.delete(session.number)
    journal.del(rooms.sessions.ofText(session.clientId))
    journal.del(rooms.progress.ofSession(session.number))
  }

  // ---- coming and going

  /** @param closedAt - when its client left; undefined while it is there. */
  noteClosed(session: StoredSession, closedAt: number | undefined, expiryMs?: number): void {
    if (session.closedAt === closedAt && session.expiryMs === expiryMs) return
    session.closedAt = closedAt
    session.expiryMs = expiryMs
    this.#write(session)
    this.#note()
  }

  #note(): void {
    this.#parts.journal.commit.catch((error: unknown) => {
      this.#parts.log.error({ event: 'storage-failed', error }, 'When a client came or left could not be noted.')
    })
  }

  /** Those whose time has come. */
  *expired(): Generator<StoredSession> {
    for (const session of this) if (this.isExpired(session)) yield session
  }

  isExpired({ closedAt, expiryMs = this.#parts.expiryMs }: StoredSession): boolean {
    return closedAt !== undefined && closedAt + expiryMs <= this.#parts.now()
  }

  // ---- subscriptions

  subscribe(session: StoredSession, given: Subscription): void {
    const { topic } = given
    const terms = termsOf(given)
    this.#subscribe(session, topic, terms)
    this.#parts.journal.put(subscriptionKey(session, topic), Buffer.from(subscriptionRecord(topic, terms)))
  }

  /** @returns how many there were. */
  unsubscribe(session: StoredSession, filters: readonly string[]): number {
    const before = session.subscriptions.size
    for (const filter of filters) this.#unsubscribe(session, filter)
    return before - session.subscriptions.size
  }

  /** Each session that a message of this topic is to be kept for, once, with its subscription of highest QoS. */
  matching(topic: string): StoredSubscription[] {
    const best = new Map<string, Subscriber>()
    this.#filters ??= this.#allFilters()
    this.#filters.match(topic, (subscriber) => {
      const other = best.get(subscriber.clientId)
      if (other === undefined || other.terms.qos < subscriber.terms.qos) best.set(subscriber.clientId, subscriber)
    })
    return Array.from(best.values(), ({ clientId, filter, terms }) => ({ clientId, topic: filter, ...terms }))
  }

  #allFilters(): TopicTree<Subscriber> {
    const filters = new TopicTree<Subscriber>()
    for (const { clientId, subscriptions } of this) {
      for (const [filter, terms] of subscriptions) if (terms.qos > 0) filters.add(filter, { clientId, filter, terms })
    }
    return filters
  }

  #subscribe(session: StoredSession, filter: string, terms: SubscriptionTerms): void {
    const { clientId } = session
    const before = session.subscriptions.get(filter)
    if (before === undefined) this.subscribed++
    else if (before.qos > 0) this.#filters?.remove(filter, (one) => one.clientId === clientId)
    session.subscribed(filter, terms)
    if (terms.qos > 0) this.#filters?.add(filter, { clientId, filter, terms })
  }

  #unsubscribe(session: StoredSession, filter: string): void {
    const terms = session.subscriptions.get(filter)
    if (terms === undefined) return
    session.unsubscribed(filter)
    this.subscribed--
    if (terms.qos > 0) this.#filters?.remove(filter, (one) => one.clientId === session.clientId)
    this.#parts.journal.del(subscriptionKey(session, filter))
  }

  // ---- what earlier starts left

  async load(level: StoreLevel): Promise<void> {
    const left: StoredSession[] = []
    await readText(level, rooms.sessions, (clientId, value) => {
      const { number, closedAt, expiryMs }: SessionRecord = JSON.parse(value)
      const session = new StoredSession(clientId, number)
      session.closedAt = closedAt
      session.expiryMs = expiryMs
      this.numberSeen(number)
      this.#keep(session)
      if (closedAt === undefined) left.push(session)
    })
    await readText(level, rooms.subscriptions, (key, value) => {
      const session = this.#byNumber.get(sessionIn(key))
      if (session === undefined) return
      const filter = restIn(key)
      const plain = plainTermsIn(value, filter)
      if (plain !== undefined) return this.#subscribe(session, filter, plain)
      const subscription: Subscription = JSON.parse(value)
      this.#subscribe(session, subscription.topic, termsOf(subscription))
    })
    for await (const [key, value] of readRoom(level, rooms.progress)) {
      this.#byNumber.get(sessionIn(key.toString()))?.restoreProgress(value)
    }
    // Their clients were there when the process ended.
    for (const session of left) {
      session.closedAt = this.#parts.now()
      this.#write(session)
    }
    if (left.length > 0) this.#note()
  }

  /** A number is used again only when nothing refers to it any more. */
  numberSeen(number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number)
  }

  #keep(session: StoredSession): void {
    this.#byId.set(session.clientId, session)
    this.#byNumber.set(session.number, session)
  }

  #write({ clientId, number, closedAt, expiryMs }: StoredSession): void {
    const record: SessionRecord = {
      number,
      ...(closedAt === undefined ? {} : { closedAt }),
      ...(expiryMs === undefined ? {} : { expiryMs }),
    }
    this.#parts.journal.put(rooms.sessions.ofText(clientId), Buffer.from(JSON.stringify(record)))
  }
}

const subscriptionKey = ({ number }: StoredSession, filter: string): Buffer =>
  rooms.subscriptions.ofSession(number, filter)

const subscriptionRecord = (topic: string, terms: SubscriptionTerms): string => JSON.stringify({ topic, ...terms })

const PLAIN_LENGTH = subscriptionRecord('', { qos: 0 }).length

/**
 * The terms in a record that holds nothing beside its filter and a QoS: no other is as short. There are hundreds of
 * thousands at a start, and each would be an object.
 */
function plainTermsIn(record: string, { length }: string): SubscriptionTerms | undefined {
  return record.length === length + PLAIN_LENGTH ? plainTerms(record.charCodeAt(record.length - 2) - ZERO) : undefined
}

const ZERO = '0'.charCodeAt(0)
