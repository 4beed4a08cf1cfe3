/** Why the store does not open, in words for an operator: which file, what is wrong, what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'

  constructor(what: string, wayOut: string, options?: ErrorOptions) {
    super(`${what}\n${wayOut}`, options)
  }
}
