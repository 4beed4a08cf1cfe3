/**
 * Keeps a flood of requests from becoming a flood of log lines: lets `perSecond` lines through in any second, and
 * reports after it how many of each kind were held back.
 */
export class FloodGate {
  readonly #perSecond: number
  readonly #report: (held: Readonly<Record<string, number>>) => void
  readonly #held = new Map<string, number>()
  #passed = 0
  #counting = false

  constructor(perSecond: number, report: (held: Readonly<Record<string, number>>) => void) {
    this.#perSecond = perSecond
    this.#report = report
  }

  /** @returns whether a line of this kind may be written now. */
  passes(kind: string): boolean {
    this.#count()
    if (this.#passed < this.#perSecond) {
      this.#passed += 1
      return true
    }
    this.#held.set(kind, (this.#held.get(kind) ?? 0) + 1)
    return false
  }

  /** No timer runs while nothing happens, and a report that waits never keeps the process alive. */
  #count(): void {
    if (this.#counting) return
    this.#counting = true
    setTimeout(() => this.#endSecond(), 1000).unref()
  }

  #endSecond(): void {
    this.#counting = false
    this.#passed = 0
    if (this.#held.size === 0) return
    const held = Object.fromEntries(this.#held)
    this.#held.clear()
    this.#report(held)
  }
}
