import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { createAdmission, type Admission, type AdmissionLimits } from '../../../broker/admission.ts'
import type { Accept, AcceptBytes, Peer } from '../../../broker/peer.ts'
import { createWebSocketDoor, type WebSocketDoor, type WebSocketDoorOptions } from '../../../broker/websocket.ts'
import { openTcpHandles } from '../../../broker/tcp-stream.ts'
import { openTlsHandles } from '../../../broker/tls-stream.ts'
import { aLog, LIMITS } from './connections.ts'
import { Heard } from './heard.ts'

/** What a listener needs, and what came through it. */
export interface Inside {
  readonly admission: Admission
  readonly accept: Accept
  readonly log: ReturnType<typeof aLog>
  readonly accepted: { readonly stream: Duplex; readonly peer: Peer }[]
  busy: boolean
}

/** Every accepted stream echoes what it reads, unless `accept` says otherwise. */
export function anInside(t: TestContext, limits: Partial<AdmissionLimits> = {}, accept: Accept = echo): Inside {
  const log = aLog()
  const inside: Inside = {
    admission: createAdmission({ limits: { ...LIMITS, ...limits }, busy: () => inside.busy, log }),
    accept(stream, peer) {
      inside.accepted.push({ stream, peer })
      accept(stream, peer)
    },
    log,
    accepted: [],
    busy: false,
  }
  t.after(() => inside.admission.close())
  return inside
}

export const echo: Accept = (stream) => {
  stream.pipe(stream)
}

/** What carries the frames. */
export type Carrier = 'handle' | 'socket' | 'TLS handle' | 'TLS socket'

export interface WebSocketServerUnderTest {
  readonly door: WebSocketDoor
  readonly port: number
  /** `ws://…` or `wss://…`, without a path. */
  readonly url: string
  /** What came in, unless it went to an `acceptBytes` of the test's own. */
  readonly heard: Heard[]
}

export interface WebSocketServerOptions extends Partial<WebSocketDoorOptions> {
  readonly tls?: https.ServerOptions
  /** @defaultValue 'handle' */
  readonly carrier?: Carrier
  /** Whether what comes in is said back. */
  readonly echoes?: boolean
}

export async function aWebSocketServer(
  t: TestContext,
  inside: Inside,
  options: WebSocketServerOptions = {},
): Promise<WebSocketServerUnderTest> {
  const { tls, carrier = 'handle', echoes = true, ...doorOptions } = options
  const heard: Heard[] = []
  const acceptBytes: AcceptBytes = (stream, peer) => {
    const one = new Heard(stream, peer)
    one.echoes = echoes
    heard.push(one)
    stream.listen(one)
  }
  const taken = carrier === 'handle' || carrier === 'TLS handle' ? await openTcpHandles() : undefined
  const door = createWebSocketDoor({
    ...inside,
    acceptBytes,
    maxMessageBytes: 1_048_576,
    handles: taken,
    tlsHandles: carrier === 'TLS handle' ? await openTlsHandles(taken) : undefined,
    ...doorOptions,
  })
  const server = tls === undefined ? http.createServer() : https.createServer(tls)
  server.on('request', (_request, response) => response.end('not mqtt'))
  server.on('connection', (socket: net.Socket) => door.connectionOpened(socket))
  server.on('upgrade', (request, socket, head) => door.handleUpgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    await door.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const scheme = tls === undefined ? 'ws' : 'wss'
  return { door, port: address.port, url: `${scheme}://127.0.0.1:${address.port}`, heard }
}

/** What a client of MQTT over WebSocket asks for. */
export const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n')

/** A connected TCP socket whose errors do not matter: the server may end it at any moment. */
export async function aSocket(t: TestContext, port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Resolves with everything the other end sent before it closed. */
export async function untilClosed(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}
