import type { HashedSecret } from './prepared-secrets.ts'
import { Secret } from './secret.ts'

const FIRST_BYTES = 16 * 1024

/**
 * Hashed secrets as bytes, one behind the other: a third of the memory that they take as objects, out of sight of the
 * garbage collector, and what is given away is wiped. The last that came is the first to go.
 */
export class SecretStack {
  #bytes = Buffer.alloc(0)
  /** Where each begins, and behind them where the next will. */
  #starts: number[] = [0]

  get size(): number {
    return this.#starts.length - 1
  }

  push({ secret, hash }: HashedSecret): void {
    const text = `${secret.reveal()} ${hash}`
    const start = this.#end
    const end = start + Buffer.byteLength(text)
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.write(text, start)
    this.#starts.push(end)
  }

  pop(): HashedSecret | undefined {
    if (this.size === 0) return undefined
    const end = this.#end
    this.#starts.pop()
    const text = this.#bytes.toString('utf8', this.#end, end)
    this.#bytes.fill(0, this.#end, end)
    const space = text.indexOf(' ')
    return { secret: new Secret(text.slice(0, space)), hash: text.slice(space + 1) }
  }

  clear(): void {
    this.#bytes.fill(0)
    this.#bytes = Buffer.alloc(0)
    this.#starts = [0]
  }

  get #end(): number {
    return this.#starts.at(-1) ?? 0
  }

  #grow(least: number): void {
    const old = this.#bytes
    this.#bytes = Buffer.alloc(Math.max(FIRST_BYTES, old.length * 2, least))
    old.copy(this.#bytes)
    old.fill(0)
  }
}
