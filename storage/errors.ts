/** `ERR_STORE_IN_USE` passes when the other process ends; the other does not pass by itself. */
export type StorageErrorCode = 'ERR_STORE_IN_USE' | 'ERR_STORE_UNUSABLE'

/** Why the store does not open, in words for an operator: which file, what is wrong, what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(what: string, wayOut: string, options: ErrorOptions & { code?: StorageErrorCode } = {}) {
    super(`${what}\n${wayOut}`, options)
    this.code = options.code ?? 'ERR_STORE_UNUSABLE'
  }
}
