/** Reads one thing after the other. A read beyond the end is a RangeError. */
export class Cursor {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  /** Bytes that have their length before them. */
  bytes(): Buffer {
    return this.take(this.varint())
  }

  take(length: number): Buffer {
    const from = this.at
    this.at += length
    if (this.at > this.#bytes.length) throw new RangeError('it ends too early')
    return this.#bytes.subarray(from, this.at)
  }

  /** Passes over bytes that have their length before them. */
  skipText(): void {
    const length = this.varint()
    this.at += length
  }
}
