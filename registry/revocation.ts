/** Connections that may not go on as they are. */
export interface Revocation {
  readonly accessKey: string
  /** Only those that logged in with an older secret than this one; absent: every connection of the key. */
  readonly secretsBefore?: number
}
