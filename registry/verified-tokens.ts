import type { JWTPayload } from 'jose'

interface VerifiedToken {
  readonly payload: JWTPayload
  /** When it holds, in seconds since 1970. */
  readonly from: number
  readonly before: number
  /** Whether the key that verified it still may. */
  readonly mayVerify: () => boolean
}

/**
 * Remembers tokens that held, by their exact text: the same one is flashed into every device, and its signature, algorithm
 * and issuer never change. Time does, and keys retire, so these are looked at each time. Bounded; what was refused is not kept.
 */
export class VerifiedTokens {
  readonly #capacity: number
  readonly #leewaySeconds: number
  /** In the order they came: the first is the one to give up. */
  readonly #tokens = new Map<string, VerifiedToken>()

  constructor(capacity: number, leewaySeconds: number) {
    this.#capacity = capacity
    this.#leewaySeconds = leewaySeconds
  }

  /** @returns undefined for a token that is not remembered, or does not hold at this time. */
  find(token: string, seconds: number): JWTPayload | undefined {
    const known = this.#tokens.get(token)
    if (known === undefined || seconds < known.from || seconds >= known.before) return undefined
    return known.mayVerify() ? known.payload : undefined
  }

  add(token: string, payload: JWTPayload, mayVerify: () => boolean = () => true): void {
    const { nbf = -Infinity, exp = Infinity } = payload
    this.#tokens.set(token, { payload, mayVerify, from: nbf - this.#leewaySeconds, before: exp + this.#leewaySeconds })
    if (this.#tokens.size <= this.#capacity) return
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest)
      break
    }
  }
}
