import { decodeText } from './bytes.ts'
import type { FixedHeader } from './fixed-header.ts'
import { ProtocolError } from './protocol-error.ts'

/**
 * Reads the fields of a packet in their order; what is missing or malformed throws. For the packets of which a
 * connection sends few: PUBLISH and its acknowledgements are read in place.
 */
export class Fields {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, { bodyAt, end }: FixedHeader) {
    this.#bytes = bytes
    this.#at = bodyAt
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  /** Most significant byte first. Source: MQTT 3.1.1 §1.5.2. */
  uint16(): number {
    const at = this.#take(2)
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!
  }

  text(): string {
    const length = this.uint16()
    const at = this.#take(length)
    return decodeText(this.#bytes, at, at + length)
  }

  /** Its own copy: the read buffer is used again. */
  binary(): Buffer {
    const length = this.uint16()
    const at = this.#take(length)
    return Buffer.from(this.#bytes.subarray(at, at + length))
  }

  /** [MQTT-2.3.1-1] */
  packetId(): number {
    const id = this.uint16()
    if (id === 0) throw new ProtocolError('packet identifier 0')
    return id
  }

  finish(): void {
    if (this.left > 0) throw new ProtocolError('a packet is longer than its fields')
  }

  #take(count: number): number {
    if (this.left < count) throw new ProtocolError('a packet is shorter than its fields')
    const at = this.#at
    this.#at += count
    return at
  }
}
