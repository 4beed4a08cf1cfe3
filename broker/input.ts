import type { ByteStream } from './byte-stream.ts'
import { FixedHeader, readFixedHeader } from './codec/index.ts'

/** Who gets the packets of one client, one after the other. */
export interface PacketHandler {
  /** The largest packet that may come next, in bytes, its fixed header included. */
  readonly maxPacketBytes: number
  /** A packet has begun whose end has not arrived. Its type and flags are known, its length perhaps. To throw refuses it. */
  begun(header: FixedHeader): void
  /** Some bytes have arrived, whole packets or not. */
  bytesArrived(count: number): void
  /** It was not read for a while, and is from now on. */
  readAgain(): void
  /** One whole packet: `bytes` from `start` to `header.end`. Both are only good for the time of the call. */
  packet(bytes: Buffer, start: number, header: FixedHeader): void
  /** The other end broke a rule. */
  malformed(error: unknown): void
}

/** Reused: packets are handled one at a time. */
const header = new FixedHeader()

const LEAST_PARTIAL_BYTES = 64

/**
 * Cuts the bytes of one client into control packets, in place: only a packet that spans several reads is copied. While
 * it is held nothing is handled and nothing more is read.
 */
export class Input {
  readonly #stream: ByteStream
  readonly #handler: PacketHandler
  #held = 0
  #closed = false
  #isCutting = false
  /** The beginning of a packet whose end has not arrived. */
  #partial: Buffer | undefined
  #partialBytes = 0
  /** Bytes that arrived and were not looked at, because the input was held. */
  #unread: Buffer | undefined

  constructor(stream: ByteStream, handler: PacketHandler) {
    this.#stream = stream
    this.#handler = handler
  }

  get isHeld(): boolean {
    return this.#held > 0
  }

  /** Nothing is handled until as many releases have come. */
  hold(): void {
    this.#held += 1
  }

  release(): void {
    this.#held -= 1
    if (this.#held > 0 || this.#closed || this.#isCutting) return
    this.#handler.readAgain()
    const unread = this.#unread
    this.#unread = undefined
    if (unread !== undefined) this.#receive(unread, unread.length)
    if (this.#held === 0 && !this.#closed) this.#stream.resume()
  }

  /** Whatever comes from now on is thrown away. */
  close(): void {
    this.#closed = true
    this.#partial = undefined
    this.#unread = undefined
  }

  /** `chunk[0..end)` has arrived; the buffer is not ours. */
  data(chunk: Buffer, end: number): void {
    if (this.#closed) return
    this.#handler.bytesArrived(end)
    this.#receive(chunk, end)
  }

  #receive(chunk: Buffer, end: number): void {
    if (this.#held > 0) return this.#keep(chunk, 0, end)
    this.#isCutting = true
    try {
      const at = this.#partial === undefined ? 0 : this.#complete(chunk, end)
      this.#cut(chunk, at, end)
    } catch (error) {
      this.#handler.malformed(error)
    } finally {
      this.#isCutting = false
    }
  }

  #cut(chunk: Buffer, from: number, end: number): void {
    let at = from
    while (at < end && this.#held === 0 && !this.#closed) {
      if (!readFixedHeader(chunk, at, end, this.#handler.maxPacketBytes, header)) {
        this.#begin(chunk, at, end)
        return
      }
      const start = at
      at = header.end
      this.#handler.packet(chunk, start, header)
    }
    if (at < end && !this.#closed) this.#keep(chunk, at, end)
  }

  #keep(chunk: Buffer, from: number, end: number): void {
    const arrived = chunk.subarray(from, end)
    this.#unread = this.#unread === undefined ? Buffer.from(arrived) : Buffer.concat([this.#unread, arrived])
    this.#stream.pause()
  }

  /** Keeps the beginning of a packet. What was announced is not believed: the buffer grows with what arrives. */
  #begin(chunk: Buffer, at: number, end: number): void {
    this.#handler.begun(header)
    const bytes = end - at
    this.#partial = Buffer.allocUnsafe(Math.min(Math.max(2 * bytes, LEAST_PARTIAL_BYTES), this.#handler.maxPacketBytes))
    this.#partialBytes = chunk.copy(this.#partial, 0, at, end)
  }

  /** Adds to the packet that has begun, and handles it when that makes it whole. @returns how much of `chunk` it took. */
  #complete(chunk: Buffer, end: number): number {
    const { maxPacketBytes } = this.#handler
    let taken = 0
    for (;;) {
      if (readFixedHeader(this.#partial!, 0, this.#partialBytes, maxPacketBytes, header)) {
        const packet = this.#partial!
        this.#partial = undefined
        this.#handler.packet(packet, 0, header)
        return taken
      }
      if (taken === end) return taken
      // While it is not known how long the packet is: one byte at a time, at most four times.
      const wanted = header.packetBytes === 0 ? 1 : header.packetBytes - this.#partialBytes
      const count = Math.min(wanted, end - taken)
      this.#append(chunk, taken, count)
      taken += count
    }
  }

  #append(chunk: Buffer, from: number, count: number): void {
    let partial = this.#partial!
    if (this.#partialBytes + count > partial.length) {
      partial = Buffer.allocUnsafe(Math.max(2 * partial.length, this.#partialBytes + count))
      this.#partial!.copy(partial, 0, 0, this.#partialBytes)
      this.#partial = partial
    }
    chunk.copy(partial, this.#partialBytes, from, from + count)
    this.#partialBytes += count
  }
}
