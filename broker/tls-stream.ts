import { once } from 'node:events'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { getSystemErrorName } from 'node:util'
import { GOODBYE_MS, type ByteStream, type StreamListener } from './byte-stream.ts'
import { bindingOf, EOF, TRIAL_MS, unreadOf, type TcpHandles } from './tcp-stream.ts'
import type { WriteRequest } from './tcp-internals.d.ts'
import type { TlsHandle, TlsWrap } from './tls-internals.d.ts'

/** What Node keeps under node:tls, as far as it still has the shape that we know. */
export class TlsHandles {
  /** The one that TCP has too. */
  readonly readBuffer: Buffer
  readonly #tcp: TcpHandles
  readonly #wrap: TlsWrap
  readonly #wasRead: TlsHandle['onread']

  constructor(tcp: TcpHandles, wrap: TlsWrap) {
    this.readBuffer = tcp.readBuffer
    this.#tcp = tcp
    this.#wrap = wrap
    const { streamBaseState, kReadBytesOrError } = tcp.wrap
    this.#wasRead = function () {
      this.stream.wasRead(streamBaseState[kReadBytesOrError]!)
    }
  }

  /**
   * Reads and writes from now on by what lies under `socket`, whose handshake is over. The socket stays what is opened and
   * closed, and what tells of errors.
   *
   * @returns undefined when that is nothing that we know.
   */
  takeFrom(socket: Duplex): TlsStream | undefined {
    const handle: unknown = Reflect.get(socket, '_handle')
    if (!(socket instanceof tls.TLSSocket) || !(handle instanceof this.#wrap.TLSWrap)) return undefined
    const stream = new TlsStream(this, handle, socket)
    handle.stream = stream
    handle.onread = this.#wasRead
    return stream
  }

  /** @returns 0 when `wasWritten` will be called (or was, with an error), or the number of an error. */
  write(handle: TlsHandle, bytes: Buffer): number {
    const request = new this.#tcp.wrap.WriteWrap()
    request.stream = handle.stream
    request.oncomplete = wasWritten
    return handle.writeBuffer(request, bytes)
  }

  /** Once the goodbye has left, the stream is destroyed. @returns whether it will be. */
  shutdown(handle: TlsHandle): boolean {
    return this.#tcp.shutdown(handle)
  }
}

function wasWritten(this: WriteRequest, status: number): void {
  this.stream.wasWritten(status)
}

/** TLS, after its handshake, on the handle that lies under a `TLSSocket`, without the streams of that (ADR 0008). */
export class TlsStream implements ByteStream {
  readonly conn: tls.TLSSocket
  readonly #node: TlsHandles
  readonly #handle: TlsHandle
  /** What the socket has read. */
  #unread: Buffer | undefined
  #listener: StreamListener | undefined
  /** Bytes of the one write that Node has not completed: it does so in the next turn at the earliest. */
  #writing = 0
  #isWriting = false
  /** What was written meanwhile. */
  #waiting: Buffer | undefined
  /** The last write was answered with false. */
  #isBlocked = false
  #isReading = false
  #isEnding = false
  #isHeardOut = false

  constructor(node: TlsHandles, handle: TlsHandle, socket: tls.TLSSocket) {
    this.#node = node
    this.#handle = handle
    this.conn = socket
    this.#unread = unreadOf(socket)
    handle.readStop()
    if (socket.writableLength === 0) return
    // It may have said something (101 Switching Protocols): nothing is before what comes last is through.
    this.#isWriting = true
    socket.write('', () => this.wasWritten(0))
  }

  get isWritable(): boolean {
    return !this.conn.destroyed && !this.#isEnding
  }

  get waitingBytes(): number {
    return this.#writing + (this.#waiting?.length ?? 0)
  }

  /** What is written is encrypted at once. */
  get isCopied(): boolean {
    return this.#waiting === undefined
  }

  listen(listener: StreamListener): void {
    const { conn } = this
    this.#listener = listener
    if (conn.destroyed) return
    conn.on('error', (error: Error) => listener.fail(error))
    conn.on('close', () => listener.close())
    this.#handle.useUserBuffer(this.#node.readBuffer)
    this.resume()
    const unread = this.#unread
    this.#unread = undefined
    if (unread !== undefined) listener.data(unread, unread.length)
  }

  /** The rest of what has been read from TCP is still told. */
  pause(): void {
    if (this.conn.destroyed || !this.#isReading) return
    this.#isReading = false
    this.#handle.readStop()
  }

  resume(): void {
    if (this.conn.destroyed || this.#isReading || this.#isHeardOut) return
    this.#isReading = true
    const status = this.#handle.readStart()
    if (status !== 0) this.#failLater('read', status)
  }

  write(bytes: Buffer): boolean {
    if (!this.#isWriting) {
      this.#start(bytes)
      return true
    }
    this.#isBlocked = true
    this.#waiting = this.#waiting === undefined ? bytes : Buffer.concat([this.#waiting, bytes])
    return false
  }

  keepAlive(milliseconds: number): void {
    this.conn.setKeepAlive(true, milliseconds)
  }

  end(): void {
    if (!this.isWritable) return
    this.#isEnding = true
    const late = setTimeout(() => this.destroy(), GOODBYE_MS)
    this.conn.once('close', () => clearTimeout(late))
    if (!this.#isWriting) this.#sayGoodbye()
  }

  destroy(): void {
    this.conn.destroy()
  }

  #start(bytes: Buffer): void {
    this.#isWriting = true
    this.#writing = bytes.length
    const status = this.#node.write(this.#handle, bytes)
    if (status !== 0) this.#failLater('write', status)
  }

  /** TLS has one of its own; it must not overtake what was written. */
  #sayGoodbye(): void {
    if (!this.#node.shutdown(this.#handle)) this.destroy()
  }

  // ---- what Node calls

  /** `count` bytes are in the read buffer, or it is the number of an error. */
  wasRead(count: number): void {
    if (this.conn.destroyed) return
    if (count > 0) this.#listener?.data(this.#node.readBuffer, count)
    else if (count === EOF) {
      this.#isHeardOut = true
      this.#listener?.close()
    } else if (count < 0) this.#fail('read', count)
  }

  wasWritten(status: number): void {
    this.#isWriting = false
    this.#writing = 0
    if (this.conn.destroyed) return
    if (status < 0) return this.#failLater('write', status)
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.#start(waiting)
    else if (this.#isEnding) this.#sayGoodbye()
    else if (this.#isBlocked) {
      this.#isBlocked = false
      this.#listener?.writable()
    }
  }

  /** Not in the midst of a delivery. */
  #failLater(what: string, status: number): void {
    process.nextTick(() => this.#fail(what, status))
  }

  /** The listener hears of it as of any error of the socket. */
  #fail(what: string, status: number): void {
    const code = getSystemErrorName(status)
    this.conn.destroy(Object.assign(new Error(`${what} ${code}`), { code }))
  }
}

// ---- whether this Node is as we know it

/** @returns undefined when anything is not as it should be: then `TLSSocket` does it all. */
export async function openTlsHandles(tcp: TcpHandles | undefined): Promise<TlsHandles | undefined> {
  if (tcp === undefined) return undefined
  try {
    const wrap = bindingOf('tls_wrap')
    if (!isTlsWrap(wrap)) return undefined
    const node = new TlsHandles(tcp, wrap)
    return (await echoes(node)) ? node : undefined
  } catch {
    // No permission, no such binding, no such cipher.
    return undefined
  }
}

const METHODS = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'shutdown'] as const

function isTlsWrap(wrap: unknown): wrap is TlsWrap {
  const { TLSWrap }: Partial<TlsWrap> = Object(wrap)
  if (typeof TLSWrap !== 'function') return false
  const prototype: unknown = Reflect.get(TLSWrap, 'prototype')
  return METHODS.every((name) => typeof Object(prototype)[name] === 'function')
}

/** A key of the trial only, so that no certificate is needed. */
const TRIAL_KEY = { identity: 'trial', psk: Buffer.alloc(16, 'trial') }
const TRIAL_OPTIONS = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const

/** One connection over loopback, spoken on and heard from before it is taken, through all that a client's goes through. */
async function echoes(node: TlsHandles): Promise<boolean> {
  const unread = 'tell me, '
  const sent = 'is it as ever?'
  const server = tls.createServer({ ...TRIAL_OPTIONS, pskCallback: () => TRIAL_KEY.psk, pskIdentityHint: '' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let client: net.Socket | undefined
  try {
    const closed = new Promise<void>((resolve, reject) => {
      server.on('tlsClientError', reject)
      server.on('secureConnection', (secure) => {
        secure.once('close', () => resolve())
        secure.write('hello, ')
        secure.unshift(unread)
        const stream = node.takeFrom(secure)
        if (stream === undefined) reject(new Error('not taken'))
        else echo(stream)
      })
    })
    const address = server.address()
    if (address === null || typeof address === 'string') return false
    client = tls.connect({
      ...TRIAL_OPTIONS,
      port: address.port,
      host: address.address,
      pskCallback: () => TRIAL_KEY,
      checkServerIdentity: () => undefined,
    })
    client.setTimeout(TRIAL_MS, () => client?.destroy(new Error('no answer')))
    client.end(sent)
    const [heard] = await Promise.all([client.toArray(), closed])
    return Buffer.concat(heard).toString() === `hello, ${unread}${sent}`
  } finally {
    client?.destroy()
    server.close()
  }
}

/** Says it in two writes, of which the second waits for the first. */
function echo(stream: TlsStream): void {
  stream.listen({
    data(bytes, end) {
      stream.write(Buffer.from(bytes.subarray(0, 1)))
      stream.write(Buffer.from(bytes.subarray(1, end)))
    },
    writable: () => {},
    fail: () => {},
    close: () => stream.end(),
  })
}
