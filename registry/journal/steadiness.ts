/** Slower than this a clock is corrected, faster it is set. */
const JUMP_MS = 60_000

/** Whoever set it wrong has looked at it by then. */
const SETTLES_MS = 3_600_000

/**
 * Whether the clock of the machine can be believed: one that was just set, by hand or by a server of time, may be set
 * again, and what is removed for its age is gone.
 */
export class Steadiness {
  readonly #now: () => Date
  readonly #elapsedMs: () => number
  #difference: number
  #jumpedAt: number

  /** @param elapsedMs - of a clock that never goes back. */
  constructor(now: () => Date, elapsedMs: () => number) {
    this.#now = now
    this.#elapsedMs = elapsedMs
    this.#difference = now().getTime() - elapsedMs()
    // Nothing is known yet of what the clock did before.
    this.#jumpedAt = elapsedMs()
  }

  /** To be asked every few minutes: a clock that goes a little wrong for weeks has not jumped. */
  isSteady(): boolean {
    const elapsed = this.#elapsedMs()
    const difference = this.#now().getTime() - elapsed
    if (Math.abs(difference - this.#difference) > JUMP_MS) this.#jumpedAt = elapsed
    this.#difference = difference
    return elapsed - this.#jumpedAt >= SETTLES_MS
  }
}
