import type { EventEmitter } from 'node:events'
import type { Duplex, Readable } from 'node:stream'

/**
 * What we use of Aedes 1.2.0: the surfaces of the broker, its hooks and its persistence contract. The package's own types
 * lack most of it. A contract test fails when one of these changes shape.
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
  /** Which broker counted the message, and its number there; null before Aedes has counted it. */
  readonly brokerId: string | null
  readonly brokerCounter: number
}

export interface ConnectPacket {
  readonly clientId: string
  readonly clean: boolean
  readonly keepalive: number
  readonly protocolVersion: number
  readonly will?: Message
  readonly username?: string
  readonly password?: Buffer
}

export interface Subscription {
  readonly topic: string
  readonly qos: Qos
}

export interface Connack {
  readonly cmd: 'connack'
  readonly returnCode: number
  readonly sessionPresent: boolean
}

/** `done` is called when the listener is ready for more; the router does not wait for it. */
export type Deliver = (packet: PublishPacket, done: () => void) => void

/** What Aedes needs of a connection, whatever its class: `clients` holds them, `registerClient` closes a predecessor. */
export interface AedesClient {
  readonly id: string | null
  readonly clean: boolean
  readonly closed: boolean
  /** Aedes deletes from it what another broker of a cluster had counted. */
  readonly duplicates: Readonly<Record<string, number>>
  close(done?: () => void): void
}

export type Done = (error?: Error | null) => void

/** What Aedes asks, as its documentation has it. */
export interface AedesHooks<Client> {
  preConnect(client: Client, packet: ConnectPacket, done: (error: Error | null, go?: boolean) => void): void
  authenticate(
    client: Client,
    userName: string | undefined,
    password: Buffer | undefined,
    done: (error: (Error & { readonly returnCode?: number }) | null, go: boolean | null) => void,
  ): void
  authorizePublish(client: Client | null, packet: PublishPacket, done: Done): void
  authorizeSubscribe(
    client: Client,
    subscription: Subscription,
    done: (error: Error | null, granted: Subscription | null) => void,
  ): void
  authorizeForward<Packet extends PublishPacket | StoredPublish>(
    client: Client,
    packet: Packet,
  ): Packet | null | undefined
  published(packet: PublishPacket, client: Client | null, done: Done): void
}

/** An instance of Aedes; `Client` is the connection class that its `handle` makes. */
export interface AedesBroker<Client extends AedesClient = AedesClient> extends EventEmitter, AedesHooks<Client> {
  readonly id: string
  counter: number
  readonly closed: boolean
  readonly connectedClients: number
  readonly clients: Readonly<Record<string, Client>>
  readonly persistence: AedesPersistence
  readonly opts: { readonly connectTimeout: number }
  handle: (stream: Duplex, request?: unknown) => Client

  registerClient(client: Client): void
  unregisterClient(client: Client): void
  publish(message: Message, client: Client | Done | null, done?: Done): void
  subscribe(topic: string, deliver: Deliver, done?: () => void): void
  unsubscribe(topic: string, deliver: Deliver, done?: () => void): void
  close(done: () => void): void
}

export interface StoredPublish extends Omit<PublishPacket, 'brokerId'> {
  readonly brokerId: string
  /** Set once it was sent. */
  readonly messageId?: number | undefined
}

/** Who wants a message kept. */
export interface OfflineSubscription extends Subscription {
  readonly clientId: string
}

/** What Aedes asks of a persistence. Ids are all that is read of a client. */
export interface AedesPersistence {
  setup(broker: { readonly id: string }): Promise<void>
  storeRetained(packet: PublishPacket): Promise<void>
  createRetainedStreamCombi(filters: readonly string[]): Readable | AsyncIterable<PublishPacket>
  addSubscriptions(client: WithId, subscriptions: readonly Subscription[]): Promise<void>
  removeSubscriptions(client: WithId, filters: readonly string[]): Promise<void>
  subscriptionsByClient(client: WithId): Promise<Subscription[]>
  subscriptionsByTopic(topic: string): Promise<readonly OfflineSubscription[]>
  cleanSubscriptions(client: WithId): Promise<void>
  outgoingEnqueue(subscription: { readonly clientId: string }, packet: PublishPacket): Promise<void>
  outgoingEnqueueCombi(subscriptions: readonly OfflineSubscription[], packet: PublishPacket): Promise<unknown>
  /** Rejects with `no such packet`. */
  outgoingUpdate(
    client: WithId,
    packet: Partial<Omit<PublishPacket, 'cmd'>> & { cmd?: string; messageId: number },
  ): Promise<void>
  outgoingClearMessageId(client: WithId, packet: { readonly messageId: number }): Promise<unknown>
  outgoingStream(client: WithId): AsyncIterable<unknown>
  incomingStorePacket(client: WithId, packet: unknown): Promise<void>
  /** Rejects with `no such packet`. */
  incomingGetPacket(client: WithId, packet: { readonly messageId: number }): Promise<unknown>
  incomingDelPacket(client: WithId, packet: { readonly messageId: number }): Promise<void>
  cleanIncoming(client: WithId): Promise<void>
  putWill(client: WithId, packet: unknown): Promise<unknown>
  delWill(client: WithId): Promise<unknown>
  streamWill(brokers: Readonly<Record<string, number>>): AsyncIterable<unknown>
}

interface WithId {
  readonly id: string | null
}
