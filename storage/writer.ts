import type { AbstractBatchOperation, AbstractChainedBatch, AbstractLevel } from 'abstract-level'

/** A database of this project: string keys, encodings chosen by each sublevel. */
export type StoreLevel = AbstractLevel<string | Buffer | Uint8Array>

export type WriteOperation = AbstractBatchOperation<StoreLevel, string, unknown>

interface Waiting {
  readonly operations: readonly WriteOperation[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Past this many operations a group is closed, so that one commit stays short however many callers wait. */
const MAX_GROUP_OPERATIONS = 4096

/**
 * The ordered group commit. At most one batch is on its way to the disk; what arrives meanwhile becomes the next one,
 * so the price of durability is one fsync per group and not per write. Order of calls is order on disk.
 */
export class Writer {
  readonly #level: StoreLevel
  readonly #numberOf: (commit: number) => WriteOperation
  readonly #committed: (commit: number) => void
  #waiting: Waiting[] = []
  #commit: number
  #draining: Promise<void> | undefined

  /**
   * @param lastCommit - the number of the last commit that this database holds.
   * @param numberOf - the operation that writes a commit's number into the commit itself.
   * @param committed - hears each number once it is on disk.
   */
  constructor(
    level: StoreLevel,
    lastCommit: number,
    numberOf: (commit: number) => WriteOperation,
    committed: (commit: number) => void,
  ) {
    this.#level = level
    this.#commit = lastCommit
    this.#numberOf = numberOf
    this.#committed = committed
  }

  /** Resolves once `operations` are on disk, all of them; rejects when none of them is. */
  write(operations: readonly WriteOperation[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Resolves when nothing is waiting any more. */
  async flush(): Promise<void> {
    await this.#draining
  }

  async #drain(): Promise<void> {
    // Callers of the same turn share the first commit too.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup())
    this.#draining = undefined
  }

  #takeGroup(): Waiting[] {
    let operations = 0
    const end = this.#waiting.findIndex((one) => (operations += one.operations.length) > MAX_GROUP_OPERATIONS)
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1))
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const commit = ++this.#commit
    try {
      const batch = await this.#putTogether(group, commit)
      // `sync` is classic-level's own option, hence the wider type; a memory level ignores it.
      const options: object = { sync: true }
      await batch.write(options)
      this.#committed(commit)
    } catch (error) {
      for (const one of group) one.reject(error)
      return
    }
    for (const one of group) one.resolve()
  }

  async #putTogether(group: readonly Waiting[], commit: number): Promise<ChainedBatch> {
    const batch: ChainedBatch = this.#level.batch()
    try {
      for (const one of group) for (const operation of one.operations) add(batch, operation)
      add(batch, this.#numberOf(commit))
      return batch
    } catch (error) {
      await batch.close()
      throw error
    }
  }
}

/** LevelDB copies each operation where it stands; a list of operations costs three times as much. */
type ChainedBatch = AbstractChainedBatch<StoreLevel, string, string>

function add(batch: ChainedBatch, operation: WriteOperation): void {
  const { type, key, sublevel, keyEncoding } = operation
  const where = {
    ...(sublevel !== undefined && { sublevel }),
    ...(keyEncoding !== undefined && { keyEncoding }),
  }
  if (type === 'del') {
    batch.del<string>(key, where)
    return
  }
  const { value, valueEncoding } = operation
  batch.put<string, unknown>(key, value, { ...where, ...(valueEncoding !== undefined && { valueEncoding }) })
}
