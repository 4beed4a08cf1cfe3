/** Stable names for every refusal. They are public API; the messages are not. */
export type RegistryErrorCode =
  | 'ERR_MANUFACTURER_ID_MISSING'
  | 'ERR_REGISTRATION_TOKEN_INVALID'
  | 'ERR_DEVICE_ALREADY_REGISTERED'
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

  constructor(code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
