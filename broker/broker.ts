import {
  Signal,
  type Attempts,
  type CommandSent,
  type DeviceMessage,
  type DevicePresence,
  type Log,
  type MessageReach,
  type Principal,
  type Registry,
} from '../registry/index.ts'
import { createAedes } from './aedes.ts'
import { NodeStream } from './byte-stream.ts'
import type { Connack, Deliver } from './aedes-internals.d.ts'
import { LimitExceeded, ProtocolError } from './codec/index.ts'
import { Connection } from './connection.ts'
import { BrokerContext, type BrokerCounters } from './context.ts'
import { PublishRefused, SlowReader } from './disconnects.ts'
import { EarlyCommands } from './early-commands.ts'
import { describe, MqttGates } from './gates.ts'
import { hooksOf } from './hooks.ts'
import { DEFAULT_LIMITS, type ConnectionLimits } from './limits.ts'
import { peerOf, type Accept, type AcceptBytes } from './peer.ts'
import { ExpiringSessions } from './expiring-sessions.ts'
import {
  brokerIdOf,
  DurablePersistence,
  type BrokerDatabase,
  type PersistenceCounters,
  type PersistenceOptions,
} from './persistence/index.ts'
import { Presences } from './presence.ts'
import { checkTopicName, publishMessage } from './publish-message.ts'
import { publishWill } from './publish-will.ts'
import { attemptRefusalOf, LoginRefused, loginRefusalOf, ReturnCode } from './return-codes.ts'
import { Router } from './router.ts'
import { sendCommand } from './send-command.ts'
import { PLATFORM_THROTTLE, Throttle } from './throttle.ts'
import { Watches, type Watcher } from './watches.ts'
import { Wills } from './wills.ts'

export interface BrokerOptions extends Partial<ConnectionLimits> {
  /**
   * How long after the start the wills of a process that was killed are published: time for those who subscribe to them
   * to come back, and for their owners, whose wills are then moot. @defaultValue 30_000
   */
  readonly willDelayMs?: number
  /** Counts messages and keeps those out who send too many. @defaultValue 'off' */
  readonly throttle?: 'off' | 'platform'
  /** How long a login may take to be decided. @defaultValue 9_000, just below the deadline from accept to CONNACK */
  readonly gateTimeoutMs?: number
  readonly persistence?: PersistenceOptions
}

export interface BrokerParts {
  readonly registry: Pick<Registry, 'authenticate' | 'acl' | 'accessRevoked'>
  readonly database: BrokerDatabase
  /** Told of each login, however it ends. */
  readonly attempts?: Pick<Attempts, 'loginEnded'>
  readonly options: BrokerOptions
  readonly log: Log
}

/** One client that logged in. */
export interface ClientNews {
  readonly clientId: string
  readonly accessKey: string
  /** Absent for a service. */
  readonly deviceId?: string
  readonly address: string
}

export interface Broker {
  readonly accept: Accept
  readonly acceptBytes: AcceptBytes
  readonly clientConnected: Signal<ClientNews>
  readonly clientDisconnected: Signal<ClientNews>
  /** Logged in and not yet gone. */
  connectedClients(): number
  /** Undefined when it was not seen since the start. */
  presenceOf(clientId: string): DevicePresence | undefined
  /** Calls `watcher` with what this client publishes. @returns a function that ends it. */
  watch(clientId: string, watcher: Watcher): () => void
  /** @throws {RegistryError} `ERR_INPUT_INVALID` when it is longer than a packet may be. */
  sendCommand(deviceId: string, payload: Buffer): Promise<CommandSent>
  /** Publishes as the broker itself. @throws {RegistryError} `ERR_INPUT_INVALID` for what no client could publish either. */
  publish(message: DeviceMessage & { readonly qos: 0 | 1 | 2 }): Promise<MessageReach>
  /** Calls `heard` with every message that matches. @returns a function that ends it. */
  listen(filter: string, heard: (message: DeviceMessage) => void): () => void
  /** Forgets retained messages, by their topics. */
  forgetRetained(topics: readonly string[]): Promise<void>
  counters(): Readonly<BrokerCounters>
  /** What is kept for clients that are away. */
  kept(): PersistenceCounters & { readonly expiredSessions: number }
  /**
   * Publishes the wills of those who are connected, ends every connection and lets storage finish what was begun. Takes
   * three seconds at most, whatever clients and storage do. The database stays open.
   */
  close(): Promise<void>
}

const DEFAULT_WILL_DELAY_MS = 30_000
const DEFAULT_GATE_TIMEOUT_MS = 9_000
/** Longer than the deadline of admission, which is the one that counts. */
const CONNECT_TIMEOUT_MS = 60_000
/** What each step of closing may take. */
const CLOSING_STEP_MS = 1_000

/** MQTT 3.1 and 3.1.1 on Aedes, with the registry at every gate. */
export async function createBroker(parts: BrokerParts): Promise<Broker> {
  const { registry, database, options, log } = parts
  const brokerId = brokerIdOf(database.bootNumber)
  const decisions = new MqttGates(registry, log)
  const persistence = new DurablePersistence({ database, options: options.persistence ?? {}, log })
  const router = new Router()
  const throttle = options.throttle === 'platform' ? new Throttle(PLATFORM_THROTTLE) : undefined

  const aedes = await createAedes<Connection>({
    id: brokerId,
    persistence,
    router,
    log,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    connect: (stream, request) => connect(new NodeStream(stream), peerOf(stream), request),
    hooks: hooksOf({
      log,
      gateTimeoutMs: options.gateTimeoutMs ?? DEFAULT_GATE_TIMEOUT_MS,
      gates: {
        authenticate: async (client, userName, password) => {
          client.accessKey = userName ?? ''
          context.connections.keyShown(client)
          client.principal = await decisions.authenticate(client, password)
          const bannedMs = throttle?.bannedMs(client.id ?? '') ?? 0
          if (bannedMs > 0) throw new LoginRefused(ReturnCode.SERVER_UNAVAILABLE, keptOut(bannedMs))
          parts.attempts?.loginEnded.emit({
            ...attemptOf(client),
            principal: client.principal,
            takesOver: aedes.clients[client.id ?? ''] !== undefined,
            refusal: undefined,
          })
          return true
        },
        loginRefused: (client, reason) => {
          context.counters.loginsRefused[loginRefusalOf(reason)] += 1
          decisions.loginRefused(client, reason)
          parts.attempts?.loginEnded.emit({
            ...attemptOf(client),
            principal: undefined,
            takesOver: false,
            refusal: attemptRefusalOf(reason),
          })
        },
        mayPublish: (client, packet) => decisions.mayPublish(client, packet),
        maySubscribe: (client, subscription) => decisions.maySubscribe(client, subscription),
        mayReceive: (client, packet) => decisions.mayReceive(client, packet),
      },
    }),
  })

  const wills = new Wills<Connection>({
    database,
    brokerId,
    acl: registry.acl,
    publish: (message, client) => publishWill(aedes, message, client),
    log,
  })
  const context = new BrokerContext({
    broker: aedes,
    router,
    persistence,
    wills,
    throttle,
    limits: { ...DEFAULT_LIMITS, ...options },
    reports: {
      dropping: (client) =>
        log.warn(
          { event: 'messages-dropped', ...describe(client) },
          'A client does not read; messages of QoS 0 are dropped.',
        ),
      throttled: (client) =>
        log.warn({ event: 'client-throttled', ...describe(client) }, 'A client is too fast, and is read more slowly.'),
    },
  })

  const reportFault = (error: unknown): void =>
    log.error({ event: 'listener-failed', error }, 'A listener of the broker failed.')
  const clientConnected = new Signal<ClientNews>(reportFault)
  const clientDisconnected = new Signal<ClientNews>(reportFault)
  const presences = new Presences((clientId) => aedes.clients[clientId])
  const watches = new Watches((clientId) => aedes.clients[clientId], reportFault)
  const earlyCommands = new EarlyCommands(aedes, context.wheel)
  const tellsLogins = log.isEnabled?.('debug') ?? true
  aedes.on('client', (client: Connection) => {
    const { principal } = client
    if (principal?.kind === 'device' && client.clean) {
      earlyCommands.hold(client, registry.acl.commandTopicOf(principal.deviceId))
    }
  })
  aedes.on('subscribe', (subscriptions: { topic: string; qos: number }[], client: Connection | null) => {
    if (client !== null) earlyCommands.deliver(client, subscriptions)
  })
  aedes.on('connackSent', ({ returnCode }: Connack, client: Connection) => {
    if (returnCode !== ReturnCode.ACCEPTED) return
    client.peer.ticket.loggedIn()
    presences.entered(client)
    watches.entered(client)
    context.counters.logins += 1
    clientConnected.emit(newsOf(client))
    if (tellsLogins) log.debug({ event: 'login', ...describe(client) }, 'A client logged in.')
  })
  aedes.on('clientDisconnect', (client: Connection) => {
    earlyCommands.drop(client)
    clientDisconnected.emit(newsOf(client))
    presences.left(client)
  })
  for (const event of ['clientError', 'connectionError']) aedes.on(event, explainEnd)

  function explainEnd(client: Connection, error: unknown): void {
    const facts = describe(client)
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof LimitExceeded) {
      context.counters.limitsExceeded += 1
      log.warn({ event: 'limit-exceeded', ...facts, reason }, 'A client went beyond a limit, and was disconnected.')
    } else if (error instanceof ProtocolError) {
      context.counters.protocolErrors += 1
      log.info({ event: 'protocol-error', ...facts, reason }, 'A client broke the protocol, and was disconnected.')
    } else if (error instanceof SlowReader) {
      context.counters.slowReaders += 1
      log.warn({ event: 'slow-reader', ...facts, reason }, 'A client does not read, and was disconnected.')
    } else if (!(error instanceof PublishRefused)) {
      log.debug({ event: 'connection-lost', ...facts, reason }, 'A connection ended without DISCONNECT.')
    }
  }

  const stopListening = registry.accessRevoked.on(({ accessKey, secretsBefore }) => {
    const revoked = context.connections
      .withKey(accessKey)
      .filter(({ principal }) => secretsBefore === undefined || isOlder(principal, secretsBefore))
    for (const client of revoked) client.close()
    log.info(
      { event: 'access-revoked', accessKey, closed: revoked.length },
      'Connections of a revoked key were closed.',
    )
  })
  const willTimer = setTimeout(() => {
    wills
      .publishLeftBehind((clientId) => aedes.clients[clientId] !== undefined)
      .catch((error: unknown) =>
        log.error({ event: 'storage-failed', error }, 'Wills of an earlier start could not be published.'),
      )
  }, options.willDelayMs ?? DEFAULT_WILL_DELAY_MS)
  willTimer.unref()

  const expiring = new ExpiringSessions(context, log)

  const connect = (...[stream, peer, request]: [...Parameters<AcceptBytes>, request?: unknown]): Connection =>
    new Connection(context, stream, peer, request)
  const acceptBytes: AcceptBytes = (stream, peer) => {
    if (closing === undefined && stream.isWritable) connect(stream, peer)
    else stream.destroy()
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    stopListening()
    clearTimeout(willTimer)
    expiring.stop()
    // Before the connections end, so that those who are still there hear them.
    await within(CLOSING_STEP_MS, wills.publishAll())
    await new Promise((resolve) => setImmediate(resolve))
    await within(CLOSING_STEP_MS, new Promise<void>((resolve) => aedes.close(resolve)))
    context.close()
    await within(CLOSING_STEP_MS, persistence.idle())
  }
  const within = async (milliseconds: number, work: Promise<void>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)))
    const safely = work.catch((error: unknown) =>
      log.error({ event: 'closing-failed', error }, 'The broker could not finish everything while it closed.'),
    )
    await Promise.race([safely, late])
    clearTimeout(timer)
  }

  return {
    accept: (stream, peer) => acceptBytes(new NodeStream(stream), peer),
    acceptBytes,
    clientConnected,
    clientDisconnected,
    connectedClients: () => aedes.connectedClients,
    presenceOf: (clientId) => presences.of(clientId),
    watch: (clientId, watcher) => watches.add(clientId, watcher),
    sendCommand: (deviceId, payload) =>
      sendCommand(context, {
        deviceId,
        topic: registry.acl.commandTopicOf(deviceId),
        payload,
        isHeld: earlyCommands.hasRoomFor(aedes.clients[deviceId]),
      }),
    publish: async (message) => {
      checkTopicName(message.topic, context.limits)
      return await publishMessage(context, message)
    },
    listen: (filter, heard) => {
      const listener: Deliver = (packet) => heard(packet)
      router.on(filter, listener)
      return () => void router.removeListener(filter, listener)
    },
    forgetRetained: (topics) => persistence.forgetRetained(topics),
    counters: () => context.counters,
    kept: () => ({ ...persistence.counters(), expiredSessions: expiring.ended }),
    close: () => (closing ??= close()),
  }
}

const attemptOf = ({ peer, id, accessKey }: Connection) => ({
  address: peer.address,
  transport: peer.transport,
  clientId: id ?? '',
  accessKey,
})
const newsOf = ({ id, accessKey, principal, peer }: Connection): ClientNews => ({
  clientId: id ?? '',
  accessKey: accessKey ?? '',
  ...(principal?.kind === 'device' ? { deviceId: principal.deviceId } : {}),
  address: peer.address,
})
/** A login that is being decided is not: its secret is looked at when that is done. */
const isOlder = (principal: Principal | undefined, secretVersion: number): boolean =>
  principal?.kind === 'device' && (principal.secretVersion ?? 0) < secretVersion

const keptOut = (milliseconds: number): string =>
  `it published too much, and is kept out for another ${Math.ceil(milliseconds / 1000)} s`
