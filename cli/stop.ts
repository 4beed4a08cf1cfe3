/** Ends a run early, when it is interrupted, fails somewhere else or takes too long, and cleans up after it either way. */
export class Stop {
  /** What the run is doing, as in "could not …". */
  step = ''
  interrupted = false

  readonly #stopped: Promise<never>
  readonly #deadline: NodeJS.Timeout
  readonly #cleanings: (() => Promise<unknown>)[] = []
  #reject: (reason: Error) => void = () => {}

  constructor(deadlineMs: number) {
    this.#stopped = new Promise((_resolve, reject) => {
      this.#reject = reject
    })
    // Whoever waits hears of it; between two waits nobody does.
    this.#stopped.catch(() => {})
    this.#deadline = setTimeout(() => this.fail(new Error(`it took longer than ${deadlineMs / 1000} s`)), deadlineMs)
  }

  interrupt(): void {
    this.interrupted = true
    this.fail(new Error('it was interrupted'))
  }

  fail(reason: Error): void {
    this.#reject(reason)
  }

  /** Waits for `work`, unless the run is to stop. */
  orElse<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#stopped])
  }

  /** To be done at the end, in the opposite order. */
  later(cleaning: () => Promise<unknown>): void {
    this.#cleanings.push(cleaning)
  }

  async cleanUp(): Promise<void> {
    clearTimeout(this.#deadline)
    // One that fails has told its reason before, or leaves nothing that the next could not remove.
    for (const cleaning of this.#cleanings.toReversed()) await cleaning().catch(() => {})
  }
}
