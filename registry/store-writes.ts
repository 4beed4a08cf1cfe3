import { StoreUnavailable, type Writer, type WriteOperation } from '../storage/index.ts'
import { RegistryError } from './errors.ts'

/** Writes of the registry: on disk when they resolve, and refused by a code when nothing can be written. */
export class StoreWrites {
  readonly #writer: Pick<Writer, 'write'>

  constructor(writer: Pick<Writer, 'write'>) {
    this.#writer = writer
  }

  /** @throws {RegistryError} `ERR_STORE_UNAVAILABLE`. */
  async write(operations: readonly WriteOperation[]): Promise<void> {
    if (operations.length === 0) return
    try {
      await this.#writer.write(operations)
    } catch (cause) {
      if (!(cause instanceof StoreUnavailable)) throw cause
      throw new RegistryError('ERR_STORE_UNAVAILABLE', 'The store cannot be written at present. Try again later.', {
        cause,
      })
    }
  }
}
