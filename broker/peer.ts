import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ByteStream } from './byte-stream.ts'

export type Transport = 'tcp' | 'tls' | 'ws' | 'wss'

/** What admission hears about a connection that it let in. Closing is heard from the stream itself. */
export interface Ticket {
  /** A whole CONNECT has been read; an answer is owed. */
  connectRead(): void
  /** CONNACK 0 was written: the deadline and the cap on those not logged in no longer apply. */
  loggedIn(): void
}

/** The other end of a connection, as far as it is known before it has said anything. */
export interface Peer {
  /** IP address, without a port. */
  readonly address: string
  readonly transport: Transport
  readonly ticket: Ticket
}

/** Takes over a stream whose bytes are MQTT, whatever carried them here. */
export type Accept = (stream: Duplex, peer: Peer) => void

/** The same, for bytes that come without a stream of Node's. */
export type AcceptBytes = (stream: ByteStream, peer: Peer) => void

const NO_TICKET: Ticket = { connectRead: () => {}, loggedIn: () => {} }

/** Of a stream that did not come through one of our doors. */
export const peerOf = (stream: Duplex): Peer => ({
  address: (stream instanceof Socket ? stream.remoteAddress : undefined) ?? '',
  transport: 'tcp',
  ticket: NO_TICKET,
})
