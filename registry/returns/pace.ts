import { RegistryError } from '../errors.ts'

/** Three times at once, for replies that get lost; then once a minute. */
const BURST = 3
const INTERVAL_MS = 60_000

const MOST_REMEMBERED = 10_000

/** How often one device may come back. In memory: a restart forgives. */
export class ReturnPace {
  /** The theoretical arrival time of the generic cell rate algorithm. Source: ITU-T I.371 annex A. */
  readonly #arrivals = new Map<string, number>()
  readonly #elapsedMs: () => number

  /** @param elapsedMs - of a clock that never goes back. */
  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs
  }

  /** @throws {RegistryError} `ERR_RATE_LIMITED`; nothing is then counted. */
  take(deviceId: string): void {
    const at = this.#elapsedMs()
    const arrival = Math.max(at, this.#arrivals.get(deviceId) ?? at)
    const waitMs = arrival - (BURST - 1) * INTERVAL_MS - at
    if (waitMs > 0) {
      throw new RegistryError('ERR_RATE_LIMITED', 'This device registers too often. Try again later.', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      })
    }
    this.#arrivals.delete(deviceId)
    this.#arrivals.set(deviceId, arrival + INTERVAL_MS)
    if (this.#arrivals.size > MOST_REMEMBERED) this.#forget(at)
  }

  /** Those who have waited long enough, and the oldest when there are still too many. */
  #forget(at: number): void {
    for (const [deviceId, arrival] of this.#arrivals) {
      if (arrival <= at || this.#arrivals.size > MOST_REMEMBERED) this.#arrivals.delete(deviceId)
    }
  }
}
