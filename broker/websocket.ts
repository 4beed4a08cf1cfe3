import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { plainAddress, type Admission } from './admission.ts'
import { NodeStream, type ByteStream } from './byte-stream.ts'
import type { Log } from '../registry/index.ts'
import type { AcceptBytes, Ticket, Transport } from './peer.ts'
import type { TcpHandles } from './tcp-stream.ts'
import type { TlsHandles } from './tls-stream.ts'
import { CLOSE_CODE, FrameWriter } from './websocket-frames.ts'
import { WebSocketStream } from './websocket-stream.ts'

/** mqtt.js connects to `/` by default, paho to `/mqtt`. */
const PATHS: readonly string[] = ['/', '/mqtt']

/** Best first: MQTT 3.1.1 [MQTT-6.0.0-3], and the name that clients of MQTT 3.1 offer. */
const SUBPROTOCOLS: readonly string[] = ['mqtt', 'mqttv3.1']

export interface WebSocketDoorOptions {
  readonly admission: Admission
  /** Gets each connection that was let in. */
  readonly acceptBytes: AcceptBytes
  readonly log: Log
  /** Of one WebSocket message, which may hold several MQTT packets or a part of one. Longer ones close with 1009. */
  readonly maxMessageBytes: number
  /** What a connection may send before a whole CONNECT has been read, pings and empty frames included. @defaultValue 65_536 */
  readonly maxBytesBeforeConnect?: number
  /** To have TCP without the socket around it. */
  readonly handles?: TcpHandles | undefined
  /** And TLS. */
  readonly tlsHandles?: TlsHandles | undefined
}

/** MQTT over WebSocket, on an HTTP listener that belongs to somebody else. */
export interface WebSocketDoor {
  /** For the 'connection' event of the HTTP or HTTPS server: the deadline counts from there. */
  connectionOpened(socket: Socket): void
  /** For its 'upgrade' event. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Refuses new ones, closes what is open with 1001, and resolves when all have closed, in 2 s at the latest. */
  close(): Promise<void>
}

export function createWebSocketDoor(options: WebSocketDoorOptions): WebSocketDoor {
  return new Door(options)
}

class Door implements WebSocketDoor {
  readonly #options: WebSocketDoorOptions
  readonly #server: WebSocketServer
  readonly #frames = new FrameWriter()
  readonly #open = new Map<Duplex, WebSocketStream>()
  /** `performance.now()` at accept, by endpoint: over TLS the socket that upgrades is not the one that was accepted. */
  readonly #acceptedAt = new Map<string, number>()
  #closing = false

  constructor(options: WebSocketDoorOptions) {
    this.#options = options
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Deflate costs memory and time for each connection; MQTT payloads are small.
      perMessageDeflate: false,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
      WebSocket: Handshake,
    })
  }

  connectionOpened(socket: Socket): void {
    const key = endpointOf(socket)
    this.#acceptedAt.set(key, performance.now())
    socket.once('close', () => this.#acceptedAt.delete(key))
  }

  // The Origin header is not looked at. It protects against pages that use a browser's cookies behind its user's back;
  // MQTT carries its credentials in CONNECT, so a page from anywhere can do no more than a program from anywhere.
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node has taken its own listeners off, and an 'error' that nobody listens to would end the process.
    socket.on('error', (error) => this.#failed(error))
    const refusal = this.#closing ? CLOSED : refusalOf(request)
    if (refusal !== undefined) {
      refuse(socket, refusal)
      return
    }
    const { remoteAddress } = request.socket
    // Undefined when the peer has already gone.
    if (remoteAddress === undefined) {
      socket.destroy()
      return
    }
    const address = plainAddress(remoteAddress)
    const open = (ticket: Ticket): void => this.#upgrade(request, socket, head, address, ticket)
    this.#options.admission.admit(socket, address, open, this.#acceptTimeOf(request.socket))
  }

  async close(): Promise<void> {
    this.#closing = true
    const closed = [...this.#open.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const stream of this.#open.values()) stream.end()
    await Promise.all(closed)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, address: string, ticket: Ticket): void {
    this.#server.handleUpgrade(request, socket, head, () => {
      if (this.#closing) {
        socket.destroy()
        return
      }
      const stream = this.#streamOver(socket, head)
      this.#open.set(socket, stream)
      socket.once('close', () => this.#open.delete(socket))
      this.#options.acceptBytes(stream, { address, transport: transportOf(request), ticket: guarded(stream, ticket) })
    })
  }

  #streamOver(socket: Duplex, head: Buffer): WebSocketStream {
    const { handles, tlsHandles, maxMessageBytes, maxBytesBeforeConnect = 65_536 } = this.#options
    if (socket instanceof Socket) {
      // The deadlines of HTTP are over, and packets are gathered by whoever writes.
      socket.setTimeout(0)
      socket.setNoDelay()
    }
    if (head.length > 0) socket.unshift(head)
    const carrier: ByteStream = handles?.takeFrom(socket) ?? tlsHandles?.takeFrom(socket) ?? new NodeStream(socket)
    return new WebSocketStream(carrier, {
      frames: this.#frames,
      maxMessageBytes,
      maxBytesBeforeTrust: maxBytesBeforeConnect,
      closeCode: () => (this.#closing ? CLOSE_CODE.goingAway : CLOSE_CODE.normal),
    })
  }

  /** A connection that has served requests before (kept alive by a proxy, say) begins anew with its upgrade. */
  #acceptTimeOf(socket: Socket): number | undefined {
    return socket.bytesWritten > 0 ? undefined : this.#acceptedAt.get(endpointOf(socket))
  }

  #failed(error: Error): void {
    this.#options.log.debug(
      { event: 'connection-failed', listener: 'websocket', reason: error.message },
      'A connection failed.',
    )
  }
}

/** Ends a connection that sends more than it may before its CONNECT is whole. */
const guarded = (stream: WebSocketStream, ticket: Ticket): Ticket => ({
  connectRead() {
    stream.trust()
    ticket.connectRead()
  },
  loggedIn: () => ticket.loggedIn(),
})

/** ws shakes hands and would then read frames from the socket; this one leaves it to us. ADR 0010 says why. */
class Handshake extends WebSocket {
  setSocket(): void {}
}

interface Refusal {
  readonly status: string
  readonly text: string
}

const CLOSED: Refusal = { status: '503 Service Unavailable', text: 'The server is shutting down.' }

/** Answered in HTTP, as nothing has been upgraded yet. What ws itself checks (RFC 6455 §4.2.1) is left to it. */
function refusalOf(request: IncomingMessage): Refusal | undefined {
  const [path = ''] = (request.url ?? '').split('?')
  if (!PATHS.includes(path)) {
    return { status: '404 Not Found', text: `MQTT over WebSocket is served at ${PATHS.join(' and ')}.` }
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (!offered.some((name) => SUBPROTOCOLS.includes(name))) {
    // [MQTT-6.0.0-3]: the client MUST offer it.
    return {
      status: '400 Bad Request',
      text: `MQTT over WebSocket needs the header Sec-WebSocket-Protocol with ${SUBPROTOCOLS.join(' or ')}.`,
    }
  }
  return undefined
}

function refuse(socket: Duplex, { status, text }: Refusal): void {
  const body = `${text}\n`
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const transportOf = (request: IncomingMessage): Transport => ('encrypted' in request.socket ? 'wss' : 'ws')

const endpointOf = ({ localPort, remoteAddress, remotePort }: Socket): string =>
  `${localPort ?? ''} ${remoteAddress ?? ''} ${remotePort ?? ''}`
