/** The longest that `setTimeout` can wait. */
export const LONGEST_OVERLAP_MS = 2 ** 31 - 1

/** Tells when access secrets that were replaced stop being valid. After a restart nobody is connected with one. */
export class Overlaps {
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #now: () => Date
  readonly #ended: (accessKey: string) => void

  constructor(now: () => Date, ended: (accessKey: string) => void) {
    this.#now = now
    this.#ended = ended
  }

  /** One time for each access key: the last that was given. */
  watch(accessKey: string, until: string): void {
    clearTimeout(this.#timers.get(accessKey))
    const leftMs = Math.min(Math.max(Date.parse(until) - this.#now().getTime(), 0), LONGEST_OVERLAP_MS)
    const timer = setTimeout(() => {
      this.#timers.delete(accessKey)
      this.#ended(accessKey)
    }, leftMs)
    this.#timers.set(accessKey, timer.unref())
  }
}
