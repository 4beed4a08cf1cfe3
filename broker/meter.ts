import type { Connection } from './connection.ts'
import type { ConnectionLimits } from './limits.ts'

/** A pause is not worth the trouble below this, and one longer would look like a broken connection. */
const SHORTEST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 5_000

/** A client that is always too fast is reported this often. */
const REPORT_EVERY_MS = 60_000

/**
 * How fast one client may talk: a second's worth at once, then as fast as the limits say. One that is faster is not cut
 * off but read more slowly, which TCP lets it feel.
 */
export class Meter {
  readonly #messageRate: number
  readonly #byteRate: number
  #messages: number
  #bytes: number
  #filledAt = performance.now()
  #pause: NodeJS.Timeout | undefined
  #reportedAt = -Infinity

  constructor({ maxPublishRate, maxByteRate }: Pick<ConnectionLimits, 'maxPublishRate' | 'maxByteRate'>) {
    this.#messageRate = maxPublishRate
    this.#byteRate = maxByteRate
    this.#messages = maxPublishRate
    this.#bytes = maxByteRate
  }

  message(): void {
    this.#messages -= 1
  }

  /** Bytes have come; what the last ones held has been counted. */
  bytes(connection: Connection, count: number): void {
    this.#bytes -= count
    if (this.#messages >= 0 && this.#bytes >= 0) return
    this.#refill()
    if (this.#messages < 0 || this.#bytes < 0) this.#slowDown(connection)
  }

  stop(): void {
    clearTimeout(this.#pause)
    this.#pause = undefined
  }

  #refill(): void {
    const now = performance.now()
    const seconds = (now - this.#filledAt) / 1000
    this.#filledAt = now
    this.#messages = Math.min(this.#messages + seconds * this.#messageRate, this.#messageRate)
    this.#bytes = Math.min(this.#bytes + seconds * this.#byteRate, this.#byteRate)
  }

  #slowDown(connection: Connection): void {
    const owedMs = 1000 * Math.max(-this.#messages / this.#messageRate, -this.#bytes / this.#byteRate)
    if (owedMs < SHORTEST_PAUSE_MS || this.#pause !== undefined) return
    this.#report(connection)
    connection.input.hold()
    this.#pause = setTimeout(
      () => {
        this.#pause = undefined
        this.#refill()
        connection.input.release()
      },
      Math.min(owedMs, LONGEST_PAUSE_MS),
    )
  }

  #report(connection: Connection): void {
    const { counters, reports } = connection.context
    counters.throttled += 1
    const now = performance.now()
    if (now - this.#reportedAt < REPORT_EVERY_MS) return
    this.#reportedAt = now
    reports.throttled(connection)
  }
}
