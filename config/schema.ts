import { z } from 'zod'
import { MIN_SIGNING_SECRET_BYTES, NORMALISATIONS, REGISTRATION_MODES, type Secret } from '../registry/index.ts'
import {
  accountPassword,
  address,
  choice,
  count,
  duration,
  path,
  secret,
  size,
  text,
  topicRoot,
  webhookUrl,
} from './kinds.ts'

/** The config file, and the single source of everything that is said about a setting. */
/** Of what is kept on the disk. */
const LONGEST = '3650d'
const LARGEST = 1024 ** 4

/** A quarter of an hour of making them, 32 MB. */
const MOST_PREPARED_SECRETS = 65_536

export const fileSchema = z.strictObject({
  version: z
    .literal(1, { error: 'expected 1, the only version of this file that this program understands' })
    .prefault(1)
    .meta({ description: 'Version of this file.' }),
  data: path(
    'Folder of everything Mooring keeps: devices, sessions, retained messages, keys. One process at a time uses it.',
  ).prefault('./mooring-data'),
  listen: z
    .strictObject({
      mqtt: address('MQTT over plain TCP.').prefault('127.0.0.1:1883'),
      mqtts: address('MQTT over TLS; needs `tls.cert` and `tls.key`.').prefault('off'),
      http: address('HTTP: registration, health, and MQTT over WebSocket at `/` and `/mqtt`.').prefault(
        '127.0.0.1:8080',
      ),
      https: address('The same over TLS; needs `tls.cert` and `tls.key`.').prefault('off'),
      admin: address(
        'The admin API on a listener of its own, and no longer on the others. Over TLS unless it is on loopback.',
      ).prefault('off'),
    })
    .prefault({})
    .meta({ description: 'Where to listen: `host:port`, or `off`. 0.0.0.0 or [::] opens a listener to the network.' }),
  tls: z
    .strictObject({
      cert: path(
        'PEM file with the certificate, followed by its intermediate ones.',
        '/etc/mooring/cert.pem',
      ).exactOptional(),
      key: path('PEM file with the private key of that certificate.', '/etc/mooring/key.pem').exactOptional(),
    })
    .prefault({})
    .meta({ description: 'The certificate that `listen.mqtts` and `listen.https` show.' }),
  registration: z
    .strictObject({
      secret: secret(
        `Signs the registration tokens; at least ${MIN_SIGNING_SECRET_BYTES} bytes. Generated at first start and kept in the data folder when not set.`,
      ).exactOptional(),
      issuer: text(
        'The `iss` of every registration token, usually your domain. Generated at first start when not set.',
        'devices.example.com',
      ).exactOptional(),
      recipe: text('Name of the recipe that a newly registered device starts with.').prefault('tl-generator'),
      mode: choice(
        REGISTRATION_MODES,
        'Who may register with a token: anyone, who is in the allow-list, whom an operator approves, or whom a webhook admits.',
      ).prefault('open'),
      manufacturerIds: choice(
        NORMALISATIONS,
        'How manufacturer IDs are compared: as they are, as MAC addresses (`AA:BB:…` is `aa-bb-…`), as IMEI numbers, or without regard to case.',
      ).prefault('none'),
      webhookUrl: webhookUrl(
        'Who is asked in mode `webhook`: an `https` address, or `http` on this machine.',
        'https://erp.example.com/may-register',
      ).exactOptional(),
      webhookSecret: secret(
        `Signs what is sent to the webhook (HMAC-SHA256); at least ${MIN_SIGNING_SECRET_BYTES} bytes.`,
      ).exactOptional(),
      webhookFallback: choice(
        ['retry', 'refuse', 'admit'],
        'What a device is told when the webhook cannot be asked: to come again, no, or yes.',
      ).prefault('retry'),
      preparedSecrets: count(
        'Access secrets that are made and hashed ahead while nothing else is to be done, so that so many registrations in a row wait for no hash; 160 bytes of memory each. 0: none.',
        MOST_PREPARED_SECRETS,
        0,
      ).prefault(16_384),
    })
    .prefault({})
    .meta({ description: 'How devices register.' }),
  admin: z
    .strictObject({
      access: choice(
        ['loopback', 'all', 'off'],
        'Who may reach the admin API on `listen.http` and `listen.https`: programs on this machine, everyone, or nobody. `all` without TLS sends passwords in the clear.',
      ).prefault('loopback'),
      account: text('Name of the account that `admin.password` is for.').prefault('admin'),
      password: accountPassword(
        'Each start makes this account with the role admin, or gives it this password. Not set: accounts are made with `mooring admin create` or the setup code.',
      ).exactOptional(),
    })
    .prefault({})
    .meta({ description: 'The admin API.' }),
  credentials: z
    .strictObject({
      rotationOverlap: duration(
        'How long the old access secret of a device stays valid when it is given a new one, unless the command says otherwise.',
        0,
        '20d',
      ).prefault('0s'),
    })
    .prefault({})
    .meta({ description: 'How access secrets are replaced.' }),
  mqtt: z
    .strictObject({
      topicRoot: topicRoot(
        'First levels of every topic: a device owns what is below `<topicRoot>/<its device ID>/`.',
      ).prefault('losant'),
      deviceTopics: choice(
        ['own', 'state-and-command'],
        'What a device may use: everything below its own topic, or only `state` out and `command` in.',
      ).prefault('own'),
      maxConnectPacketBytes: size('Largest CONNECT packet, read before anyone has logged in.', 128).prefault('16KiB'),
      maxPacketBytes: size('Largest packet after login.', 128).prefault('256KiB'),
      maxSubscriptionsPerPacket: count('Most topic filters in one SUBSCRIBE.').prefault(100),
      maxWriteBufferBytes: size(
        'How much may wait to be sent to one client that reads too slowly before it is cut off.',
        1024,
      ).prefault('1MiB'),
      maxSubscriptions: count('Most topic filters of one client.').prefault(1000),
      maxTopicLevels: count('Most levels of a topic or filter; 100 at most.', 100).prefault(100),
      maxTopicBytes: size('Longest topic or filter.', 64).prefault('4KiB'),
      maxInFlight: count(
        'Messages of QoS 1 and 2 that may be on their way to one client unacknowledged; the rest wait.',
        65_000,
      ).prefault(64),
      maxInFlightInbound: count('Messages of QoS 2 that one client may have begun and not released.', 65_535).prefault(
        1000,
      ),
      maxPublishRate: count('Messages a second of one client; one that is faster is read more slowly.').prefault(
        100_000,
      ),
      maxByteRate: size('Bytes a second of one client; one that is faster is read more slowly.', 1024).prefault(
        '64MiB',
      ),
      stalledReader: duration(
        'A client that takes nothing for so long while something waits for it is disconnected.',
        1000,
      ).prefault('30s'),
      throttle: choice(
        ['off', 'platform'],
        '`platform` counts as the hosted platform does: more than 30 messages to one topic or 300 in all within 15 s disconnect a client and keep it out for 30 s, doubling each time up to 1 h.',
      ).prefault('off'),
    })
    .prefault({})
    .meta({ description: 'What may be said over MQTT.' }),
  limits: z
    .strictObject({
      connections: count('Most connections at a time.').prefault(10_000),
      notLoggedIn: count('Most connections at a time that have not logged in yet.').prefault(1000),
      perAddress: count('Most connections at a time from one IP address.').prefault(5000),
      connectDeadline: duration(
        'Time from the connection to a finished login, handshakes of TLS and WebSocket included; the wait when the server is full is not.',
        100,
      ).prefault('10s'),
      waitingRoom: count('Most connections that wait to be admitted when a limit is reached.').prefault(10_000),
      loginQueue: count('Most logins that wait for their secret to be checked.').prefault(10_000),
    })
    .prefault({})
    .meta({ description: 'What one process takes on.' }),
  storage: z
    .strictObject({
      durability: choice(
        ['always', 'interval', 'os'],
        'When what is acknowledged is on the disk: `always` before the acknowledgement; `interval` within a second after it, and `os` when the operating system comes to it, so that a power cut may lose what was acknowledged meanwhile.',
      ).prefault('always'),
      sessionExpiry: duration('How long the session of a client that has left is kept.', 1000, LONGEST).prefault('7d'),
      messageExpiry: duration(
        'How long a message waits for a client that has left; 0s: as long as the session.',
        0,
        LONGEST,
      ).prefault('0s'),
      queueMessages: count(
        'Most messages that wait for one session; those that come then are not kept for it.',
      ).prefault(100_000),
      queueBytes: size('Most bytes of messages that wait for one session.', 1024, LARGEST).prefault('64MiB'),
      totalQueueBytes: size(
        'Bytes of messages that wait for all sessions; past them a session gets more only while it holds less than its share.',
        1024,
        LARGEST,
      ).prefault('1GiB'),
      retainedMessages: count('Most retained messages.').prefault(1_000_000),
      retainedBytes: size('Most bytes of retained messages.', 1024, LARGEST).prefault('256MiB'),
      queueCache: size('Bytes of waiting messages that are kept in memory beside the disk.', 0, LARGEST).prefault(
        '64MiB',
      ),
    })
    .prefault({})
    .meta({ description: 'What is kept for clients that are away, and how safely.' }),
  journal: z
    .strictObject({
      maxAge: duration('How long an entry is kept.', 1000, LONGEST).prefault('365d'),
      maxBytes: size('Bytes of all entries; beyond them the oldest are removed.', 1024, LARGEST).prefault('256MiB'),
    })
    .prefault({})
    .meta({ description: 'The record of registrations, refusals and operations: `mooring journal list`.' }),
  metrics: z
    .strictObject({
      access: choice(
        ['loopback', 'all', 'off'],
        'Who may read `/metrics` on the HTTP listeners: programs on this machine, everyone, or nobody.',
      ).prefault('loopback'),
    })
    .prefault({})
    .meta({ description: 'Numbers for Prometheus.' }),
  log: z
    .strictObject({
      level: choice(['debug', 'info', 'warn', 'error'], 'The least important lines that are written.').prefault('info'),
      format: choice(
        ['auto', 'json', 'human'],
        'One JSON object per line, or lines for people; `auto` writes the latter on a terminal.',
      ).prefault('auto'),
    })
    .prefault({})
    .meta({ description: 'The log goes to standard output and nowhere else.' }),
  shutdown: z
    .strictObject({
      graceTimeout: duration('How long a stop waits for work that has begun, before it ends it.', 0).prefault('5s'),
    })
    .prefault({})
    .meta({ description: 'How the process ends.' }),
})

export type SettingsFile = z.output<typeof fileSchema>

/** What the rest of the program works with. Units are in the names, absent means off or not set. */
export type Config = Frozen<ReturnType<typeof configOf>>

type Frozen<T> = T extends Secret ? T : { readonly [K in keyof T]: T[K] extends object ? Frozen<T[K]> : T[K] }

export function configOf(file: SettingsFile) {
  const { mqtt, mqtts, http, https, admin } = file.listen
  const { connectDeadline, ...limits } = file.limits
  const { stalledReader, ...mqttSettings } = file.mqtt
  return {
    data: file.data,
    listen: {
      ...(mqtt && { mqtt }),
      ...(mqtts && { mqtts }),
      ...(http && { http }),
      ...(https && { https }),
      ...(admin && { admin }),
    },
    tls: file.tls,
    registration: file.registration,
    admin: file.admin,
    credentials: { rotationOverlapMs: file.credentials.rotationOverlap },
    mqtt: { ...mqttSettings, stalledReaderMs: stalledReader },
    limits: { ...limits, connectDeadlineMs: connectDeadline },
    storage: storageOf(file.storage),
    journal: { maxAgeMs: file.journal.maxAge, maxBytes: file.journal.maxBytes },
    metrics: file.metrics,
    log: file.log,
    shutdown: { graceMs: file.shutdown.graceTimeout },
  }
}

function storageOf(file: SettingsFile['storage']) {
  return {
    durability: file.durability,
    persistence: {
      sessionExpiryMs: file.sessionExpiry,
      messageExpiryMs: file.messageExpiry,
      maxQueueMessages: file.queueMessages,
      maxQueueBytes: file.queueBytes,
      maxQueuedBytes: file.totalQueueBytes,
      maxRetainedMessages: file.retainedMessages,
      maxRetainedBytes: file.retainedBytes,
      cacheBytes: file.queueCache,
    },
  }
}
