import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from './principal.ts'

interface Verified {
  /** One byte a character: a Buffer would take five times as much. */
  readonly digest: string
  readonly principal: Principal
}

/**
 * Remembers which secret was last verified for an access key and whom it proved, so that a device that comes back costs
 * microseconds. Holds HMAC-SHA256 under a key that this process made for itself, never a secret; bounded; failures are
 * not kept.
 */
export class VerifiedSecrets {
  readonly #key = randomBytes(32)
  readonly #capacity: number
  /** In the order of use: the first is the one to give up. */
  readonly #verified = new Map<string, Verified>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  digest(accessKey: string, accessSecret: string): Buffer {
    // The access key has no NUL, so no pair of texts can be read as another pair.
    return createHmac('sha256', this.#key).update(`${accessKey}\0${accessSecret}`).digest()
  }

  /** @returns undefined when this is not the secret that was verified last. */
  find(accessKey: string, digest: Buffer): Principal | undefined {
    const known = this.#verified.get(accessKey)
    if (known === undefined || !timingSafeEqual(Buffer.from(known.digest, 'latin1'), digest)) return undefined
    this.#verified.delete(accessKey)
    this.#verified.set(accessKey, known)
    return known.principal
  }

  add(accessKey: string, digest: Buffer, principal: Principal): void {
    this.#verified.delete(accessKey)
    this.#verified.set(accessKey, { digest: digest.toString('latin1'), principal })
    if (this.#verified.size <= this.#capacity) return
    for (const oldest of this.#verified.keys()) {
      this.#verified.delete(oldest)
      break
    }
  }

  forget(accessKey: string): void {
    this.#verified.delete(accessKey)
  }
}
