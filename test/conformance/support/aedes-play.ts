import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { IConnectPacket } from 'mqtt-packet'
import type { WireClient } from '../../broker/support/wire.ts'

// Of what the cases of Aedes' events and hooks are made.

/** What is looked at of a client. */
export interface Client {
  readonly id: string | null
  readonly connecting: boolean
  readonly connected: boolean
}

export interface Message {
  readonly cmd?: string
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos?: number
  readonly messageId?: number
}

export interface Subscription {
  readonly topic: string
  readonly qos: number
}

export type Done<T = unknown> = (error: Error | null, value?: T) => void

/** The hooks, as Aedes' options name them. */
export interface Hooks {
  preConnect(client: Client, packet: { clientId: string }, done: Done<boolean>): void
  authenticate(client: Client, userName: string | undefined, password: Buffer | undefined, done: Done<boolean>): void
  authorizePublish(client: Client | null, packet: Message, done: Done): void
  authorizeSubscribe(client: Client, subscription: Subscription, done: Done<Subscription | null>): void
  authorizeForward(client: Client, packet: Message): Message | null
  published(packet: Message, client: Client | null, done: Done): void
}

export interface Stage {
  readonly aedes: EventEmitter & {
    readonly id: string
    readonly connectedClients: number
    publish(packet: object, done: (error?: Error) => void): void
    subscribe(topic: string, deliver: (packet: Message, done: () => void) => void, done: () => void): void
    close(done: () => void): void
  }
  readonly accept: (stream: Duplex) => unknown
}

export type Name =
  | keyof Hooks
  | 'client'
  | 'clientReady'
  | 'clientDisconnect'
  | 'clientError'
  | 'connectionError'
  | 'keepaliveTimeout'
  | 'publish'
  | 'ack'
  | 'ping'
  | 'subscribe'
  | 'unsubscribe'
  | 'connackSent'
  | 'closed'

export interface Play extends Stage {
  /** Opens a connection without a word. */
  readonly dial: () => WireClient
  /** Opens one, and logs in with this client id. */
  readonly login: (clientId: string, connect?: Partial<IConnectPacket>) => Promise<WireClient>
}

export interface EventCase {
  readonly name: string
  /** Which events and hooks are looked at; all others may happen or not. */
  readonly watched: readonly Name[]
  readonly hooks?: Partial<Hooks>
  readonly play: (play: Play) => Promise<unknown>
  readonly expected: readonly string[]
}
