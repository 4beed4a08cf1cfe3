import AsyncLevelPersistence from 'aedes-persistence-level/asyncPersistence.js'
import type { AbstractLevel } from 'abstract-level'
import type {
  AedesPersistence,
  OfflineSubscription,
  PublishPacket,
  Qos,
  StoredPacket,
  Subscription,
} from './aedes-internals.d.ts'
import { TopicTree } from './topic-tree.ts'

/** Where sessions, queues and retained messages are kept: a database, or a part of one that is the broker's alone. */
export type SessionDatabase = AbstractLevel<string | Buffer | Uint8Array>

export interface StoredSession {
  readonly clientId: string
  readonly subscriptions: readonly Subscription[]
}

/** Aedes' contract, and what our sessions need beside it. */
export interface SessionPersistence extends AedesPersistence {
  createRetainedStreamCombi(filters: readonly string[]): AsyncIterable<PublishPacket>
  /** Those that outlive their connections; known once `setup` has resolved. */
  storedSessions(): Iterable<StoredSession>
  /** @returns whether there was one. Resolves when there is one on disk. */
  openSession(clientId: string): Promise<boolean>
  /** Its subscriptions, its queue, and what it had begun to send. */
  forgetSession(clientId: string): Promise<void>
  sessionOpened(clientId: string): void
  sessionClosed(clientId: string): void
  emptyQueue(clientId: string): Promise<void>
  /** Resolves when nothing that was begun is unfinished. */
  idle(): Promise<void>
}

interface Stored {
  readonly subscriptions: Record<string, Qos>
}

interface Entry {
  readonly clientId: string
  readonly qos: Qos
}

type Level = InstanceType<typeof AsyncLevelPersistence>

/** aedes-persistence-level over `database`, with sessions of our own and everything answered in the order it was asked. */
export class LevelPersistence implements SessionPersistence {
  readonly #level: Level
  readonly #store
  readonly #sessions = new Map<string, Map<string, Qos>>()
  readonly #tree = new TopicTree<Entry>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(database: SessionDatabase) {
    this.#level = new AsyncLevelPersistence(database)
    this.#store = database.sublevel<string, Stored>('sessions', { valueEncoding: 'json' })
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    await this.#level.setup(broker)
    for await (const [clientId, { subscriptions }] of this.#store.iterator()) {
      const filters = new Map<string, Qos>()
      this.#sessions.set(clientId, filters)
      for (const [filter, qos] of Object.entries(subscriptions)) this.#subscribe(clientId, filters, filter, qos)
    }
  }

  *storedSessions(): Iterable<StoredSession> {
    for (const [clientId, filters] of this.#sessions) {
      yield { clientId, subscriptions: [...filters].map(([topic, qos]) => ({ topic, qos })) }
    }
  }

  async openSession(clientId: string): Promise<boolean> {
    if (this.#sessions.has(clientId)) return true
    this.#sessions.set(clientId, new Map())
    await this.#save(clientId)
    return false
  }

  async forgetSession(clientId: string): Promise<void> {
    await this.cleanSubscriptions({ id: clientId })
    this.#sessions.delete(clientId)
    await this.#inOrder(this.#store.del(clientId))
    await this.emptyQueue(clientId)
    await this.cleanIncoming({ id: clientId })
  }

  sessionOpened(): void {}

  sessionClosed(): void {}

  async emptyQueue(clientId: string): Promise<void> {
    const client = { id: clientId }
    for await (const stored of this.outgoingStream(client)) {
      const { brokerId, brokerCounter, messageId = 65_535 } = stored
      await this.outgoingUpdate(client, { ...stored, brokerId, brokerCounter, messageId })
      await this.outgoingClearMessageId(client, { messageId })
    }
  }

  async idle(): Promise<void> {
    await this.#last
  }

  storeRetained(packet: PublishPacket): Promise<void> {
    return this.#inOrder(this.#level.storeRetained(packet))
  }

  createRetainedStreamCombi(filters: readonly string[]): AsyncIterable<PublishPacket> {
    return this.#level.createRetainedStreamCombi(filters)
  }

  async addSubscriptions({ id }: { readonly id: string | null }, added: readonly Subscription[]): Promise<void> {
    const clientId = id ?? ''
    let filters = this.#sessions.get(clientId)
    if (filters === undefined) this.#sessions.set(clientId, (filters = new Map()))
    for (const { topic, qos } of added) this.#subscribe(clientId, filters, topic, qos)
    await this.#save(clientId)
  }

  async removeSubscriptions({ id }: { readonly id: string | null }, removed: readonly string[]): Promise<void> {
    const filters = this.#sessions.get(id ?? '')
    if (filters === undefined) return
    for (const filter of removed) this.#unsubscribe(id ?? '', filters, filter)
    await this.#save(id ?? '')
  }

  async subscriptionsByClient({ id }: { readonly id: string | null }): Promise<Subscription[]> {
    return [...(this.#sessions.get(id ?? '') ?? [])].map(([topic, qos]) => ({ topic, qos }))
  }

  async cleanSubscriptions(client: { readonly id: string | null }): Promise<void> {
    await this.removeSubscriptions(client, [...(this.#sessions.get(client.id ?? '') ?? new Map()).keys()])
  }

  async subscriptionsByTopic(topic: string): Promise<OfflineSubscription[]> {
    const best = new Map<string, Qos>()
    this.#tree.match(topic, ({ clientId, qos }) => {
      if (qos > (best.get(clientId) ?? 0)) best.set(clientId, qos)
    })
    return [...best].map(([clientId, qos]) => ({ clientId, topic, qos }))
  }

  async outgoingEnqueue({ clientId }: { readonly clientId: string }, packet: PublishPacket): Promise<void> {
    await this.#inOrder(this.#level.outgoingEnqueue({ clientId }, queued(packet, packet.qos)))
  }

  async outgoingEnqueueCombi(subscriptions: readonly OfflineSubscription[], packet: PublishPacket): Promise<void> {
    const work = subscriptions.map((one) => {
      const qos = one.qos < packet.qos ? one.qos : packet.qos
      return this.#level.outgoingEnqueue(one, queued(packet, qos))
    })
    await this.#inOrder(Promise.all(work))
  }

  outgoingUpdate(...args: Parameters<AedesPersistence['outgoingUpdate']>): Promise<void> {
    return this.#inOrder(this.#level.outgoingUpdate(...args))
  }

  async outgoingClearMessageId(
    ...args: Parameters<AedesPersistence['outgoingClearMessageId']>
  ): Promise<StoredPacket | undefined> {
    return await this.#inOrder(this.#level.outgoingClearMessageId(...args))
  }

  async *outgoingStream(client: { readonly id: string | null }): AsyncIterable<StoredPacket> {
    for await (const stored of this.#level.outgoingStream(client)) {
      // What was never sent comes back with null.
      yield stored.cmd === 'publish' ? { ...stored, messageId: stored.messageId ?? undefined } : stored
    }
  }

  incomingStorePacket(...args: Parameters<AedesPersistence['incomingStorePacket']>): Promise<void> {
    return this.#inOrder(this.#level.incomingStorePacket(...args))
  }

  incomingGetPacket(...args: Parameters<AedesPersistence['incomingGetPacket']>): Promise<unknown> {
    return this.#level.incomingGetPacket(...args)
  }

  incomingDelPacket(...args: Parameters<AedesPersistence['incomingDelPacket']>): Promise<void> {
    return this.#inOrder(this.#level.incomingDelPacket(...args))
  }

  cleanIncoming(client: { readonly id: string | null }): Promise<void> {
    return this.#inOrder(this.#level.cleanIncoming(client))
  }

  // Wills are kept by wills.ts: Aedes never has one to store.
  async putWill(): Promise<void> {}

  async delWill(): Promise<void> {}

  async *streamWill(): AsyncIterable<never> {}

  #subscribe(clientId: string, filters: Map<string, Qos>, filter: string, qos: Qos): void {
    this.#unsubscribe(clientId, filters, filter)
    filters.set(filter, qos)
    this.#tree.add(filter, { clientId, qos })
  }

  #unsubscribe(clientId: string, filters: Map<string, Qos>, filter: string): void {
    if (filters.delete(filter)) this.#tree.remove(filter, (entry) => entry.clientId === clientId)
  }

  #save(clientId: string): Promise<void> {
    const subscriptions = Object.fromEntries(this.#sessions.get(clientId) ?? [])
    return this.#inOrder(this.#store.put(clientId, { subscriptions }))
  }

  /** LevelDB finishes in any order; whoever was first is answered first. */
  #inOrder<T>(work: Promise<T>): Promise<T> {
    // It may fail before its turn to say so has come.
    work.catch(() => {})
    const answer = this.#last.then(() => work)
    this.#last = answer.catch(() => {})
    return answer
  }
}

/** As it is to be delivered. The publisher's packet identifier would pass for one under which it was sent. */
const queued = (packet: PublishPacket, qos: Qos): PublishPacket & { messageId: undefined } => ({
  ...packet,
  topic: packet.topic,
  payload: packet.payload,
  qos,
  retain: false,
  dup: false,
  messageId: undefined,
})

/** The broker id of a start: later starts sort after earlier ones, and so do the messages that they queued. */
export const brokerIdOf = (bootNumber: number): string => String(bootNumber).padStart(12, '0')
