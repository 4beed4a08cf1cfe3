import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import { isIPv6, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { handshakeFailure, printable, type HandshakeFailure, type Log, type Signal } from '../registry/index.ts'
import { endWith, refuserOfClientErrors } from './client-errors.ts'
import { RequestError } from './errors.ts'
import { FloodGate } from './flood-gate.ts'
import { createWebServer, httpTimeouts, setCertificate, type Certificate, type HttpTimeouts } from './http-server.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface HttpListenerOptions {
  /** Port 0 picks a free one. */
  readonly address: ListenAddress
  /** Serve HTTPS, TLS 1.2 or newer, instead of HTTP. */
  readonly tls?: Certificate
  readonly app: (request: IncomingMessage, response: ServerResponse) => unknown
  /** Takes over a WebSocket. Without it, an upgrade is an ordinary request. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sees every connection as it is accepted, before TLS. */
  readonly onConnection?: (socket: Socket) => void
  readonly log: Log
  readonly handshakeFailed?: Signal<HandshakeFailure>
  /** Its name in the configuration, for the message when it cannot listen. @defaultValue http, or https with TLS */
  readonly name?: string
  /** Upgraded connections count too. One more is closed at once. @defaultValue 10_000 */
  readonly maxConnections?: number
  readonly timeouts?: Partial<HttpTimeouts>
}

export interface HttpListener {
  readonly address: ListenAddress
  /** @throws {Error} when the listener is plain HTTP, or certificate and key do not work; the old one then stays. */
  setCertificate(certificate: Certificate): void
  /** Frees the port. Connections with a request in flight, and upgraded ones, stay open. */
  stopAccepting(): void
  /**
   * Stops accepting, finishes the requests in flight, closes connections that wait for a request, and after `graceMs`
   * whatever is left, upgraded connections included.
   */
  close(graceMs?: number): Promise<void>
}

const DEFAULT_MAX_CONNECTIONS = 10_000
const DEFAULT_GRACE_MS = 5_000

/** @throws {Error} that names the setting when the address cannot be listened on or the certificate does not work. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const { address, tls, app, onUpgrade, onConnection, log } = options
  const server = createWebServer(tls, { ...httpTimeouts, ...options.timeouts })
  server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS

  /** As accepted; below TLS where there is TLS. */
  const accepted = new Set<Socket>()
  /** Those that speak HTTP, with the responses they are owed. */
  const owed = new Map<Duplex, Set<ServerResponse>>()
  let closing = false

  server.on('connection', (socket: Socket) => {
    accepted.add(socket)
    // Looked up while it is open: Node remembers it for when a handshake has failed.
    void socket.remoteAddress
    socket.once('close', () => accepted.delete(socket))
    onConnection?.(socket)
  })
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    owed.set(socket, new Set())
    socket.once('close', () => owed.delete(socket))
  })

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const responses = owed.get(request.socket)
    responses?.add(response)
    if (closing) response.setHeader('Connection', 'close')
    response.once('close', () => {
      responses?.delete(response)
      if (closing && responses?.size === 0) request.socket.destroySoon()
    })
    app(request, response)
  }
  server.on('request', answer)
  server.on('checkExpectation', answer)
  // 100 is owed when somebody starts to read the body; a refusal by the headers alone comes before it [RFC 9110 §10.1.1].
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    answer(request, response)
  })

  if (onUpgrade !== undefined) {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      owed.delete(socket)
      // Node has taken its own listener off, and whoever takes over may add one late.
      socket.on('error', (error) =>
        log.debug({ event: 'http-connection-failed', reason: printable(error.message) }, 'A connection broke.'),
      )
      try {
        onUpgrade(request, socket, head)
      } catch (error) {
        log.error({ event: 'upgrade-failed', error: String(error) }, 'An upgrade failed; the fault is ours.')
        socket.destroy()
      }
    })
  }
  server.on('connect', (_request: IncomingMessage, socket: Duplex) =>
    endWith(socket, new RequestError('ERR_METHOD_NOT_ALLOWED', 'This is not a proxy.', { headers: { Allow: '' } })),
  )
  server.on('tlsClientError', (error: Error, secure: Socket) =>
    options.handshakeFailed?.emit(handshakeFailure(error, secure, 'https')),
  )
  const refuse = refuserOfClientErrors(log, (socket) => owed.get(socket))
  server.on('clientError', (error, socket) => void refuse(error, socket))

  const dropped = new FloodGate(1, (held) =>
    log.warn({ event: 'http-connections-dropped', held }, 'More connections were closed: the listener is full.'),
  )
  server.on('drop', (connection) => {
    if (!dropped.passes('connections')) return
    const facts = { address: connection?.remoteAddress ?? '', maxConnections: server.maxConnections }
    log.warn({ event: 'http-connection-dropped', ...facts }, 'A connection was closed: the listener is full.')
  })

  await listen(server, address, options.name ?? (tls === undefined ? 'http' : 'https'))
  // Without a listener a failure to accept, for want of file descriptors for example, would end the process.
  server.on('error', (error) => log.error({ event: 'http-listener-failed', error: error.message }, 'Accepting failed.'))

  const closed = once(server, 'close')

  function stopAccepting(): void {
    if (server.listening) server.close()
  }

  async function close(graceMs = DEFAULT_GRACE_MS): Promise<void> {
    closing = true
    stopAccepting()
    for (const [socket, responses] of owed) {
      if (responses.size === 0) socket.destroy()
      for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close')
    }
    const force = setTimeout(() => {
      for (const socket of [...owed.keys(), ...accepted]) socket.destroy()
    }, graceMs)
    await closed
    clearTimeout(force)
  }

  return {
    address: boundAddress(server),
    setCertificate(certificate) {
      if (!(server instanceof HttpsServer)) throw new Error('this listener has no TLS')
      setCertificate(server, certificate)
    },
    stopAccepting,
    close,
  }
}

async function listen(server: Server, { host, port }: ListenAddress, name: string): Promise<void> {
  try {
    // `once` rejects when the server says `error` first.
    const listening = once(server, 'listening')
    server.listen(port, host)
    await listening
  } catch (cause) {
    const setting = `listen.${name} (MOORING_LISTEN_${name.toUpperCase()})`
    const shown = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
    throw new Error(`${setting}: cannot listen on ${shown}: ${reasonOf(cause)}`, { cause })
  }
}

/** With the port that the system picked, where it was asked to. */
function boundAddress(server: Server): ListenAddress {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the listener has no address')
  return { host: bound.address, port: bound.port }
}

function reasonOf(cause: unknown): string {
  switch (cause instanceof Error && 'code' in cause && cause.code) {
    case 'EADDRINUSE':
      return 'another program listens there. Stop it, or choose another port.'
    case 'EACCES':
      return 'this user may not. Choose a port above 1023, or allow it (CAP_NET_BIND_SERVICE).'
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address. Choose one of its own, 127.0.0.1, or 0.0.0.0 for all.'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved. Use an IP address.'
    default:
      return cause instanceof Error ? cause.message : String(cause)
  }
}
