import type { TcpStream } from './tcp-stream.ts'
import type { TlsStream } from './tls-stream.ts'

/**
 * What we use of the handles under node:net: no public API, though it has had this shape since Node 12. Whether it has it
 * still is tried at each start (tcp-stream.ts).
 */

export interface TcpHandle {
  /** Ours: whose handle it is. */
  stream: TcpStream
  /** Called with `this` the handle; what was read is said in `StreamWrap.streamBaseState`. */
  onread: (this: TcpHandle) => void
  /** Reads go into this buffer from now on. */
  useUserBuffer(buffer: Buffer): void
  /** These answer 0, or the negative number of an error. */
  readStart(): number
  readStop(): number
  writeBuffer(request: WriteRequest, bytes: Buffer): number
  shutdown(request: ShutdownRequest): number
  setNoDelay(enable: boolean): number
  setKeepAlive(enable: boolean, seconds: number): number
  getpeername(into: { address?: string; port?: number }): number
  close(closed: () => void): void
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number
}

/** One that is waited for: Node fills nothing in when the kernel takes everything at once. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  /** Ours: whose, and what must not be collected before it was written. */
  stream: TcpStream | TlsStream
  bytes: Buffer | undefined
}

export interface ShutdownRequest {
  oncomplete: (this: ShutdownRequest, status: number) => void
  stream: TcpStream | TlsStream
}

export interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest
  readonly ShutdownWrap: new () => ShutdownRequest
  readonly streamBaseState: Readonly<Record<number, number>>
  /** Indexes of `streamBaseState`. */
  readonly kReadBytesOrError: number
  readonly kLastWriteWasAsync: number
}

export interface TcpWrap {
  readonly TCP: new (kind: number) => TcpHandle
}

export interface ListeningHandle {
  onconnection: (this: ListeningHandle, status: number, handle: TcpHandle) => void
}
