import type { JournalFacts } from './entry.ts'
import type { Journal } from './journal.ts'

/** One page of what is done to many. */
export interface BulkPage {
  /** How many it changed. */
  readonly count: number
  /** Where it began; undefined: at the beginning. */
  readonly after?: string | undefined
  /** Where the next one begins; undefined: there is none. */
  readonly next?: string | undefined
}

interface Action {
  readonly facts: JournalFacts
  readonly since: string
  count: number
  next: string
  timer: NodeJS.Timeout
}

/** Whoever does not ask for the next page within this time has gone. */
const PATIENCE_MS = 60_000

const MAX_ACTIONS = 100

/**
 * What is done a page at a time is told of as a whole: in one entry when a page is all, else in one as it begins and one
 * as it ends, with how many there were. Should the process die in between, the journal says that it had begun.
 */
export class BulkActions {
  readonly #journal: Pick<Journal, 'recordNow'>
  readonly #now: () => Date
  readonly #patienceMs: number
  readonly #actions = new Map<string, Action>()

  constructor(journal: Pick<Journal, 'recordNow'>, now: () => Date, patienceMs: number = PATIENCE_MS) {
    this.#journal = journal
    this.#now = now
    this.#patienceMs = patienceMs
  }

  /** @param facts - of the whole: the same for each of its pages. */
  async done(facts: JournalFacts, { count, after, next }: BulkPage): Promise<void> {
    const key = keyOf(facts)
    const known = await this.#continued(key, after)
    if (known === undefined && next === undefined) {
      await this.#journal.recordNow({ ...facts, result: 'done', count })
      return
    }
    if (known === undefined) {
      const detail = after === undefined ? 'begun' : 'gone on with'
      await this.#journal.recordNow({ ...facts, result: 'done', detail: `${facts.detail ?? ''} (${detail})`, count })
    }
    const since = known?.since ?? this.#now().toISOString()
    const total = (known?.count ?? 0) + count
    if (next === undefined) {
      this.#drop(key)
      await this.#journal.recordNow({ ...facts, result: 'done', count: total, since })
      return
    }
    if (this.#actions.size >= MAX_ACTIONS) await this.#endEarly(this.#actions.keys().next().value ?? '')
    const timer = setTimeout(() => void this.#endEarly(key), this.#patienceMs).unref()
    this.#actions.set(key, { facts, since, count: total, next, timer })
  }

  /** A page was refused or failed, and with it the whole. */
  async stopped(facts: JournalFacts): Promise<void> {
    const action = this.#drop(keyOf(facts))
    const before = action === undefined ? {} : { count: action.count, since: action.since }
    await this.#journal.recordNow({ ...facts, ...before })
  }

  /** What has no end yet has none. */
  async close(): Promise<void> {
    for (const key of this.#actions.keys()) await this.#endEarly(key)
  }

  /** The action that this page belongs to. One that begins anew ends the one before. */
  async #continued(key: string, after: string | undefined): Promise<Action | undefined> {
    const action = this.#actions.get(key)
    if (action === undefined) return undefined
    if (action.next !== after) await this.#endEarly(key)
    else this.#drop(key)
    return action.next === after ? action : undefined
  }

  #drop(key: string): Action | undefined {
    const action = this.#actions.get(key)
    clearTimeout(action?.timer)
    this.#actions.delete(key)
    return action
  }

  async #endEarly(key: string): Promise<void> {
    const action = this.#drop(key)
    if (action === undefined) return
    const { facts, count, since } = action
    await this.#journal.recordNow({ ...facts, result: 'failed', reason: 'nobody asked for the rest', count, since })
  }
}

const keyOf = ({ caller, operation, detail }: JournalFacts): string => JSON.stringify([caller, operation, detail])
