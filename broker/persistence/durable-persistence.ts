import type { Log } from '../../registry/index.ts'
import type { Database } from '../../storage/index.ts'
import type { SmallMap } from '../small-map.ts'
import { AedesContract } from './aedes-contract.ts'
import { ContractWills } from './contract-wills.ts'
import { Journal } from './journal.ts'
import { firstSequenceOf } from './layout.ts'
import { resolvePersistenceOptions, type PersistenceOptions } from './limits.ts'
import type { GivenPacket, StoredPacket } from './message-codec.ts'
import { MessageLog } from './message-log.ts'
import { Queues, type EnqueueTarget } from './queues.ts'
import { ReceivedIds } from './received-ids.ts'
import { RetainedMessages } from './retained-messages.ts'
import { SessionQueue } from './session-queue.ts'
import { Sessions } from './sessions.ts'
import type { SubscriptionTerms } from './stored-session.ts'

export interface DurablePersistenceParts {
  readonly database: Pick<Database, 'level' | 'writer' | 'bootNumber'>
  readonly options?: PersistenceOptions
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** A message of QoS 2 as its sender knows it. */
export interface Received {
  readonly clientId: string
  readonly messageId: number
}

/** A session that is kept, with its subscriptions by their filters, as they are now: they are the caller's own. */
export interface StoredSessionView {
  readonly clientId: string
  readonly subscriptions: SmallMap<SubscriptionTerms>
}

export interface PersistenceCounters {
  readonly sessions: number
  readonly subscriptions: number
  /** Messages that sessions wait for; one that many wait for counts once. */
  readonly queuedMessages: number
  readonly queuedBytes: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  readonly commits: number
  /** Messages that a session had no room for. */
  readonly refusedQueued: number
  readonly refusedRetained: number
  /** Messages whose time had passed before they were sent. */
  readonly expiredMessages: number
}

/**
 * The broker's memory over the store. Every answer comes from memory, every change is on disk and fsynced before its
 * promise resolves, in the order of the calls. What nobody keeps costs no disk: a message that no stored session wants,
 * anything that a client with a clean session does.
 *
 * A change whose promise rejects may be on the disk or not, as with any failed write; the caller must not acknowledge it.
 */
export class DurablePersistence extends AedesContract {
  readonly #level
  readonly #writer
  readonly #log
  readonly #now
  #compacting: Promise<void> | undefined

  constructor({ database, options: given = {}, log, now = Date.now }: DurablePersistenceParts) {
    const { level, writer, bootNumber } = database
    const options = resolvePersistenceOptions(given)
    const messages = new MessageLog({
      lastSequence: firstSequenceOf(bootNumber),
      cacheBytes: options.cacheBytes,
      read: (key) => level.get<Buffer, Buffer>(key, { keyEncoding: 'buffer', valueEncoding: 'buffer' }),
      onUnwanted: ({ key }) => {
        journal.del(key)
        journal.soon()
      },
      spareBytes: options.spareBytes,
      onSpare: () => {
        this.#compacting ??= this.#compact().finally(() => (this.#compacting = undefined))
      },
    })
    const journal = new Journal({ writer, messages, onFailed: (segment) => queues.takeBack(segment) })
    const sessions = new Sessions({ journal, expiryMs: options.sessionExpiryMs, now, log })
    const queues = new Queues({ journal, messages, sessions, options, now, log })
    super({
      journal,
      messages,
      sessions,
      queues,
      retained: new RetainedMessages({ journal, options, now }),
      received: new ReceivedIds(journal, sessions),
      wills: new ContractWills(journal),
    })
    this.#level = level
    this.#writer = writer
    this.#log = log
    this.#now = now
  }

  /** Reads what earlier starts left. Aedes wants a native async function. */
  async setup(broker: { readonly id: string }): Promise<void> {
    this.broker = broker
    const { sessions, queues, received, retained, wills } = this.memory
    await this.#level.open()
    await sessions.load(this.#level)
    await queues.load(this.#level)
    await received.load(this.#level)
    await retained.load(this.#level)
    await wills.load(this.#level)
  }

  /** Resolves when nothing that was begun is unfinished: the database must stay open until then. */
  async idle(): Promise<void> {
    await this.#compacting
    await this.memory.journal.idle()
  }

  /** Ends the work of this object; the database stays open. */
  async destroy(): Promise<void> {
    await this.idle()
  }

  counters(): PersistenceCounters {
    return {
      sessions: this.memory.sessions.size,
      subscriptions: this.memory.sessions.subscribed,
      queuedMessages: this.memory.messages.messages,
      queuedBytes: this.memory.messages.bytes,
      retainedMessages: this.memory.retained.size,
      retainedBytes: this.memory.retained.bytes,
      commits: this.#writer.commits,
      refusedQueued: this.memory.queues.refused,
      refusedRetained: this.memory.retained.refused,
      expiredMessages: this.memory.queues.expired,
    }
  }

  // ---- a message on its way in

  /**
   * All that one PUBLISH leaves behind, in one commit: it is retained, waits for `targets`, and its packet id is known
   * until its sender releases it. Either all of that survives or nothing does, which is what exactly once needs.
   *
   * Resolves when everything that was said before is on disk too: messages stay in order, whatever they leave behind.
   */
  publish(packet: GivenPacket, targets: readonly EnqueueTarget[], received?: Received): Promise<void> {
    const retained = packet.retain === true && this.memory.retained.set(packet)
    const queued = packet.qos > 0 && this.memory.queues.add(targets, packet, false)
    const noted = received !== undefined && this.memory.received.add(received.clientId, received.messageId)
    if (!retained && !queued && !noted) return this.memory.journal.settled
    const { commit } = this.memory.journal
    // It gets no PUBREC and sends the message again, which must then be taken for a new one.
    if (noted) commit.catch(() => this.memory.received.delete(received.clientId, received.messageId))
    return commit
  }

  /** Resolves when all that was said before is on disk. */
  settled(): Promise<void> {
    return this.memory.journal.settled
  }

  hasReceived({ clientId, messageId }: Received): boolean {
    return this.memory.received.has(clientId, messageId)
  }

  /** PUBREL: the id may be used for another message once this resolves. One that is not known was released before. */
  released({ clientId, messageId }: Received): Promise<void> {
    return this.memory.received.delete(clientId, messageId) ? this.memory.journal.commit : this.memory.journal.settled
  }

  // ---- sessions

  /** After {@link setup}: every session that is kept, with its subscriptions. */
  *storedSessions(): Generator<StoredSessionView> {
    for (const { clientId, subscriptions } of this.memory.sessions) {
      yield { clientId, subscriptions: subscriptions.copy() }
    }
  }

  hasSession(clientId: string): boolean {
    return this.memory.sessions.get(clientId) !== undefined
  }

  /** How much waits for a session. */
  queueOf(clientId: string): { readonly messages: number; readonly bytes: number } {
    const session = this.memory.sessions.get(clientId)
    return { messages: session?.count ?? 0, bytes: session?.bytes ?? 0 }
  }

  /** Whether the last message for a session found no room in its queue. */
  turnsAway(clientId: string): boolean {
    return this.memory.sessions.get(clientId)?.full === true
  }

  /** The queue of a session that is there. */
  openQueue(clientId: string): SessionQueue {
    const session = this.memory.sessions.get(clientId)
    if (session === undefined) throw new Error('there is no such session')
    return new SessionQueue({
      session,
      queues: this.memory.queues,
      messages: this.memory.messages,
      journal: this.memory.journal,
    })
  }

  /**
   * A client takes its session up, which is made when it is not there.
   *
   * @returns whether it was there.
   */
  async openSession(clientId: string): Promise<boolean> {
    if (this.memory.sessions.get(clientId) !== undefined) {
      this.sessionOpened(clientId)
      return true
    }
    this.memory.sessions.make(clientId)
    await this.memory.journal.commit
    return false
  }

  /** The client is there: the session does not expire. */
  sessionOpened(clientId: string): void {
    const session = this.memory.sessions.get(clientId)
    if (session !== undefined) this.memory.sessions.noteClosed(session, undefined)
  }

  /**
   * The client has left: the session ends in due time, unless it comes back.
   *
   * @param expiryMs - how long the session is kept; as configured when it is missing.
   */
  sessionClosed(clientId: string, expiryMs?: number): void {
    const session = this.memory.sessions.get(clientId)
    if (session !== undefined) this.memory.sessions.noteClosed(session, this.#now(), expiryMs)
  }

  /** Client ids of sessions whose time has come. They are there until they are forgotten. */
  expiredSessions(): string[] {
    return [...this.memory.sessions.expired()].map(({ clientId }) => clientId)
  }

  isExpired(clientId: string): boolean {
    const session = this.memory.sessions.get(clientId)
    return session !== undefined && this.memory.sessions.isExpired(session)
  }

  /** Nothing waits any more. */
  async emptyQueue(clientId: string): Promise<void> {
    const session = this.memory.sessions.get(clientId)
    if (session === undefined) return
    this.memory.queues.empty(session)
    await this.memory.journal.commit
  }

  /** Retained messages that match one of `filters`, each for each filter that it matches. */
  retainedMessages(filters: readonly string[]): Generator<StoredPacket> {
    return this.memory.retained.matching(filters)
  }

  /** Whoever subscribes from now on is not sent them. */
  async forgetRetained(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.memory.retained.set({ topic, payload: '', qos: 0, retain: true })
    await this.memory.journal.commit
  }

  async #compact(): Promise<void> {
    try {
      const compacted = await this.memory.messages.compact()
      if (compacted === undefined) return
      this.memory.journal.put(compacted.segment.key, compacted.bytes)
      for (const key of compacted.replaced) this.memory.journal.del(key)
      // When this commit fails the next one writes the same, before anything of its own.
      await this.memory.journal.commit.finally(() => this.memory.messages.stored(compacted.segment))
    } catch (error) {
      this.#log.error({ event: 'storage-failed', error }, 'Waiting messages could not be moved together.')
    }
  }
}
