/** `denied`: whoever asks may not. `unreachable`: the server went away or does not answer. `failed`: it answered with a fault. */
export type AdminErrorReason = 'denied' | 'unreachable' | 'failed'

/** The running server could not be asked, or could not answer. A refusal it did answer with is a {@link RegistryError}. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly reason: AdminErrorReason

  constructor(reason: AdminErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
