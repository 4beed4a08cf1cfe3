import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { getSystemErrorName } from 'node:util'
import { GOODBYE_MS, type ByteStream, type StreamListener } from './byte-stream.ts'
import type {
  ListeningHandle,
  ShutdownRequest,
  StreamWrap,
  TcpHandle,
  TcpWrap,
  WriteRequest,
} from './tcp-internals.d.ts'
import type { TlsHandle } from './tls-internals.d.ts'

const READ_BYTES = 65_536

/** libuv's name for it, and its number on every system. */
export const EOF = -4095

/** How long the trial at the start may take. */
export const TRIAL_MS = 1_000

/** What Node keeps under node:net, as far as it still has the shape that we know. */
export class TcpHandles {
  /** One for all connections: what was read is handled before anything else is read. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly wrap: StreamWrap
  /** Node leaves a request alone when the kernel takes everything at once, so the next write can have it. */
  #spare: WriteRequest

  constructor(wrap: StreamWrap) {
    this.wrap = wrap
    this.#spare = new wrap.WriteWrap()
    const { streamBaseState, kReadBytesOrError } = wrap
    this.wasRead = function () {
      this.stream.wasRead(streamBaseState[kReadBytesOrError]!)
    }
  }

  readonly wasRead: TcpHandle['onread']

  /**
   * Takes the connections of `server` from under it.
   *
   * @returns whether that can be done; otherwise the server emits 'connection' as ever.
   */
  takeConnections(server: net.Server, arrived: (handle: TcpHandle) => void, failed: (error: Error) => void): boolean {
    const handle: unknown = Reflect.get(server, '_handle')
    if (!isListening(handle)) return false
    handle.onconnection = (status, accepted) => {
      if (status === 0) arrived(accepted)
      else failed(new Error(`accept ${getSystemErrorName(status)}`))
    }
    return true
  }

  /**
   * Reads and writes from now on by what lies under `socket`, which stays what is opened and closed.
   *
   * @returns undefined when that is nothing that we know: TLS, for one.
   */
  takeFrom(socket: Duplex): TcpStream | undefined {
    const handle: unknown = Reflect.get(socket, '_handle')
    return socket instanceof net.Socket && isTcp(handle) ? new TcpStream(this, handle, true, socket) : undefined
  }

  /** @returns 0 when the kernel has taken all of it, 1 when `wasWritten` will be called, or the number of an error. */
  write(handle: TcpHandle, bytes: Buffer): number {
    const { streamBaseState, kLastWriteWasAsync, WriteWrap } = this.wrap
    const request = this.#spare
    const status = handle.writeBuffer(request, bytes)
    if (status !== 0) {
      // Not known whether it was left alone.
      this.#spare = new WriteWrap()
      return status
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return 0
    this.#spare = new WriteWrap()
    request.stream = handle.stream
    request.bytes = bytes
    request.oncomplete = wasWritten
    return 1
  }

  /** Once all that was written has left, `wasShutDown` is called. @returns whether it will be. */
  shutdown(handle: TcpHandle | TlsHandle): boolean {
    const request = new this.wrap.ShutdownWrap()
    request.stream = handle.stream
    request.oncomplete = wasShutDown
    return handle.shutdown(request) === 0
  }
}

function wasWritten(this: WriteRequest, status: number): void {
  this.stream.wasWritten(status)
}

function wasShutDown(this: ShutdownRequest): void {
  this.stream.destroy()
}

/** Bytes that a stream has read and nobody has heard of. Since Node 26 one `read()` gives one chunk of them. */
export function unreadOf(stream: Duplex): Buffer | undefined {
  const unread: Buffer[] = []
  for (;;) {
    const chunk: unknown = stream.read()
    if (!(chunk instanceof Buffer)) break
    unread.push(chunk)
  }
  return unread.length > 1 ? Buffer.concat(unread) : unread[0]
}

type CloseListener = (this: TcpStream) => void

/**
 * TCP on the handle that lies under a `net.Socket`, without the socket and its two streams: they are half of the memory
 * of an idle connection and of the time of a login (ADR 0008).
 */
export class TcpStream implements ByteStream {
  /** Undefined when the peer has already gone. */
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly #node: TcpHandles
  readonly #handle: TcpHandle
  /** Whose the handle is, when it was taken from one. */
  readonly #socket: net.Socket | undefined
  #isDestroyed = false
  /** What that one has read. */
  #unread: Buffer | undefined
  #listener: StreamListener | undefined
  #closeListener: CloseListener | undefined
  /** All but the first. An array that grows would be the largest part of an idle connection. */
  #closeListeners: CloseListener[] | undefined
  /** Writes of which the kernel has not taken all. */
  #writes = 0
  #isReading = false
  #isEnding = false
  #isHeardOut = false

  constructor(node: TcpHandles, handle: TcpHandle, noDelay: boolean, socket?: net.Socket) {
    this.#node = node
    this.#handle = handle
    this.#socket = socket
    if (socket !== undefined) {
      this.#unread = unreadOf(socket)
      handle.readStop()
      socket.once('close', () => this.#closed())
    }
    handle.stream = this
    handle.onread = node.wasRead
    if (noDelay) handle.setNoDelay(true)
    const peer: { address?: string; port?: number } = {}
    handle.getpeername(peer)
    this.remoteAddress = peer.address
    this.remotePort = peer.port
  }

  get conn(): this {
    return this
  }

  /** Also when somebody else has destroyed the socket: admission may. */
  get destroyed(): boolean {
    return this.#isDestroyed || this.#socket?.destroyed === true
  }

  get isWritable(): boolean {
    return !this.destroyed && !this.#isEnding
  }

  get waitingBytes(): number {
    return this.#writes === 0 || this.destroyed ? 0 : this.#handle.writeQueueSize
  }

  get isCopied(): boolean {
    return this.#writes === 0
  }

  listen(listener: StreamListener): void {
    this.#listener = listener
    if (this.destroyed) return
    this.#handle.useUserBuffer(this.#node.readBuffer)
    this.resume()
    const unread = this.#unread
    this.#unread = undefined
    if (unread !== undefined) listener.data(unread, unread.length)
  }

  /** `close`: nothing of it is left. */
  on(_event: 'close', listener: CloseListener): this {
    if (this.#closeListener === undefined) this.#closeListener = listener
    else if (this.#closeListeners === undefined) this.#closeListeners = [listener]
    else this.#closeListeners.push(listener)
    return this
  }

  pause(): void {
    if (this.destroyed || !this.#isReading) return
    this.#isReading = false
    this.#handle.readStop()
  }

  resume(): void {
    if (this.destroyed || this.#isReading || this.#isHeardOut) return
    this.#isReading = true
    const status = this.#handle.readStart()
    if (status !== 0) this.#failLater('read', status)
  }

  write(bytes: Buffer): boolean {
    const status = this.#node.write(this.#handle, bytes)
    if (status < 0) this.#failLater('write', status)
    else if (status > 0) this.#writes += 1
    return this.#writes === 0
  }

  keepAlive(milliseconds: number): void {
    if (!this.destroyed) this.#handle.setKeepAlive(true, Math.ceil(milliseconds / 1000))
  }

  end(isOver: boolean): void {
    if (this.destroyed || this.#isEnding) return
    if ((isOver || this.#isHeardOut) && this.#writes === 0) return this.destroy()
    this.#isEnding = true
    const late = setTimeout(() => this.destroy(), GOODBYE_MS)
    this.on('close', () => clearTimeout(late))
    if (!this.#node.shutdown(this.#handle)) this.destroy()
  }

  destroy(): void {
    if (this.destroyed) return
    this.#isDestroyed = true
    if (this.#socket === undefined) this.#handle.close(() => this.#closed())
    else this.#socket.destroy()
  }

  // ---- what Node calls

  /** `count` bytes are in the read buffer, or it is the number of an error. */
  wasRead(count: number): void {
    if (this.destroyed) return
    if (count > 0) this.#listener?.data(this.#node.readBuffer, count)
    else if (count === EOF) {
      this.#isHeardOut = true
      this.#listener?.close()
    } else if (count < 0) this.#fail('read', count)
  }

  wasWritten(status: number): void {
    this.#writes -= 1
    if (this.destroyed) return
    if (status < 0) this.#fail('write', status)
    else if (this.#writes === 0) this.#listener?.writable()
  }

  /** Not in the midst of a delivery. */
  #failLater(what: string, status: number): void {
    process.nextTick(() => this.#fail(what, status))
  }

  #fail(what: string, status: number): void {
    if (this.destroyed) return
    const code = getSystemErrorName(status)
    this.destroy()
    this.#listener?.fail(Object.assign(new Error(`${what} ${code}`), { code }))
  }

  #closed(): void {
    this.#listener?.close()
    this.#closeListener?.call(this)
    for (const listener of this.#closeListeners ?? []) listener.call(this)
  }
}

// ---- whether this Node is as we know it

/** @returns undefined when anything is not as it should be: then `net.Socket` does it all. */
export async function openTcpHandles(): Promise<TcpHandles | undefined> {
  try {
    const wrap = bindingOf('stream_wrap')
    if (!isStreamWrap(wrap)) return undefined
    const node = new TcpHandles(wrap)
    return (await echoes(node)) ? node : undefined
  } catch {
    // No loopback, no permission, no such binding.
    return undefined
  }
}

export function bindingOf(name: string): unknown {
  const binding: unknown = Reflect.get(process, 'binding')
  return typeof binding === 'function' ? Reflect.apply(binding, process, [name]) : undefined
}

function isStreamWrap(wrap: unknown): wrap is StreamWrap {
  const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync }: Partial<StreamWrap> =
    Object(wrap)
  return (
    typeof WriteWrap === 'function' &&
    typeof ShutdownWrap === 'function' &&
    ArrayBuffer.isView(streamBaseState) &&
    typeof kReadBytesOrError === 'number' &&
    typeof kLastWriteWasAsync === 'number'
  )
}

/** In a worker of node:cluster it is something else. */
const isListening = (handle: unknown): handle is TcpHandle & ListeningHandle => isTcp(handle)

function isTcp(handle: unknown): handle is TcpHandle {
  const { TCP }: Partial<TcpWrap> = Object(bindingOf('tcp_wrap'))
  return typeof TCP === 'function' && handle instanceof TCP
}

/** One connection over loopback, through all that a client's goes through; and one that was a socket first. */
async function echoes(node: TcpHandles): Promise<boolean> {
  const ways: readonly Way[] = [
    (server, arrived, failed) =>
      node.takeConnections(server, (handle) => arrived(new TcpStream(node, handle, true)), failed),
    (server, arrived, failed) =>
      server.on('connection', (socket) => {
        const stream = node.takeFrom(socket)
        if (stream === undefined) failed(new Error('not taken'))
        else arrived(stream)
      }),
  ]
  const trials = await Promise.all(ways.map(echoesBy))
  return trials.every((isAsEver) => isAsEver)
}

type Way = (server: net.Server, arrived: (stream: TcpStream) => void, failed: (error: Error) => void) => unknown

async function echoesBy(way: Way): Promise<boolean> {
  const sent = 'is it as ever?'
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') return false
  let client: net.Socket | undefined
  try {
    const closed = new Promise<void>((resolve, reject) => {
      if (way(server, (stream) => echo(stream.on('close', resolve)), reject) === false) reject(new Error('not taken'))
    })
    client = net.connect(address.port, address.address)
    client.setTimeout(TRIAL_MS, () => client?.destroy(new Error('no answer')))
    client.end(sent)
    const [heard] = await Promise.all([client.toArray(), closed])
    return Buffer.concat(heard).toString() === sent
  } finally {
    client?.destroy()
    server.close()
  }
}

function echo(stream: TcpStream): void {
  stream.listen({
    data: (bytes, end) => void stream.write(Buffer.from(bytes.subarray(0, end))),
    writable: () => {},
    fail: () => {},
    close: () => stream.end(false),
  })
}
