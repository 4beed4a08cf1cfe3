/** How much the broker keeps. What happens at each bound is in docs/limits.md. */
export interface PersistenceOptions {
  /** Messages that wait for one session. @defaultValue 100_000 */
  readonly maxQueueMessages?: number
  /** Bytes of messages that wait for one session. @defaultValue 67_108_864 */
  readonly maxQueueBytes?: number
  /**
   * Bytes of all messages that wait. Past it a session is given more only while it holds less than its equal share.
   * @defaultValue 1_073_741_824
   */
  readonly maxQueuedBytes?: number
  /** @defaultValue 1_000_000 */
  readonly maxRetainedMessages?: number
  /** @defaultValue 268_435_456 */
  readonly maxRetainedBytes?: number
  /** How long a session is kept after its client left. @defaultValue 604_800_000, seven days */
  readonly sessionExpiryMs?: number
  /** How long a message waits that does not say so itself. 0: as long as its session. @defaultValue 0 */
  readonly messageExpiryMs?: number
  /** Bytes of waiting messages that are kept in memory beside the disk. @defaultValue 67_108_864 */
  readonly cacheBytes?: number
  /**
   * Bytes on disk of messages that nobody waits for, beside those of messages that somebody does; past them, and past
   * as many as are waited for, what is wanted is moved together. @defaultValue 16_777_216
   */
  readonly spareBytes?: number
}

export const persistenceDefaults = {
  maxQueueMessages: 100_000,
  maxQueueBytes: 67_108_864,
  maxQueuedBytes: 1_073_741_824,
  maxRetainedMessages: 1_000_000,
  maxRetainedBytes: 268_435_456,
  sessionExpiryMs: 7 * 24 * 3_600_000,
  messageExpiryMs: 0,
  cacheBytes: 67_108_864,
  spareBytes: 16_777_216,
} as const satisfies Required<PersistenceOptions>

export function resolvePersistenceOptions(given: PersistenceOptions): Required<PersistenceOptions> {
  const options: Required<PersistenceOptions> = { ...persistenceDefaults, ...given }
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} must be a whole number, got ${value}`)
  }
  return options
}
