import { duplexPair, type Duplex } from 'node:stream'
import type { Broker } from '../../../broker/broker.ts'

/** The far end of a connection, as bytes: whole control packets as they came, understood by nobody. */
export class RawClient {
  readonly packets: Buffer[] = []
  isClosed = false
  readonly #stream: Duplex
  readonly #waiting = new Set<() => void>()
  #rest: Buffer = Buffer.alloc(0)

  constructor(broker: Pick<Broker, 'accept'>) {
    const [near, far] = duplexPair()
    // Unlike those of a socket, the ends of a pair do not hear of each other's end.
    far.once('close', () => near.push(null))
    near.once('close', () => far.destroy())
    this.#stream = near
    near.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk])
      this.#cut()
      this.#wake()
    })
    near.on('error', () => {})
    for (const event of ['close', 'end']) {
      near.once(event, () => {
        this.isClosed = true
        this.#wake()
      })
    }
    const ticket = { connectRead: () => {}, loggedIn: () => {} }
    broker.accept(far, { address: '192.0.2.7', transport: 'tcp', ticket })
  }

  /** Bytes that have come and are no whole packet yet. */
  get rest(): Buffer {
    return this.#rest
  }

  write(bytes: Uint8Array): void {
    if (!this.#stream.destroyed) this.#stream.write(bytes)
  }

  /** Goes away without a word. */
  drop(): void {
    this.#stream.destroy()
  }

  /** @returns false when `holds` was still false after `milliseconds`, or can no longer become true. */
  async until(holds: () => boolean, milliseconds = 2_000): Promise<boolean> {
    const late = Date.now() + milliseconds
    while (!holds()) {
      const left = late - Date.now()
      if (this.isClosed || left <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return true
  }

  #cut(): void {
    for (;;) {
      let [length, at] = [0, 1]
      for (; ; at++) {
        const digit = this.#rest[at]
        if (digit === undefined) return
        length += (digit & 0x7f) * 128 ** (at - 1)
        if (digit < 0x80) break
      }
      const end = at + 1 + length
      if (this.#rest.length < end) return
      this.packets.push(this.#rest.subarray(0, end))
      this.#rest = this.#rest.subarray(end)
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }
}
