import type { ShutdownRequest, WriteRequest } from './tcp-internals.d.ts'
import type { TlsStream } from './tls-stream.ts'

/** What we use of the handle under a `TLSSocket`, which is no public API either. It is tried at a start with TLS. */
export interface TlsHandle {
  /** Ours: whose handle it is. */
  stream: TlsStream
  /** Called with `this` the handle; what was decrypted is said in `StreamWrap.streamBaseState`. */
  onread: (this: TlsHandle) => void
  /** What is decrypted goes into this buffer from now on. */
  useUserBuffer(buffer: Buffer): void
  /** These answer 0, or the negative number of an error. */
  readStart(): number
  readStop(): number
  /**
   * The bytes are encrypted, or copied, when it returns. Only ever one at a time: Node aborts the process when there is a
   * second before the first is complete.
   */
  writeBuffer(request: WriteRequest, bytes: Buffer): number
  /** Says close_notify, and then shuts TCP down. Nothing may be on its way. */
  shutdown(request: ShutdownRequest): number
}

export interface TlsWrap {
  readonly TLSWrap: new () => TlsHandle
}
