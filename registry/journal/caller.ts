/** Who asked for an operation, as the journal keeps it. */
export interface JournalCaller {
  /** `shell`: whoever may open the admin socket. */
  readonly kind: string
  readonly name?: string
  readonly address?: string
}
