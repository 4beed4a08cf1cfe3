import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * Remembers which secret was last verified for an access key, so that a device that comes back costs microseconds.
 * Holds HMAC-SHA256 under a key that this process made for itself, never a secret; bounded; failures are not kept.
 */
export class VerifiedSecrets {
  readonly #key = randomBytes(32)
  readonly #capacity: number
  /** In the order of use: the first is the one to give up. One byte a character: a Buffer would take five times as much. */
  readonly #digests = new Map<string, string>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  digest(accessKey: string, accessSecret: string): Buffer {
    // The access key has no NUL, so no pair of texts can be read as another pair.
    return createHmac('sha256', this.#key).update(accessKey).update('\0').update(accessSecret).digest()
  }

  has(accessKey: string, digest: Buffer): boolean {
    const known = this.#digests.get(accessKey)
    if (known === undefined || !timingSafeEqual(Buffer.from(known, 'latin1'), digest)) return false
    this.#digests.delete(accessKey)
    this.#digests.set(accessKey, known)
    return true
  }

  add(accessKey: string, digest: Buffer): void {
    this.#digests.delete(accessKey)
    this.#digests.set(accessKey, digest.toString('latin1'))
    if (this.#digests.size <= this.#capacity) return
    for (const oldest of this.#digests.keys()) {
      this.#digests.delete(oldest)
      break
    }
  }

  forget(accessKey: string): void {
    this.#digests.delete(accessKey)
  }
}
