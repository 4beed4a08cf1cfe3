/** What a log line may hold: its kind by a fixed word, and facts that are no secrets, tokens, payloads or bodies. */
export type LogFields = { readonly event: string } & Readonly<Record<string, unknown>>

/** Where every room tells the operator what happened. The process decides how a line looks and where it goes. */
export interface Log {
  /** Whether lines of this level are written; when it is not there, they are. To be asked where the facts alone cost. */
  isEnabled?(level: 'debug'): boolean
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
