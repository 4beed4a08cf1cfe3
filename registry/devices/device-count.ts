/** A count is as good as new for this many times as long as it took. */
const TIMES_AS_LONG = 100

/** Waiting for it is no harm. */
const SHORT_MS = 200

/**
 * How many devices there are. Nobody keeps count while they come and go, so they are counted when somebody asks: at most
 * a hundredth of the time, and never two at once. When that takes long, whoever asks hears of the count before.
 */
export class DeviceCount {
  readonly #countAll: () => Promise<number>
  #known: { readonly count: number; readonly goodUntil: number; readonly isShort: boolean } | undefined
  #counting: Promise<number> | undefined

  constructor(countAll: () => Promise<number>) {
    this.#countAll = countAll
  }

  async get(): Promise<number> {
    if (this.#known !== undefined && performance.now() < this.#known.goodUntil) return this.#known.count
    const counting = (this.#counting ??= this.#countAnew().finally(() => (this.#counting = undefined)))
    if (this.#known === undefined || this.#known.isShort) return await counting
    // Nobody waits for it; the next who asks tries again.
    counting.catch(() => {})
    return this.#known.count
  }

  async #countAnew(): Promise<number> {
    const begun = performance.now()
    const count = await this.#countAll()
    const now = performance.now()
    this.#known = { count, goodUntil: now + (now - begun) * TIMES_AS_LONG, isShort: now - begun < SHORT_MS }
    return count
  }
}
