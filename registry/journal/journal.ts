import type { Log } from '../log.ts'
import { entryOf, seal, unsealed } from './chain.ts'
import { matches, mayMatch, type JournalEntry, type JournalFacts, type JournalFilter } from './entry.ts'
import { sizeOf, type Anchor, type Head, type JournalStore, type Pages } from './journal-store.ts'
import { Steadiness } from './steadiness.ts'

export interface JournalLimits {
  /** Entries that are older are removed. */
  readonly maxAgeMs: number
  /** Of all entries; the oldest are removed beyond it. */
  readonly maxBytes: number
}

export const JOURNAL_DEFAULTS: JournalLimits = { maxAgeMs: 365 * 86_400_000, maxBytes: 256 * 1024 * 1024 }

export interface JournalPage {
  readonly entries: readonly JournalEntry[]
  /** Where to go on; absent when everything was looked at. There may be fewer entries than asked for, or none. */
  readonly next?: number
}

export interface JournalVerdict {
  readonly whole: boolean
  /** What is wrong, and at which entry. */
  readonly problem?: string
  readonly checked: number
  readonly head: { readonly seq: number; readonly hash: string }
  readonly anchor: Anchor
}

export interface JournalParts {
  readonly store: JournalStore
  readonly limits: JournalLimits
  readonly log: Log
  readonly now: () => Date
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number
}

interface Pending {
  readonly at: string
  readonly facts: JournalFacts
  readonly settle?: (written: boolean) => void
}

/** Long enough that a burst shares a commit, short enough that a crash takes little with it. */
const WRITE_AFTER_MS = 200
const RETRY_AFTER_MS = 1_000
const MAX_ENTRIES_PER_WRITE = 1_000

/** While the store cannot be written, this many wait; what comes then is counted. */
const MAX_PENDING = 10_000

/** What one question reads at most before it answers with what it has. */
const MAX_LOOKED_AT = 50_000
const PAGE = 500

/** Ages are looked at this often; the size with every write. */
const PRUNE_EVERY_MS = 60_000

/** A journal that is full makes room for a while, so that it does not remove something with every write. */
const KEPT_WHEN_FULL = 0.95

/**
 * What happened, in order: appended to, never changed, and shortened at its old end alone. Nobody waits for it but
 * operators: an entry is on the disk 200 ms after it was recorded, in one write with all others of that time.
 */
export class Journal {
  readonly #store: JournalStore
  readonly #limits: JournalLimits
  readonly #log: Log
  readonly #now: () => Date
  readonly #elapsedMs: () => number
  readonly #steadiness: Steadiness
  readonly #wasClosed: boolean
  #pending: Pending[] = []
  /** Since the last write that went through. */
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  /** What a write that failed would have made of the head: nobody knows whether it did. */
  #unsure: { readonly head: Head; readonly entries: number } | undefined
  #failing = false
  #prunedAt = -Infinity

  constructor({ store, limits, log, now, elapsedMs }: JournalParts) {
    this.#store = store
    this.#limits = limits
    this.#log = log
    this.#now = now
    this.#elapsedMs = elapsedMs
    this.#steadiness = new Steadiness(now, elapsedMs)
    this.#wasClosed = store.head().closed
  }

  /** Soon on the disk. Costs its caller no more than the call. */
  record(facts: JournalFacts): void {
    if (!this.#add({ at: this.#now().toISOString(), facts })) return
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS).unref()
  }

  /** @returns whether it is on the disk. If not, it will be as soon as something can be written. */
  recordNow(facts: JournalFacts): Promise<boolean> {
    const written = new Promise<boolean>((settle) => {
      if (!this.#add({ at: this.#now().toISOString(), facts, settle })) settle(false)
    })
    void this.flush()
    return written
  }

  /** Writes what waits. Never rejects: what cannot be written is tried again. */
  async flush(): Promise<void> {
    // What was recorded after a write had begun goes with the next.
    while (this.#writing !== undefined) await this.#writing
    if (this.#pending.length === 0) return
    this.#writing = this.#writeAll().finally(() => (this.#writing = undefined))
    await this.#writing
  }

  /** Whether the process that had it before left nothing out. */
  get wasClosed(): boolean {
    return this.#wasClosed
  }

  /** Writes what waits, and that nothing is missing. */
  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
    const head = this.#failing ? undefined : this.#store.head()
    if (head !== undefined && !head.closed) await this.#store.append([], { ...head, closed: true }).catch(() => {})
  }

  /**
   * Entries that match, newest first; with `after`, those that follow it, oldest first. Reads so much and no more: the
   * answer says where to go on.
   */
  async list(query: {
    limit: number
    before?: number | undefined
    after?: number | undefined
    filter: JournalFilter
  }): Promise<JournalPage> {
    await this.flush()
    const { limit, before, after, filter } = query
    const forwards = after !== undefined
    const pages = forwards
      ? this.#store.after(Math.max(after, this.#store.anchor().seq))
      : this.#store.before(before ?? this.#store.head().seq + 1)
    try {
      return await search(pages, limit, filter, forwards)
    } finally {
      await pages.close()
    }
  }

  /**
   * Checks every entry that is kept against the one before it.
   *
   * @param expected - an entry that was noted elsewhere: only so can be seen that all of it was written anew.
   */
  async verify(expected?: { seq: number; hash: string }): Promise<JournalVerdict> {
    await this.flush()
    const anchor = this.#store.anchor()
    const { seq, hash } = this.#store.head()
    const pages = this.#store.after(anchor.seq)
    try {
      const { checked, problem } = await check(pages, anchor, { seq, hash }, expected)
      const verdict = { checked, head: { seq, hash }, anchor }
      return problem === undefined ? { whole: true, ...verdict } : { whole: false, problem, ...verdict }
    } finally {
      await pages.close()
    }
  }

  #add(pending: Pending): boolean {
    if (this.#pending.length < MAX_PENDING) this.#pending.push(pending)
    else this.#lost += 1
    return this.#pending.at(-1) === pending
  }

  async #writeAll(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      while (this.#pending.length > 0) await this.#writeSome()
      await this.#prune()
      if (this.#failing) this.#log.info({ event: 'journal-mended' }, 'The journal can be written again.')
      this.#failing = false
    } catch (error) {
      if (!this.#failing)
        this.#log.warn({ event: 'journal-failing', error }, 'The journal cannot be written; it waits.')
      this.#failing = true
      for (const { settle } of this.#pending) settle?.(false)
      this.#timer = setTimeout(() => void this.flush(), RETRY_AFTER_MS).unref()
    }
  }

  async #writeSome(): Promise<void> {
    let head = this.#store.head()
    if (this.#unsure?.head.hash === head.hash) this.#settle(this.#unsure.entries)
    this.#unsure = undefined
    this.#tellLost()
    const group = this.#pending.slice(0, MAX_ENTRIES_PER_WRITE)
    if (group.length === 0) return

    const texts: string[] = []
    for (const { at, facts } of group) {
      const { text, hash } = seal(head.seq + 1, at, facts, head.hash)
      texts.push(text)
      head = { seq: head.seq + 1, hash, bytes: head.bytes + sizeOf(text), closed: false }
    }
    try {
      await this.#store.append(texts, head)
    } catch (error) {
      this.#unsure = { head, entries: group.length }
      throw error
    }
    this.#settle(group.length)
  }

  #settle(count: number): void {
    for (const { settle } of this.#pending.splice(0, count)) settle?.(true)
  }

  #tellLost(): void {
    if (this.#lost === 0 || this.#pending.length >= MAX_PENDING) return
    const facts = { kind: 'journal', result: 'lost', count: this.#lost } as const
    this.#lost = 0
    this.#pending.push({ at: this.#now().toISOString(), facts })
  }

  /** Removes what is too old or too much, oldest first; the last that goes becomes the anchor of what stays. */
  async #prune(): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#limits
    const isFull = this.#store.head().bytes > maxBytes
    const elapsed = this.#elapsedMs()
    if (!isFull && elapsed - this.#prunedAt < PRUNE_EVERY_MS) return
    this.#prunedAt = elapsed
    const now = this.#now()
    const oldest = this.#steadiness.isSteady() ? new Date(now.getTime() - maxAgeMs) : new Date(0)
    const ages = { oldest: oldest.toISOString(), newest: now.toISOString() }
    const most = isFull ? maxBytes * KEPT_WHEN_FULL : maxBytes
    while (await this.#removeSome(ages, most)) await new Promise(setImmediate)
  }

  /**
   * An entry from the future was made before the clock was set back, and is as old as what follows it.
   *
   * @returns whether there may be more to remove.
   */
  async #removeSome(ages: { oldest: string; newest: string }, mostBytes: number): Promise<boolean> {
    const pages = this.#store.after(this.#store.anchor().seq)
    const texts = await pages.next(MAX_ENTRIES_PER_WRITE)
    await pages.close()
    let { bytes } = this.#store.head()
    let last: (Anchor & { readonly bytes: number }) | undefined
    for (const text of texts) {
      const { seq, at, hash } = entryOf(text)
      const isTooMuch = bytes > mostBytes
      if (!isTooMuch && at >= ages.oldest && at <= ages.newest) break
      bytes -= sizeOf(text)
      if (isTooMuch || at < ages.oldest) last = { seq, hash, bytes }
    }
    if (last === undefined) return false
    const { bytes: left, ...anchor } = last
    await this.#store.remove(anchor, { ...this.#store.head(), bytes: left })
    return last.seq === entryOf(texts.at(-1)!).seq
  }
}

async function search(pages: Pages, limit: number, filter: JournalFilter, forwards: boolean): Promise<JournalPage> {
  const promising = mayMatch(filter)
  const entries: JournalEntry[] = []
  for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; lookedAt += PAGE) {
    const texts = await pages.next(PAGE)
    for (const text of texts) {
      if (!promising(text)) continue
      const entry = entryOf(text)
      if (!matches(entry, filter)) continue
      entries.push(entry)
      if (entries.length === limit) return { entries, next: entry.seq }
    }
    if (texts.length < PAGE || isBeyond(texts, filter, forwards)) return { entries }
    if (lookedAt + PAGE >= MAX_LOOKED_AT) return { entries, next: entryOf(texts.at(-1)!).seq }
  }
  return { entries }
}

/** Nothing that follows can match. A clock that was set back mixes the order up, so it takes a whole page to say so. */
function isBeyond(texts: readonly string[], { since, until }: JournalFilter, forwards: boolean): boolean {
  if (forwards) return until !== undefined && texts.every((text) => entryOf(text).at >= until)
  return since !== undefined && texts.every((text) => entryOf(text).at < since)
}

async function check(
  pages: Pages,
  anchor: Anchor,
  head: Anchor,
  expected: Anchor | undefined,
): Promise<{ checked: number; problem?: string }> {
  let { seq, hash } = anchor
  let isExpected = expected === undefined || (expected.seq === seq && expected.hash === hash)
  while (seq < head.seq) {
    const texts = await pages.next(PAGE)
    const checked = seq - anchor.seq
    if (texts.length === 0) return { checked, problem: `Entry ${seq + 1} and all that follow are missing.` }
    for (const text of texts.slice(0, head.seq - seq)) {
      const next = unsealed(text, hash)
      if (next === undefined || entryOf(text).seq !== seq + 1) {
        return {
          checked: seq - anchor.seq,
          problem: `Entry ${seq + 1} is not the one that was written, or is missing.`,
        }
      }
      seq += 1
      hash = next
      if (expected?.seq === seq) isExpected = expected.hash === hash
    }
  }
  const checked = seq - anchor.seq
  if (hash !== head.hash) return { checked, problem: `Entry ${seq} is not the one that was written last.` }
  if (isExpected) return { checked }
  const known = expected !== undefined && expected.seq > anchor.seq && expected.seq <= seq
  return {
    checked,
    problem: known
      ? `Entry ${expected.seq} has another hash than was expected: the journal was written anew.`
      : `Entry ${expected?.seq} is not in the journal; it holds ${anchor.seq + 1} to ${seq}.`,
  }
}
