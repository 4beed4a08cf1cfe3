import type net from 'node:net'
import tls from 'node:tls'
import { handshakeFailure, type HandshakeFailure, type Log, type Signal } from '../registry/index.ts'
import type { Accept, AcceptBytes, Ticket } from './peer.ts'
import type { TlsHandles } from './tls-stream.ts'

/** PEM: the certificate with its chain, and its private key. */
export interface TlsCredentials {
  readonly cert: Buffer | string
  readonly key: Buffer | string
}

/** Who gets a connection once its handshake is done. */
export interface AfterHandshake {
  readonly accept: Accept
  /** Gets it in the place of `accept` where TLS can be had without the streams of a `TLSSocket`. */
  readonly acceptBytes?: AcceptBytes
  /** How it can be; undefined where it cannot. */
  readonly tlsHandles?: TlsHandles | undefined
}

/**
 * TLS on sockets that admission has let in. The server never listens itself: it is handed each socket by its 'connection'
 * event, which node:tls documents for that, so a handshake is under the caps and the deadline as a CONNECT is.
 */
export class Handshakes {
  readonly #server: tls.Server
  readonly #after: AfterHandshake
  readonly #log: Log
  /** Where a handshake under way leads to, by the one thing the socket under it and the one over it both know. */
  readonly #underWay = new Map<string, (secure: tls.TLSSocket) => void>()

  constructor(
    credentials: TlsCredentials,
    after: AfterHandshake,
    log: Log,
    handshakeFailed?: Signal<HandshakeFailure>,
  ) {
    this.#after = after
    this.#log = log
    this.#server = tls.createServer(secureOptions(credentials))
    this.#server.on('secureConnection', (secure) => this.#finish(secure))
    // The other end speaks no TLS, or none that is safe enough. Node has destroyed the socket already.
    this.#server.on('tlsClientError', (error, secure) => {
      this.#failed(error)
      handshakeFailed?.emit(handshakeFailure(error, secure, 'tls'))
    })
  }

  /** New handshakes use it. @throws {Error} when it cannot be used; nothing has changed then. */
  setCertificate(credentials: TlsCredentials): void {
    this.#server.setSecureContext(secureOptions(credentials))
  }

  begin(socket: net.Socket, address: string, ticket: Ticket): void {
    const key = endpointOf(socket)
    const { accept, acceptBytes, tlsHandles } = this.#after
    this.#underWay.set(key, (secure) => {
      secure.pause()
      const peer = { address, transport: 'tls', ticket } as const
      const stream = acceptBytes && tlsHandles?.takeFrom(secure)
      if (stream === undefined) accept(secure, peer)
      else acceptBytes?.(stream, peer)
    })
    socket.once('close', () => this.#underWay.delete(key))
    this.#server.emit('connection', socket)
  }

  #finish(secure: tls.TLSSocket): void {
    secure.on('error', (error) => {
      this.#failed(error)
      // Node reports a record it cannot decrypt and leaves the socket open; nothing would ever be read from it again.
      secure.destroy()
    })
    const key = endpointOf(secure)
    const lead = this.#underWay.get(key)
    this.#underWay.delete(key)
    // None when the peer went away with the last byte of the handshake.
    if (lead === undefined) secure.destroy()
    else lead(secure)
  }

  #failed(error: Error): void {
    this.#log.debug({ event: 'connection-failed', listener: 'mqtts', reason: error.message }, 'A connection failed.')
  }
}

const endpointOf = (socket: net.Socket): string => `${socket.remoteAddress ?? ''} ${socket.remotePort ?? ''}`

/** @throws {Error} naming the settings, when OpenSSL does not take the pair. */
function secureOptions({ cert, key }: TlsCredentials): tls.SecureContextOptions {
  const options = { cert, key, minVersion: 'TLSv1.2' } as const
  try {
    tls.createSecureContext(options)
    return options
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `The certificate or its private key cannot be used: ${reason}. ` +
        'tls.cert (MOORING_TLS_CERT) and tls.key (MOORING_TLS_KEY) must name PEM files that belong together; the key must not be encrypted.',
      { cause },
    )
  }
}
