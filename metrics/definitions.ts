import { LABEL_VALUES, type MetricSources } from './sources.ts'

/**
 * A number that exists already and is read at a scrape. Names by Prometheus' conventions: one prefix, base units, `_total`
 * on what only grows. Source: https://prometheus.io/docs/practices/naming/.
 */
export interface Definition {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  /** Each label with its values; none are listed where the build decides them. */
  readonly labels?: Readonly<Record<string, readonly string[]>>
  /** Nothing when there is nothing to tell; the metric is then left out. */
  readonly read: (sources: MetricSources) => readonly Sample[]
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const one = (value: number): Sample[] => [{ labels: {}, value }]

const each = (label: string, counts: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }))

export const definitions: readonly Definition[] = [
  {
    name: 'mooring_build_info',
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: { version: [], node: [] },
    read: ({ version }) => [{ labels: { version, node: process.versions.node }, value: 1 }],
  },
  {
    name: 'mooring_clients_connected',
    type: 'gauge',
    help: 'MQTT clients that have logged in and not left.',
    read: (sources) => one(sources.connectedClients()),
  },
  {
    name: 'mooring_connections',
    type: 'gauge',
    help: 'Open MQTT connections of all transports by how far they have come; waiting ones are not let in yet.',
    labels: { stage: ['waiting', 'not_logged_in', 'logged_in'] },
    read: (sources) => {
      const { connections, notLoggedIn, waiting } = sources.admission()
      return each('stage', { waiting, not_logged_in: notLoggedIn, logged_in: connections - notLoggedIn })
    },
  },
  {
    name: 'mooring_connection_addresses',
    type: 'gauge',
    help: 'Distinct addresses (IPv6: /64 networks) among the open MQTT connections.',
    read: (sources) => one(sources.admission().addresses),
  },
  {
    name: 'mooring_connections_refused_total',
    type: 'counter',
    help: 'MQTT connections that were ended before they had logged in, by the limit that ended them; reasons as in the log.',
    labels: { reason: LABEL_VALUES.refusedConnections },
    read: (sources) => each('reason', sources.admission().refused),
  },
  {
    name: 'mooring_logins_total',
    type: 'counter',
    help: 'MQTT logins by result. not_allowed: the client ID or the will was not acceptable, or the client is kept out by the throttle.',
    labels: { result: ['accepted', ...LABEL_VALUES.refusedLogins] },
    read: (sources) => {
      const { logins, loginsRefused } = sources.broker()
      return each('result', { accepted: logins, ...loginsRefused })
    },
  },
  {
    name: 'mooring_disconnects_total',
    type: 'counter',
    help: 'Clients that Mooring disconnected, by what they did.',
    labels: { reason: ['protocol_error', 'limit_exceeded', 'slow_reader'] },
    read: (sources) => {
      const { protocolErrors, limitsExceeded, slowReaders } = sources.broker()
      return each('reason', {
        protocol_error: protocolErrors,
        limit_exceeded: limitsExceeded,
        slow_reader: slowReaders,
      })
    },
  },
  {
    name: 'mooring_slowdowns_total',
    type: 'counter',
    help: 'How often a client that was faster than its limits was read more slowly.',
    read: (sources) => one(sources.broker().throttled),
  },
  {
    name: 'mooring_messages_received_total',
    type: 'counter',
    help: 'Messages that clients published.',
    read: (sources) => one(sources.broker().messagesReceived),
  },
  {
    name: 'mooring_messages_sent_total',
    type: 'counter',
    help: 'Messages handed to connected clients.',
    read: (sources) => one(sources.broker().messagesSent),
  },
  {
    name: 'mooring_messages_dropped_total',
    type: 'counter',
    help: 'Messages of QoS 0 that were dropped because their receiver does not read.',
    read: (sources) => one(sources.broker().messagesDropped),
  },
  {
    name: 'mooring_sessions',
    type: 'gauge',
    help: 'Sessions that outlive their connections.',
    read: (sources) => one(sources.kept().sessions),
  },
  {
    name: 'mooring_sessions_expired_total',
    type: 'counter',
    help: 'Sessions that ended because their clients stayed away for too long.',
    read: (sources) => one(sources.kept().expiredSessions),
  },
  {
    name: 'mooring_subscriptions',
    type: 'gauge',
    help: 'Subscriptions of the sessions that outlive their connections.',
    read: (sources) => one(sources.kept().subscriptions),
  },
  {
    name: 'mooring_queued_messages',
    type: 'gauge',
    help: 'Messages that wait for sessions; one that many wait for counts once.',
    read: (sources) => one(sources.kept().queuedMessages),
  },
  {
    name: 'mooring_queued_bytes',
    type: 'gauge',
    help: 'Bytes of the messages that wait for sessions.',
    read: (sources) => one(sources.kept().queuedBytes),
  },
  {
    name: 'mooring_retained_messages',
    type: 'gauge',
    help: 'Retained messages.',
    read: (sources) => one(sources.kept().retainedMessages),
  },
  {
    name: 'mooring_retained_bytes',
    type: 'gauge',
    help: 'Bytes of the retained messages.',
    read: (sources) => one(sources.kept().retainedBytes),
  },
  {
    name: 'mooring_messages_not_kept_total',
    type: 'counter',
    help: 'Messages that were not kept. queue_full: a session had no room; retained_full: there was no room to retain it; expired: its time had passed before it was sent.',
    labels: { reason: ['queue_full', 'retained_full', 'expired'] },
    read: (sources) => {
      const { refusedQueued, refusedRetained, expiredMessages } = sources.kept()
      return each('reason', { queue_full: refusedQueued, retained_full: refusedRetained, expired: expiredMessages })
    },
  },
  {
    name: 'mooring_registrations_total',
    type: 'counter',
    help: 'Requests to register a device, by result.',
    labels: { result: LABEL_VALUES.registrations },
    read: (sources) => each('result', sources.registrations()),
  },
  {
    name: 'mooring_hash_backlog_seconds',
    type: 'gauge',
    help: 'How long a login or registration that comes now would wait for its turn to be hashed.',
    read: (sources) => one(sources.hashBacklogMs() / 1000),
  },
  {
    name: 'mooring_prepared_secrets',
    type: 'gauge',
    help: 'Access secrets that are hashed already: so many registrations would wait for no hash.',
    read: (sources) => one(sources.preparedSecrets()),
  },
  {
    name: 'mooring_store_commits_total',
    type: 'counter',
    help: 'Commits tried on the store, of messages, devices and keys alike, since the data folder was made.',
    read: (sources) => one(sources.storeCommits()),
  },
  {
    name: 'mooring_backup_last_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the last backup was made that is whole. Missing before the first.',
    read: (sources) => {
      const last = sources.lastBackup()
      return last === undefined ? [] : one(last.getTime() / 1000)
    },
  },
  {
    name: 'mooring_tls_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the TLS certificate, or the first of its chain, expires. Missing without TLS.',
    read: (sources) => {
      const expiry = sources.certificateExpiry()
      return expiry === undefined ? [] : one(expiry)
    },
  },
]
