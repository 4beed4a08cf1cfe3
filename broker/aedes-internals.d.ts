import type { EventEmitter } from 'node:events'
import type { Duplex, Readable } from 'node:stream'

/**
 * What we use of Aedes 1.2.0, its published interface and its internals alike: the package's own types lack most of it.
 * A contract test fails when one of these changes shape.
 */

export type Qos = 0 | 1 | 2

export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
}

/** A message on its way through Aedes. */
export interface PublishPacket extends Message {
  readonly cmd: 'publish'
  dup: boolean
  /** Which broker counted the message, and its number there; null for a retained message sent at SUBSCRIBE. */
  readonly brokerId: string | null
  readonly brokerCounter: number
}

export interface ConnectPacket {
  readonly clientId: string
  will?: Message
  password?: Buffer | undefined
}

export interface Subscription {
  readonly topic: string
  readonly qos: Qos
}

export interface Connack {
  readonly returnCode: number
}

/** `done` gives the message's place in Aedes' queue back. */
export type Deliver = (packet: PublishPacket, done: () => void) => void

/** mqtt-packet's parser. */
export interface Parser {
  parse(chunk: Buffer): number
}

export interface Client extends EventEmitter {
  /** null before CONNECT was read. */
  readonly id: string | null
  readonly clean: boolean
  readonly conn: Duplex
  readonly closed: boolean
  readonly connackSent: boolean
  /** By topic filter. */
  readonly subscriptions: Readonly<Record<string, unknown>>
  /** The highest message number seen, by broker. */
  readonly duplicates: Record<string, number>
  /** Said DISCONNECT. */
  readonly _disconnected: boolean
  readonly _parser: Parser
  deliver0: Deliver
  deliverQoS: Deliver
  resume: () => void
  pause(): void
  close(done?: () => void): void
  publish(message: Message, done: (error?: Error) => void): void
}

export interface AedesBroker extends EventEmitter {
  readonly id: string
  readonly connectedClients: number
  readonly clients: Readonly<Record<string, Client>>
  readonly persistence: AedesPersistence
  registerClient: (client: Client) => void
  handle(stream: Duplex): Client
  publish(message: Message, done: (error?: Error) => void): void
  subscribe(topic: string, deliver: Deliver, done?: () => void): void
  unsubscribe(topic: string, deliver: Deliver, done?: () => void): void
  close(done: () => void): void
}

/** What Aedes asks of a persistence. Ids of clients are all it reads of a client. */
export interface AedesPersistence {
  setup(broker: { readonly id: string }): Promise<void>
  storeRetained(packet: PublishPacket): Promise<void>
  createRetainedStreamCombi(filters: readonly string[]): Readable
  addSubscriptions(client: WithId, subscriptions: readonly Subscription[]): Promise<void>
  removeSubscriptions(client: WithId, filters: readonly string[]): Promise<void>
  subscriptionsByClient(client: WithId): Promise<Subscription[]>
  subscriptionsByTopic(topic: string): Promise<unknown[]>
  cleanSubscriptions(client: WithId): Promise<void>
  outgoingEnqueue(subscription: { readonly clientId: string }, packet: PublishPacket): Promise<void>
  outgoingEnqueueCombi(subscriptions: readonly unknown[], packet: PublishPacket): Promise<unknown>
  outgoingUpdate(client: WithId, packet: unknown): Promise<void>
  outgoingClearMessageId(client: WithId, packet: unknown): Promise<unknown>
  outgoingStream(client: WithId): Readable
  incomingStorePacket(client: WithId, packet: unknown): Promise<void>
  incomingGetPacket(client: WithId, packet: unknown): Promise<unknown>
  incomingDelPacket(client: WithId, packet: unknown): Promise<void>
  cleanIncoming(client: WithId): Promise<void>
  delWill(client: WithId): Promise<unknown>
  streamWill(brokers: Readonly<Record<string, number>>): Readable
}

interface WithId {
  readonly id: string | null
}
