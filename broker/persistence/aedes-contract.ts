import { Readable } from 'node:stream'
import type { AedesPersistence, Subscription } from '../aedes-internals.d.ts'
import type { ContractWill, ContractWills } from './contract-wills.ts'
import type { Journal } from './journal.ts'
import type { GivenPacket } from './message-codec.ts'
import type { MessageLog } from './message-log.ts'
import type { QueuedPacket, QueuedPubrel } from './queued-packet.ts'
import type { EnqueueTarget, Queues } from './queues.ts'
import type { ReceivedIds } from './received-ids.ts'
import type { RetainedMessages } from './retained-messages.ts'
import { readEntry } from './session-queue.ts'
import type { Sessions } from './sessions.ts'
import type { StoredSession, StoredSubscription } from './stored-session.ts'

/** All that Aedes reads of a client. */
export interface WithId {
  readonly id: string | null
}

/** How far a message has come: which one by the number that Aedes gave it, or by its packet id. */
export interface OutgoingUpdate {
  readonly cmd?: string
  readonly brokerId?: string | null
  readonly brokerCounter?: number
  readonly messageId?: number | undefined
}

/** All that the broker remembers. It is changed at once; the journal brings it to the disk. */
export interface Memory {
  readonly journal: Journal
  readonly messages: MessageLog
  readonly sessions: Sessions
  readonly queues: Queues
  readonly retained: RetainedMessages
  readonly received: ReceivedIds
  readonly wills: ContractWills
}

/**
 * The broker's memory as Aedes' persistence contract has it. Aedes itself uses it for what it publishes, and so do wills
 * and plugins; our connections have verbs of their own for what they do with every message.
 */
export abstract class AedesContract implements AedesPersistence {
  protected readonly memory: Memory
  broker: { readonly id: string } | undefined

  constructor(memory: Memory) {
    this.memory = memory
  }

  abstract setup(broker: { readonly id: string }): Promise<void>

  // ---- subscriptions

  /** A session that subscribes is a session: it is made when it is not there. */
  addSubscriptions(client: WithId, subscriptions: readonly Subscription[]): Promise<void> {
    if (subscriptions.length === 0) return Promise.resolve()
    const session = this.memory.sessions.get(client.id) ?? this.memory.sessions.make(client.id ?? '')
    for (const subscription of subscriptions) this.memory.sessions.subscribe(session, subscription)
    return this.memory.journal.commit
  }

  removeSubscriptions(client: WithId, filters: readonly string[]): Promise<void> {
    const session = this.memory.sessions.get(client.id)
    if (session === undefined || this.memory.sessions.unsubscribe(session, filters) === 0) return Promise.resolve()
    return this.memory.journal.commit
  }

  async subscriptionsByClient(client: WithId): Promise<Subscription[]> {
    const subscriptions = this.memory.sessions.get(client.id)?.subscriptions ?? []
    return Array.from(subscriptions, ([topic, terms]) => ({ topic, ...terms }))
  }

  async subscriptionsByTopic(topic: string): Promise<StoredSubscription[]> {
    return this.memory.sessions.matching(topic)
  }

  /** Drops a session with all that belongs to it, in one commit, however long its queue is. */
  forgetSession(clientId: string): Promise<void> {
    const session = this.memory.sessions.get(clientId)
    this.memory.received.clear(clientId)
    if (session === undefined) return Promise.resolve()
    for (const message of session.messages()) this.memory.messages.unwant(message)
    this.memory.sessions.drop(session)
    return this.memory.journal.commit
  }

  /** A client connected with a clean session: what was kept of the one before is discarded [MQTT-3.1.2-6]. */
  cleanSubscriptions(client: WithId): Promise<void> {
    return this.forgetSession(client.id ?? '')
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    let [subsCount, clientsCount] = [0, 0]
    for (const { subscriptions } of this.memory.sessions) {
      if (subscriptions.size > 0) clientsCount++
      for (const [, { qos }] of subscriptions) if (qos > 0) subsCount++
    }
    return { subsCount, clientsCount }
  }

  getClientList(filter: string): Readable {
    const subscribed = [...this.memory.sessions].filter(({ subscriptions }) => subscriptions.has(filter))
    return Readable.from(subscribed.map(({ clientId }) => clientId))
  }

  // ---- the queue of a session

  /** For one session; RETAIN stays as it is, since this is how a retained message reaches a stored session. */
  outgoingEnqueue(target: EnqueueTarget, packet: GivenPacket): Promise<void> {
    return this.memory.queues.add([target], packet, packet.retain === true)
      ? this.memory.journal.commit
      : Promise.resolve()
  }

  /** For many sessions: the message is stored once. It is not a retained one to them [MQTT-3.3.1-9]. */
  outgoingEnqueueCombi(targets: readonly EnqueueTarget[], packet: GivenPacket): Promise<void> {
    return this.memory.queues.add(targets, packet, false) ? this.memory.journal.commit : Promise.resolve()
  }

  /**
   * Notes how far a message has come: with `brokerId` and `brokerCounter`, that it is sent with `messageId`; as a
   * PUBREL, that the message with this `messageId` arrived.
   */
  outgoingUpdate(client: WithId, { cmd, brokerId, brokerCounter = 0, messageId }: OutgoingUpdate): Promise<void> {
    const session = this.memory.sessions.get(client.id)
    if (session === undefined || messageId === undefined) return Promise.reject(new Error('no such packet'))
    const isRelease = cmd === 'pubrel' || !brokerId
    const entry = isRelease ? session.findByMessageId(messageId) : session.findByNumber(brokerId, brokerCounter)
    if (entry === undefined) return Promise.reject(new Error('no such packet'))
    if (isRelease) return this.memory.queues.release(session, entry)
    session.assign(entry, messageId)
    this.memory.journal.moved(session)
    return this.memory.journal.commit
  }

  /**
   * The client has the message with this packet id, and it leaves the queue.
   *
   * @returns the message, or undefined when there is none with this packet id.
   */
  async outgoingClearMessageId(client: WithId, packet: unknown): Promise<QueuedPacket | QueuedPubrel | undefined> {
    const session = this.memory.sessions.get(client.id)
    const entry = session?.findByMessageId(Number(Object(packet).messageId))
    if (session === undefined || entry === undefined) return undefined
    // Read first: it may be on disk alone, and is gone from there with the next commit.
    const item = await readEntry(this.memory.messages, entry)
    await this.memory.queues.finish(session, entry)
    return item
  }

  /** The queue as it is now, in order. */
  outgoingStream(client: WithId): Readable {
    return Readable.from(this.#outgoing(this.memory.sessions.get(client.id)))
  }

  async *#outgoing(session: StoredSession | undefined): AsyncGenerator<QueuedPacket | QueuedPubrel> {
    const end = session?.last?.sequence ?? 0
    if (session === undefined) return
    let entry = this.memory.queues.next(session, 0)
    while (entry !== undefined && entry.sequence <= end) {
      yield await readEntry(this.memory.messages, entry)
      entry = this.memory.queues.next(session, entry.sequence)
    }
  }

  // ---- QoS 2 from a client

  incomingStorePacket(client: WithId, packet: unknown): Promise<void> {
    const received = receivedOf(client, packet)
    if (!this.memory.received.add(received.clientId, received.messageId)) return Promise.resolve()
    return this.memory.journal.commit.catch((error: unknown) => {
      this.memory.received.delete(received.clientId, received.messageId)
      throw error
    })
  }

  /** @throws when there is none with this id, as Aedes expects. */
  async incomingGetPacket(client: WithId, packet: unknown): Promise<{ cmd: 'publish'; qos: 2; messageId: number }> {
    const received = receivedOf(client, packet)
    if (!this.memory.received.has(received.clientId, received.messageId)) throw new Error('no such packet')
    return { cmd: 'publish', qos: 2, messageId: received.messageId }
  }

  incomingDelPacket(client: WithId, packet: unknown): Promise<void> {
    const received = receivedOf(client, packet)
    const { clientId, messageId } = received
    if (!this.memory.received.has(clientId, messageId)) return Promise.reject(new Error('no such packet'))
    return this.memory.received.delete(clientId, messageId) ? this.memory.journal.commit : Promise.resolve()
  }

  cleanIncoming(client: WithId): Promise<void> {
    return this.memory.received.clear(client.id ?? '') ? this.memory.journal.commit : Promise.resolve()
  }

  // ---- retained messages

  storeRetained(packet: GivenPacket): Promise<void> {
    return this.memory.retained.set(packet) ? this.memory.journal.commit : Promise.resolve()
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter])
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.memory.retained.matching(filters))
  }

  // ---- wills

  putWill(client: WithId, will: ContractWill): Promise<void> {
    will.clientId = client.id ?? ''
    if (this.broker !== undefined) will.brokerId = this.broker.id
    return this.memory.wills.put(will.clientId, will)
  }

  async getWill(client: WithId): Promise<ContractWill | undefined> {
    return this.memory.wills.get(client.id ?? '')
  }

  delWill(client: WithId): Promise<ContractWill | undefined> {
    return this.memory.wills.delete(client.id ?? '')
  }

  streamWill(brokers: Readonly<Record<string, number>> = {}): Readable {
    return Readable.from(
      [...this.memory.wills.values()].filter(({ brokerId }) => brokers[brokerId ?? ''] === undefined),
    )
  }
}

const receivedOf = (client: WithId, packet: unknown) => ({
  clientId: client.id ?? '',
  messageId: Number(Object(packet).messageId),
})
