import { keepOpen, readNow, type StoreLevel, type Writer, type WriteOperation } from '../../storage/index.ts'
import { GENESIS } from './chain.ts'

export interface JournalDatabase {
  readonly level: StoreLevel
  readonly writer: Pick<Writer, 'write'>
}

export const JOURNAL_ROOMS = { entries: 'journal', meta: 'journal-meta' } as const

/** The last entry, and how much is kept. */
export interface Head {
  readonly seq: number
  readonly hash: string
  /** Of all entries that are kept. */
  readonly bytes: number
  /** Nothing was recorded that is not here: the process that wrote it ended as it should. */
  readonly closed: boolean
}

/** The last entry that was removed because of its age or for want of room: where the chain can be checked from. */
export interface Anchor {
  readonly seq: number
  readonly hash: string
}

/** Texts, in the order they were asked for. */
export interface Pages {
  /** Fewer than `size` only at the end. */
  next(size: number): Promise<string[]>
  close(): Promise<void>
}

/** What an entry takes beside its text: its key, in the store. */
const KEY_BYTES = 16

/** classic-level's own option: its default stops after some 50 entries to fetch the next. */
const READ_AHEAD: object = { highWaterMarkBytes: 256 * 1024 }

export const sizeOf = (text: string): number => Buffer.byteLength(text) + KEY_BYTES

/**
 * The key layout of the journal, and the only file that writes its keys.
 *
 * journal: sequence number → text of the entry · journal-meta: head, anchor
 */
export class JournalStore {
  readonly #level: StoreLevel
  readonly #writer: JournalDatabase['writer']
  readonly #entries
  readonly #meta

  constructor({ level, writer }: JournalDatabase) {
    this.#level = level
    this.#writer = writer
    this.#entries = level.sublevel(JOURNAL_ROOMS.entries)
    this.#meta = level.sublevel<string, Head | Anchor>(JOURNAL_ROOMS.meta, { valueEncoding: 'json' })
  }

  /** Resolves when reads can be answered. */
  async open(): Promise<void> {
    await keepOpen(this.#level, [this.#entries, this.#meta])
  }

  head(): Head {
    const { seq, hash, bytes, closed }: Partial<Head> = readNow(this.#meta, 'head') ?? {}
    return { seq: seq ?? 0, hash: hash ?? GENESIS, bytes: bytes ?? 0, closed: closed ?? true }
  }

  anchor(): Anchor {
    return readNow(this.#meta, 'anchor') ?? { seq: 0, hash: GENESIS }
  }

  /** Entries that follow the head, the last of which is the new head. */
  async append(texts: readonly string[], head: Head): Promise<void> {
    const first = head.seq - texts.length + 1
    await this.#writer.write([
      ...texts.map((text, index): WriteOperation => ({
        type: 'put',
        sublevel: this.#entries,
        key: keyOf(first + index),
        value: text,
      })),
      this.#put('head', head),
    ])
  }

  /** Removes the oldest entries, up to the one that becomes the anchor. */
  async remove(anchor: Anchor, head: Head): Promise<void> {
    const before = this.anchor().seq
    const removals = Array.from({ length: anchor.seq - before }, (_, index): WriteOperation => ({
      type: 'del',
      sublevel: this.#entries,
      key: keyOf(before + 1 + index),
    }))
    await this.#writer.write([...removals, this.#put('anchor', anchor), this.#put('head', head)])
  }

  /** Entries after `seq`, oldest first, as they are now: what is written or removed later is not seen. */
  after(seq: number): Pages {
    return pagesOf(this.#entries.values({ ...READ_AHEAD, gt: keyOf(seq) }))
  }

  /** Entries before `seq`, newest first. */
  before(seq: number): Pages {
    return pagesOf(this.#entries.values({ ...READ_AHEAD, gt: keyOf(this.anchor().seq), lt: keyOf(seq), reverse: true }))
  }

  #put(key: 'head' | 'anchor', value: Head | Anchor): WriteOperation {
    return { type: 'put', sublevel: this.#meta, key, value, valueEncoding: 'json' }
  }
}

/** Of one length, so that their order as texts is that of the numbers. */
export const keyOf = (seq: number): string => String(seq).padStart(KEY_BYTES, '0')

const pagesOf = (iterator: { nextv(size: number): Promise<string[]>; close(): Promise<void> }): Pages => ({
  async next(size) {
    const texts: string[] = []
    // It answers with as many as it had at hand, which may be fewer.
    for (let more = 1; more > 0 && texts.length < size;) {
      const some = await iterator.nextv(size - texts.length)
      texts.push(...some)
      more = some.length
    }
    return texts
  },
  close: () => iterator.close(),
})
