/** Stable names for every refusal. They are public API; the messages are not. */
export type RegistryErrorCode =
  | 'ERR_MANUFACTURER_ID_MISSING'
  | 'ERR_REGISTRATION_TOKEN_INVALID'
  | 'ERR_DEVICE_ALREADY_REGISTERED'
  | 'ERR_TOKEN_REVOKED'
  /** Every registration that the token allows was made. */
  | 'ERR_TOKEN_EXHAUSTED'
  /** The token holds, but neither for every manufacturer ID nor from everywhere. */
  | 'ERR_TOKEN_NOT_FOR_DEVICE'
  | 'ERR_RATE_LIMITED'
  /** The token holds, and this manufacturer ID is not one of those that are expected. */
  | 'ERR_NOT_IN_ALLOW_LIST'
  /** An operator has not decided yet; the device asks again. */
  | 'ERR_APPROVAL_PENDING'
  | 'ERR_REGISTRATION_REFUSED'
  /** The operator's webhook could not be asked; the device asks again. */
  | 'ERR_ADMISSION_UNDECIDED'
  | 'ERR_CREDENTIALS_INVALID'
  | 'ERR_NOT_FOUND'
  | 'ERR_CONFLICT'
  | 'ERR_INPUT_INVALID'
  | 'ERR_BUSY'
  /** Nothing can be written at present, as when the disk is full. */
  | 'ERR_STORE_UNAVAILABLE'

/** What the caller did wrong, or must wait for. The message is safe to show to the caller; `cause` never leaves the process. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: RegistryErrorCode
  /** After which the same request may succeed. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: RegistryErrorCode, message: string, options: ErrorOptions & { retryAfterSeconds?: number } = {}) {
    super(message, options)
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** What was asked for cannot be. */
export const invalid = (message: string): RegistryError => new RegistryError('ERR_INPUT_INVALID', message)
