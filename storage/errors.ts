/** `ERR_STORE_IN_USE` passes when the other process ends; the others do not pass by themselves. */
export type StorageErrorCode = 'ERR_STORE_IN_USE' | 'ERR_STORE_UNUSABLE' | 'ERR_BACKUP_UNUSABLE' | 'ERR_FOLDER_IN_USE'

/** Why the store does not open, in words for an operator: which file, what is wrong, what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(what: string, wayOut: string, options: ErrorOptions & { code?: StorageErrorCode } = {}) {
    super(`${what}\n${wayOut}`, options)
    this.code = options.code ?? 'ERR_STORE_UNUSABLE'
  }
}

/** A write that may be on the disk or not: nobody may rely on it. Others are refused until the store was mended. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'

  constructor(cause: unknown) {
    super('The store cannot be written at present.', { cause })
  }
}

export const RESTORE = 'Restore the whole data folder from a backup, or start with another folder (--data DIR).'

export const unreadable = (path: string, cause: unknown): StorageError =>
  new StorageError(
    `${path} cannot be read: ${messageOf(cause)}.`,
    'Start Mooring as the user who owns the data folder, or give that user the folder back (chown -R).',
    { cause },
  )

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
