const MINUTE_MS = 60_000
const MINUTES = 60

/**
 * How many things happened within the last hour, counted by the minute. The minute that is leaving counts whole, so never
 * more than the limit happen within any hour, and a place becomes free up to a minute late.
 *
 * Times are milliseconds of a clock that never goes back: one that somebody sets must neither open nor close it.
 */
export class HourlyWindow {
  readonly #minutes = new Map<number, number>()

  add(at: number, count = 1): void {
    const minute = minuteOf(at)
    const sum = (this.#minutes.get(minute) ?? 0) + count
    if (sum === 0) this.#minutes.delete(minute)
    else this.#minutes.set(minute, sum)
  }

  /** Takes back what was added for that time. */
  remove(at: number): void {
    if (this.#minutes.has(minuteOf(at))) this.add(at, -1)
  }

  count(now: number): number {
    this.#forget(now)
    let sum = 0
    for (const count of this.#minutes.values()) sum += count
    return sum
  }

  /** Seconds until the oldest of them leaves the window. */
  secondsToNext(now: number): number {
    const oldest = Math.min(minuteOf(now), ...this.#minutes.keys())
    return Math.max(1, Math.ceil(((oldest + MINUTES + 1) * MINUTE_MS - now) / 1000))
  }

  #forget(now: number): void {
    const current = minuteOf(now)
    for (const minute of this.#minutes.keys()) if (current - minute > MINUTES) this.#minutes.delete(minute)
  }
}

const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS)
