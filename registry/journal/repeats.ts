import type { Journal } from './journal.ts'
import type { JournalFacts } from './entry.ts'

export interface Clock {
  readonly now: () => Date
}

interface Repeated {
  facts: JournalFacts
  /** Since the entry that told of the first. */
  count: number
  since: string
}

/** What is told again within this time is counted, and told of in one entry at its end. */
const WINDOW_MS = 60_000

/** So many entries at once, then one a second: 26 MB a day, whoever knocks how often. What is beyond is counted by kind and code. */
const BURST = 2_000
const INTERVAL_MS = 1_000

/**
 * What strangers can cause at any rate. The first of a kind is told at once; the same again within a minute is counted.
 * All of it together writes at a bounded rate, so that a flood cannot wash out of the journal what happened before.
 */
export class Repeats {
  readonly #journal: Pick<Journal, 'record'>
  readonly #now: () => Date
  readonly #windowMs: number
  #kept = new Map<string, Repeated>()
  #others = new Map<string, Repeated>()
  #allowance = BURST
  #filledAt: number
  #timer: NodeJS.Timeout | undefined

  constructor(journal: Pick<Journal, 'record'>, now: () => Date, windowMs = WINDOW_MS) {
    this.#journal = journal
    this.#now = now
    this.#windowMs = windowMs
    this.#filledAt = performance.now()
  }

  /**
   * @param same - what makes it the same as another.
   * @param facts - asked for when they are needed.
   */
  tell(same: string, facts: () => JournalFacts): void {
    this.#timer ??= setTimeout(() => this.#endWindow(), this.#windowMs).unref()
    const known = this.#kept.get(same)
    if (known !== undefined) {
      if (known.count === 0) known.since = this.#now().toISOString()
      known.count += 1
      return
    }
    const told = facts()
    if (this.#mayWrite()) {
      this.#kept.set(same, { facts: told, count: 0, since: '' })
      this.#journal.record(told)
    } else this.#countOther(told, 1, this.#now().toISOString())
  }

  /** Tells what was counted. */
  close(): void {
    this.#endWindow()
    clearTimeout(this.#timer)
  }

  #endWindow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { facts, count, since } of this.#kept.values()) {
      if (count === 0) continue
      if (this.#mayWrite()) this.#journal.record({ ...facts, count, since })
      else this.#countOther(facts, count, since)
    }
    for (const { facts, count, since } of this.#others.values()) this.#journal.record({ ...facts, count, since })
    this.#kept = new Map()
    this.#others = new Map()
  }

  /** There are few kinds and codes, so these are always told. */
  #countOther({ kind, result, code }: JournalFacts, count: number, since: string): void {
    const same = `${kind} ${code}`
    const known = this.#others.get(same)
    if (known !== undefined) known.count += count
    else this.#others.set(same, { facts: { kind, result, code, reason: TOO_MANY }, count, since })
  }

  #mayWrite(): boolean {
    const now = performance.now()
    this.#allowance = Math.min(BURST, this.#allowance + (now - this.#filledAt) / INTERVAL_MS)
    this.#filledAt = now
    if (this.#allowance < 1) return false
    this.#allowance -= 1
    return true
  }
}

const TOO_MANY = 'more than the journal tells apart'
