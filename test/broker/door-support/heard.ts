import assert from 'node:assert/strict'
import type { ByteStream, StreamListener } from '../../../broker/byte-stream.ts'
import type { Peer } from '../../../broker/peer.ts'

/** A stream that came in, and what was heard of it. */
export class Heard implements StreamListener {
  readonly stream: ByteStream
  readonly peer: Peer | undefined
  readonly errors: Error[] = []
  text = ''
  bytes = 0
  writables = 0
  isOver = false
  /** Says back what it hears. */
  echoes = false

  constructor(stream: ByteStream, peer?: Peer) {
    this.stream = stream
    this.peer = peer
  }

  data(bytes: Buffer, end: number): void {
    this.bytes += end
    if (this.text.length < 100) this.text += bytes.toString('latin1', 0, end)
    if (this.echoes) this.stream.write(Buffer.from(bytes.subarray(0, end)))
  }

  writable(): void {
    this.writables += 1
  }

  fail(error: Error): void {
    this.errors.push(error)
  }

  /** As a connection does. */
  close(): void {
    this.isOver = true
    if (this.peer !== undefined) this.stream.end(false)
  }
}

/** Writes until the kernel takes no more. @returns how much that was. */
export function fill(stream: ByteStream): number {
  for (let written = 0; written < 64_000_000; written += 1_000_000) {
    if (!stream.write(Buffer.alloc(1_000_000, 'm'))) return written + 1_000_000
  }
  return assert.fail('the kernel takes everything')
}
