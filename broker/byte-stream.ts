import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** How long a connection that ends may take to take what is written to it. */
export const GOODBYE_MS = 2_000

/** Who hears what happens on a stream. */
export interface StreamListener {
  /** What arrived is `bytes[0..end)`, only good for the time of the call: many streams read into one buffer. */
  data(bytes: Buffer, end: number): void
  /** It takes bytes again, after a `write` that was answered with false. */
  writable(): void
  fail(error: Error): void
  /** The other end has said its last, or the stream has closed. */
  close(): void
}

/** What plugins may do with a client's `conn`; over TLS it is the whole stream. */
export interface Conn {
  readonly destroyed: boolean
  destroy(): unknown
}

/** The bytes from and to one client, whatever carries them. */
export interface ByteStream {
  /** As Aedes calls it. */
  readonly conn: Conn
  /** Neither ended nor destroyed. */
  readonly isWritable: boolean
  /** Bytes that were written and are still in this process. */
  readonly waitingBytes: number
  /** Starts to read. Called once. */
  listen(listener: StreamListener): void
  pause(): void
  resume(): void
  /**
   * @returns whether it takes more. `bytes` belong to the writer again if it does and `isCopied` says so.
   */
  write(bytes: Buffer): boolean
  /** Nothing of what was written is still needed. */
  readonly isCopied: boolean
  /** TCP's own keep-alive, where there is one. */
  keepAlive(milliseconds: number): void
  /**
   * Lets what was written leave, and closes; destroys it when that takes too long.
   *
   * @param isOver - the other end has said its last, so that nothing of it is unread when nothing is left to write: it
   * may be closed at once. (With something unread, TCP would reset it, and what is on its way would be lost.)
   */
  end(isOver: boolean): void
  destroy(): void
}

/** Over what Node has streams for: TLS, and TCP where its handle cannot be had. */
export class NodeStream implements ByteStream {
  readonly conn: Duplex
  /** Only a socket hands bytes to the kernel at once. */
  readonly #isSocket: boolean

  constructor(conn: Duplex) {
    this.conn = conn
    this.#isSocket = conn instanceof Socket
  }

  get isWritable(): boolean {
    return !this.conn.destroyed && !this.conn.writableEnded
  }

  get waitingBytes(): number {
    return this.conn.writableLength
  }

  get isCopied(): boolean {
    return this.#isSocket && this.conn.writableLength === 0
  }

  listen(listener: StreamListener): void {
    const { conn } = this
    const close = (): void => listener.close()
    conn.on('data', (chunk: Buffer) => listener.data(chunk, chunk.length))
    conn.on('drain', () => listener.writable())
    conn.on('error', (error: Error) => listener.fail(error))
    conn.on('end', close)
    conn.on('close', close)
    conn.resume()
  }

  pause(): void {
    this.conn.pause()
  }

  resume(): void {
    this.conn.resume()
  }

  write(bytes: Buffer): boolean {
    return this.conn.write(bytes)
  }

  keepAlive(milliseconds: number): void {
    if (this.conn instanceof Socket) this.conn.setKeepAlive(true, milliseconds)
  }

  end(isOver: boolean): void {
    const { conn } = this
    if (conn.destroyed) return
    // TLS has a goodbye of its own.
    const isPlain = this.#isSocket && !(conn instanceof TLSSocket)
    if ((isOver || conn.readableEnded) && isPlain && conn.writableLength === 0) {
      conn.destroy()
      return
    }
    const late = setTimeout(() => conn.destroy(), GOODBYE_MS)
    conn.once('close', () => clearTimeout(late))
    conn.once('finish', () => conn.destroy())
    conn.end()
  }

  destroy(): void {
    this.conn.destroy()
  }
}
