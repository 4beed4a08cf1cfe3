/** The values of labels. Every one is known beforehand: a label that anyone outside could choose would fill the scraper. */
export const LABEL_VALUES = {
  refusedConnections: ['connections', 'per-address', 'waiting-room', 'waited', 'deadline', 'silent'],
  refusedLogins: ['bad_credentials', 'not_allowed', 'busy', 'fault'],
  registrations: [
    'created',
    'returned',
    'exists',
    'bad_token',
    'exhausted',
    'rate_limited',
    'missing_id',
    'not_in_allowlist',
    'pending',
    'refused',
    'undecided',
    'bad_request',
    'busy',
    'fault',
  ],
} as const

export type CountOf<T extends keyof typeof LABEL_VALUES> = Readonly<Record<(typeof LABEL_VALUES)[T][number], number>>

/** Where the numbers are. Each is asked at a scrape and at no other time, so it must answer at once. */
export interface MetricSources {
  readonly version: string
  connectedClients(): number
  broker(): {
    readonly messagesReceived: number
    readonly messagesSent: number
    readonly messagesDropped: number
    readonly logins: number
    readonly loginsRefused: CountOf<'refusedLogins'>
    readonly protocolErrors: number
    readonly limitsExceeded: number
    readonly slowReaders: number
    readonly throttled: number
  }
  admission(): {
    readonly connections: number
    readonly notLoggedIn: number
    readonly waiting: number
    readonly addresses: number
    readonly refused: CountOf<'refusedConnections'>
  }
  registrations(): CountOf<'registrations'>
  /** What is kept for clients that are away. */
  kept(): {
    readonly sessions: number
    readonly subscriptions: number
    readonly queuedMessages: number
    readonly queuedBytes: number
    readonly retainedMessages: number
    readonly retainedBytes: number
    readonly refusedQueued: number
    readonly refusedRetained: number
    readonly expiredMessages: number
    readonly expiredSessions: number
  }
  hashBacklogMs(): number
  preparedSecrets(): number
  /** When the last backup was made that is whole. */
  lastBackup(): Date | undefined
  /** Over the life of the store. */
  storeCommits(): number
  /** Of the first in the chain that the TLS listeners show, in seconds since 1970; undefined without TLS. */
  certificateExpiry(): number | undefined
}
