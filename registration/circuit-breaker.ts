/** The other side has failed so often that it is left alone for a while. */
export class CircuitOpen extends Error {
  override readonly name = 'CircuitOpen'
}

const FAILURES = 5
const OPEN_MS = 30_000

/**
 * Leaves a service alone that does not answer: after five failures in a row nobody asks it for 30 s, then one does, and
 * by its answer the rest may again. Until then callers learn at once what they would have learnt after a time-out.
 */
export class CircuitBreaker {
  readonly #now: () => number
  #failures = 0
  #openUntil = -Infinity
  #probing = false

  /** @param now - milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** @throws {CircuitOpen} without having called `work`; else whatever it throws. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    const open = this.#failures >= FAILURES
    if (open && (this.#probing || this.#now() < this.#openUntil)) {
      throw new CircuitOpen(`it failed ${this.#failures} times in a row and is left alone for now`)
    }
    this.#probing = open
    try {
      const result = await work()
      this.#failures = 0
      return result
    } catch (error) {
      this.#failures++
      if (this.#failures >= FAILURES) this.#openUntil = this.#now() + OPEN_MS
      throw error
    } finally {
      if (open) this.#probing = false
    }
  }
}
