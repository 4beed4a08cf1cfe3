import { StoreUnavailable } from './errors.ts'
import type { AbstractBatchOperation, AbstractChainedBatch, AbstractLevel } from 'abstract-level'

/** A database of this project: string keys, encodings chosen by each sublevel. */
export type StoreLevel = AbstractLevel<string | Buffer | Uint8Array>

export type WriteOperation = AbstractBatchOperation<StoreLevel, string, unknown>

/**
 * When a commit is on the disk for good: `always` before its callers hear of it, `interval` within a second after they
 * did, `os` when the operating system comes to it. A process that dies loses nothing in any of them; a machine that
 * loses its power loses what was not there yet.
 */
export type Durability = 'always' | 'interval' | 'os'

/** One commit while it is put together. Keys and values are bytes of the database itself, not of a sublevel. */
export interface Commit {
  put(key: Buffer, value: Buffer): void
  del(key: Buffer): void
}

export interface WriterParts {
  readonly level: StoreLevel
  /** The number of the last commit that this database holds. */
  readonly lastCommit: number
  /** Under which each commit writes its own number. */
  readonly commitKey: Buffer
  /** Hears the number of a commit once it, and all before it, are fsynced. */
  readonly synced: (commit: number) => void
  /** @defaultValue 'always' */
  readonly durability?: Durability
  /**
   * Makes the database fit for writing again after a write has failed; rejects while it cannot be. Until it resolves,
   * every write is refused. Without it the next write is simply tried.
   */
  readonly mend?: () => Promise<void>
}

type Part = (commit: ChainedCommit) => void

interface Waiting {
  readonly part: Part
  readonly size: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Past this many operations a group is closed, so that one commit stays short however many callers wait. */
const MAX_GROUP_OPERATIONS = 4096

/** With `interval`: half of the second that may be lost, since the commit that syncs takes a while too. */
const SYNC_INTERVAL_MS = 500

/** How long after a failed write the next try to mend the database. */
const MEND_INTERVAL_MS = 1000

/**
 * The ordered group commit. At most one batch is on its way to the disk; what arrives meanwhile becomes the next one,
 * so the price of durability is one fsync per group and not per write. Order of calls is order on disk, and the order
 * in which callers are answered.
 */
export class Writer {
  readonly #parts: WriterParts
  readonly #durability: Durability
  readonly #onHealth: ((failure: unknown) => void)[] = []
  #waiting: Waiting[] = []
  #commit: number
  #draining: Promise<void> | undefined
  #unsynced = false
  // What this start writes about itself is synced in any case.
  #syncNext = true
  #syncTimer: NodeJS.Timeout | undefined
  #failure: unknown
  #mending: Promise<void> | undefined
  #mendTimer: NodeJS.Timeout | undefined

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#durability = parts.durability ?? 'always'
    this.#commit = parts.lastCommit
  }

  /** How many commits were tried over the life of the store. */
  get commits(): number {
    return this.#commit
  }

  /** Why nothing can be written at present; undefined while all is well. */
  get failure(): unknown {
    return this.#failure
  }

  /** Calls `listener` with the reason when the database cannot be written any more, and with undefined when it can. */
  onHealth(listener: (failure: unknown) => void): void {
    this.#onHealth.push(listener)
  }

  /** Resolves once `operations` are written, all of them; rejects when it is not sure that they are. */
  write(operations: readonly WriteOperation[]): Promise<void> {
    return this.#enqueue((commit) => {
      for (const operation of operations) commit.add(operation)
    }, operations.length)
  }

  /**
   * Takes part in the next commit without knowing yet with what: `part` is called once, when the commit is put
   * together. Until then its caller can gather what many others want and answer them all with the one promise.
   */
  join(part: (commit: Commit) => void): Promise<void> {
    return this.#enqueue(part, 1)
  }

  /** Resolves when nothing is waiting any more. */
  async flush(): Promise<void> {
    await this.#draining
  }

  /** Writes what waits, syncs it, and ends. */
  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#syncTimer)
    if (this.#unsynced && this.#failure === undefined) this.#syncNow()
    await this.flush()
    await this.#mending
    clearTimeout(this.#mendTimer)
  }

  #enqueue(part: Part, size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ part, size, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // All that is read in one turn of the event loop shares the first commit, from whatever connection it comes.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      if (this.#failure === undefined) await this.#writeGroup(this.#takeGroup())
      else for (const one of this.#waiting.splice(0)) one.reject(new StoreUnavailable(this.#failure))
    }
    this.#draining = undefined
  }

  #takeGroup(): Waiting[] {
    let operations = 0
    const end = this.#waiting.findIndex((one) => (operations += one.size) > MAX_GROUP_OPERATIONS)
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1))
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    let commit: ChainedCommit
    try {
      commit = await this.#putTogether(group)
    } catch (error) {
      for (const one of group) one.reject(error)
      return
    }
    try {
      await this.#write(commit, this.#durability === 'always' || this.#syncNext)
    } catch (error) {
      // Known to be failing before anyone hears of it.
      if (this.#parts.mend !== undefined) this.#changeHealth(error)
      for (const one of group) one.reject(new StoreUnavailable(error))
      await this.#mend()
      return
    }
    for (const one of group) one.resolve()
  }

  async #putTogether(group: readonly Waiting[]): Promise<ChainedCommit> {
    const commit = new ChainedCommit(this.#parts.level.batch())
    try {
      for (const one of group) one.part(commit)
      return commit
    } catch (error) {
      await commit.batch.close()
      throw error
    }
  }

  async #write(commit: ChainedCommit, sync: boolean): Promise<void> {
    const number = ++this.#commit
    commit.put(this.#parts.commitKey, Buffer.from(`${number}`))
    // `sync` is classic-level's own option, hence the wider type; a memory level ignores it.
    const options: object = { sync }
    await commit.batch.write(options)
    if (sync) {
      this.#unsynced = false
      this.#syncNext = false
      this.#parts.synced(number)
      return
    }
    this.#unsynced = true
    if (this.#durability === 'interval') this.#syncTimer ??= setTimeout(() => this.#syncNow(), SYNC_INTERVAL_MS)
  }

  /** LevelDB syncs its log, and with it all that was written before. */
  #syncNow(): void {
    this.#syncTimer = undefined
    this.#syncNext = true
    // What became of it shows in `failure`.
    this.write([]).catch(() => {})
  }

  #mend(): Promise<void> {
    this.#mending = this.#tryToMend()
    return this.#mending
  }

  async #tryToMend(): Promise<void> {
    const { mend } = this.#parts
    if (mend === undefined) return
    try {
      await mend()
      await this.#write(await this.#putTogether([]), true)
    } catch {
      this.#mendTimer = setTimeout(() => void this.#mend(), MEND_INTERVAL_MS).unref()
      return
    }
    this.#changeHealth(undefined)
  }

  #changeHealth(failure: unknown): void {
    this.#failure = failure
    for (const listener of this.#onHealth) listener(failure)
  }
}

const BYTES = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** A chained batch: LevelDB copies each operation where it stands, and no array of operations is built. */
class ChainedCommit implements Commit {
  readonly batch: AbstractChainedBatch<StoreLevel, string, string>

  constructor(batch: AbstractChainedBatch<StoreLevel, string, string>) {
    this.batch = batch
  }

  put(key: Buffer, value: Buffer): void {
    this.batch.put<Buffer, Buffer>(key, value, BYTES)
  }

  del(key: Buffer): void {
    this.batch.del<Buffer>(key, BYTES)
  }

  add(operation: WriteOperation): void {
    const { key, sublevel, keyEncoding } = operation
    const where = {
      ...(sublevel === undefined ? {} : { sublevel }),
      ...(keyEncoding === undefined ? {} : { keyEncoding }),
    }
    if (operation.type === 'del') {
      this.batch.del<string>(key, where)
    } else {
      const { value, valueEncoding } = operation
      this.batch.put<string, unknown>(key, value, {
        ...where,
        ...(valueEncoding === undefined ? {} : { valueEncoding }),
      })
    }
  }
}
