import type { MetricSources } from '../../metrics/index.ts'

/** Numbers of which no two are equal, so that none can stand for another. */
export function someSources(parts: Partial<MetricSources> = {}): MetricSources {
  return {
    version: '1.2.3',
    connectedClients: () => 1,
    broker: () => ({
      messagesReceived: 2,
      messagesSent: 3,
      messagesDropped: 4,
      logins: 5,
      loginsRefused: { bad_credentials: 6, not_allowed: 7, busy: 8, fault: 9 },
      protocolErrors: 10,
      limitsExceeded: 11,
      slowReaders: 12,
      throttled: 13,
    }),
    admission: () => ({
      connections: 20,
      notLoggedIn: 6,
      waiting: 15,
      addresses: 16,
      refused: { connections: 17, 'per-address': 18, 'waiting-room': 19, waited: 21, deadline: 22, silent: 23 },
    }),
    registrations: () => ({
      created: 24,
      exists: 25,
      bad_token: 26,
      not_in_allowlist: 0,
      pending: 0,
      refused: 0,
      undecided: 0,
      missing_id: 27,
      bad_request: 28,
      busy: 29,
      fault: 30,
      returned: 50,
      exhausted: 51,
      rate_limited: 52,
    }),
    kept: () => ({
      sessions: 33,
      subscriptions: 34,
      queuedMessages: 35,
      queuedBytes: 36,
      retainedMessages: 37,
      retainedBytes: 38,
      refusedQueued: 39,
      refusedRetained: 40,
      expiredMessages: 41,
      expiredSessions: 42,
    }),
    lastBackup: () => undefined,
    hashBacklogMs: () => 31_000,
    preparedSecrets: () => 43,
    storeCommits: () => 32,
    certificateExpiry: () => undefined,
    ...parts,
  }
}

/** What a page of metrics says: `name{label="value"}` → number. */
export const samplesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line): [string, number] => {
        const end = line.lastIndexOf(' ')
        return [line.slice(0, end), Number(line.slice(end + 1))]
      }),
  )

/** Each metric with its type. */
export const typesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]))
