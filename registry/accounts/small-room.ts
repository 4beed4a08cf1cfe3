import { keepOpen } from '../../storage/index.ts'
import type { WriteOperation } from '../../storage/index.ts'
import { StoreWrites } from '../store-writes.ts'
import type { RegistryDatabase } from '../store.ts'

/** One record as it will be, on disk and in memory. */
export interface Change {
  readonly operation: WriteOperation
  /** To be called once the operation is on disk. */
  apply(): void
}

/** A sublevel of few and small records: read whole at the start, and from memory afterwards. */
export class SmallRoom<V> {
  readonly #database: RegistryDatabase
  readonly #sublevel
  readonly #records = new Map<string, V>()

  constructor(database: RegistryDatabase, name: string) {
    this.#database = database
    this.#sublevel = database.level.sublevel<string, V>(name, { valueEncoding: 'json' })
  }

  /** Resolves when its records are in memory. */
  async open(): Promise<void> {
    await keepOpen(this.#database.level, [this.#sublevel])
    for (const [key, record] of await this.#sublevel.iterator().all()) this.#records.set(key, record)
  }

  get size(): number {
    return this.#records.size
  }

  get(key: string): V | undefined {
    return this.#records.get(key)
  }

  /** In the order in which they were first put; after a start, in the order of their keys. */
  entries(): [key: string, record: V][] {
    return [...this.#records]
  }

  values(): V[] {
    return [...this.#records.values()]
  }

  put(key: string, record: V): Change {
    return {
      operation: { type: 'put', sublevel: this.#sublevel, key, value: record, valueEncoding: 'json' },
      apply: () => void this.#records.set(key, record),
    }
  }

  delete(key: string): Change {
    return {
      operation: { type: 'del', sublevel: this.#sublevel, key },
      apply: () => void this.#records.delete(key),
    }
  }
}

/** All of `changes` or none, on disk and then in memory. @throws {RegistryError} `ERR_STORE_UNAVAILABLE`. */
export async function commit({ writer }: RegistryDatabase, changes: readonly Change[]): Promise<void> {
  await new StoreWrites(writer).write(changes.map(({ operation }) => operation))
  for (const change of changes) change.apply()
}
