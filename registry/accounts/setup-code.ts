import { randomInt, timingSafeEqual } from 'node:crypto'
import { Secret } from '../secret.ts'
import { digestOf } from './opaque.ts'

/** Without those that are taken for one another. */
const ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
const CHARACTERS = 8
const LIFETIME_MS = 60 * 60 * 1000
/** So many wrong ones close it: about one chance in ten thousand million was spent by then. */
const MAX_WRONG = 100

/**
 * What opens the door for the first account of somebody who cannot use the command line: good for an hour and for one
 * account, and for this process only. Whoever reads the output of the process is the operator.
 */
export class SetupCode {
  readonly #now: () => Date
  #open: { readonly digest: string; readonly expiresAt: Date; wrong: number } | undefined

  constructor(now: () => Date) {
    this.#now = now
  }

  /** A new code; the one before is void. */
  make(): { code: Secret; expiresAt: Date } {
    const characters = Array.from({ length: CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
    const expiresAt = new Date(this.#now().getTime() + LIFETIME_MS)
    this.#open = { digest: digestOf(characters), expiresAt, wrong: 0 }
    return { code: new Secret(`${characters.slice(0, 4)}-${characters.slice(4)}`), expiresAt }
  }

  get isOpen(): boolean {
    return this.#open !== undefined && this.#now() < this.#open.expiresAt
  }

  /** Case, spaces and hyphens do not count. */
  isRight(text: string): boolean {
    const open = this.#open
    if (open === undefined || !this.isOpen) return false
    const given = digestOf(text.toUpperCase().replaceAll(/[\s-]/g, ''))
    if (timingSafeEqual(Buffer.from(given), Buffer.from(open.digest))) return true
    open.wrong += 1
    if (open.wrong >= MAX_WRONG) this.close()
    return false
  }

  close(): void {
    this.#open = undefined
  }
}
