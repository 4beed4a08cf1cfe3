import type { ByteStream } from './byte-stream.ts'
import { ACKNOWLEDGEMENT_BYTES, copyBytes, writeAcknowledgement, type Acknowledgement } from './codec/index.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** Sizes of the blocks that are lent out: an idle connection holds none, a busy one the smallest that does. */
const BLOCK_BYTES = [4096, 16_384, 65_536] as const
const POOLED_BYTES = 8 * 1024 * 1024

/** Written before the turn ends, so that one turn does not gather without end. */
const FLUSH_BYTES = 65_536

/**
 * What one process has to write. Everything that is written in one turn of the event loop leaves in one go for each
 * connection: a write per message is what MQTT brokers spend most of their time on.
 */
export class Flusher {
  #dirty: Output[] = []
  #scheduled = false
  readonly #pools: Buffer[][] = BLOCK_BYTES.map(() => [])
  #pooledBytes = 0

  schedule(output: Output): void {
    this.#dirty.push(output)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flushAll)
  }

  /** A block of at least `bytes`. */
  lend(bytes: number): Buffer {
    const size = BLOCK_BYTES.findIndex((blockBytes) => blockBytes >= bytes)
    if (size < 0) return Buffer.allocUnsafeSlow(bytes)
    const block = this.#pools[size]!.pop()
    if (block === undefined) return Buffer.allocUnsafeSlow(BLOCK_BYTES[size]!)
    this.#pooledBytes -= block.length
    return block
  }

  /** Nobody may look at `block` any more. */
  takeBack(block: Buffer): void {
    const size = BLOCK_BYTES.findIndex((blockBytes) => blockBytes === block.length)
    if (size < 0 || this.#pooledBytes + block.length > POOLED_BYTES) return
    this.#pooledBytes += block.length
    this.#pools[size]!.push(block)
  }

  readonly #flushAll = (): void => {
    this.#scheduled = false
    const outputs = this.#dirty
    this.#dirty = []
    for (const output of outputs) output.flush()
  }
}

export interface Drained {
  /** The client has taken what it was given; what came meanwhile has been given to it, and may wait again. */
  drained(): void
}

/** The bytes on their way to one client: gathered in one buffer, written once a turn, counted while the client does not read. */
export class Output {
  /** The client does not keep up: the kernel takes no more of it. What is written meanwhile waits here. */
  isBlocked = false
  /** When the stream began to take nothing, on the clock of `performance.now`; 0 while it takes what it gets. */
  blockedSince = 0
  readonly #stream: ByteStream
  readonly #flusher: Flusher
  readonly #owner: Drained
  #block: Buffer = NOTHING
  #used = 0
  #isScheduled = false

  constructor(stream: ByteStream, flusher: Flusher, owner: Drained) {
    this.#stream = stream
    this.#flusher = flusher
    this.#owner = owner
  }

  /** Bytes that the client has not taken, as far as this process knows. */
  get waitingBytes(): number {
    return this.#used + this.#stream.waitingBytes
  }

  write(bytes: Buffer): void {
    this.writePart(bytes, 0, bytes.length)
  }

  writePart(bytes: Buffer, start: number, end: number): void {
    const at = this.#reserve(end - start)
    copyBytes(bytes, start, end, this.#block, at)
  }

  /** A PUBLISH of QoS 1 or 2 that was encoded for many: its packet identifier is this client's own. */
  writePublish(bytes: Buffer, start: number, end: number, packetIdAt: number, packetId: number): void {
    const at = this.#reserve(end - start)
    copyBytes(bytes, start, end, this.#block, at)
    const idAt = at + packetIdAt - start
    this.#block[idAt] = packetId >> 8
    this.#block[idAt + 1] = packetId & 0xff
  }

  acknowledge(type: Acknowledgement, packetId: number): void {
    const at = this.#reserve(ACKNOWLEDGEMENT_BYTES)
    writeAcknowledgement(type, packetId, this.#block, at)
  }

  flush(): void {
    this.#isScheduled = false
    if (this.#used === 0 || this.isBlocked) return
    const bytes = this.#block.subarray(0, this.#used)
    const block = this.#block
    this.#block = NOTHING
    this.#used = 0
    if (!this.#stream.isWritable) {
      this.#flusher.takeBack(block)
      return
    }
    if (!this.#stream.write(bytes)) {
      this.isBlocked = true
      this.blockedSince = performance.now()
    } else if (this.#stream.isCopied) this.#flusher.takeBack(block)
  }

  /** The stream takes bytes again. */
  unblock(): void {
    if (!this.isBlocked) return
    this.isBlocked = false
    this.blockedSince = 0
    this.flush()
    this.#owner.drained()
  }

  /** Writes what is left and ends the stream. @param isOver - see `ByteStream.end`. */
  end(isOver: boolean): void {
    if (this.#used > 0 && this.#stream.isWritable) this.#stream.write(this.#block.subarray(0, this.#used))
    this.#block = NOTHING
    this.#used = 0
    this.#stream.end(isOver)
  }

  /** Room for `length` bytes. @returns where in the block it begins. */
  #reserve(length: number): number {
    if (this.#used + length > this.#block.length) this.#grow(length)
    if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#flusher.schedule(this)
    }
    const at = this.#used
    this.#used += length
    return at
  }

  #grow(length: number): void {
    if (this.#used + length > FLUSH_BYTES && this.#used > 0) {
      const isScheduled = this.#isScheduled
      this.flush()
      this.#isScheduled = isScheduled
    }
    const block: Buffer = this.#flusher.lend(Math.max(this.#used + length, this.isBlocked ? 2 * this.#used : 0))
    this.#block.copy(block, 0, 0, this.#used)
    this.#flusher.takeBack(this.#block)
    this.#block = block
  }
}
