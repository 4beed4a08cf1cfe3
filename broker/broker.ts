import type { Log, Registry } from '../registry/index.ts'
import { createAedes, PublishRefused, saidDisconnect } from './aedes.ts'
import type { AedesBroker, Client, Connack, Message } from './aedes-internals.d.ts'
import { EarlyCommands } from './early-commands.ts'
import { describe, MqttGates, type Connection } from './gates.ts'
import {
  guardBytes,
  guardDeliveries,
  guardPersistence,
  ProtocolError,
  serialiseLogins,
  SlowReader,
  type BrokerLimits,
} from './hardening.ts'
import type { Accept } from './peer.ts'
import { brokerIdOf, openPersistence, Wills, type SessionDatabase } from './persistence.ts'
import { ReturnCode } from './return-codes.ts'

export interface BrokerOptions extends BrokerLimits {
  /**
   * How long after the start the wills of a process that was killed are published: time for those who subscribe to them
   * to come back, and for their owners, whose wills are then moot. @defaultValue 30_000
   */
  readonly willDelayMs?: number
  /** How long a login may take to be decided. @defaultValue 9_000 */
  readonly gateTimeoutMs?: number
}

export interface BrokerParts {
  readonly registry: Pick<Registry, 'authenticate' | 'acl' | 'accessRevoked'>
  readonly database: SessionDatabase
  /** Counts the starts over this database: each has a greater one. */
  readonly bootNumber: number
  readonly options: BrokerOptions
  readonly log: Log
}

export interface Broker {
  readonly accept: Accept
  /** Logged in and not yet gone. */
  connectedClients(): number
  /**
   * Publishes the wills of those who are connected, ends every connection and lets storage finish what was begun. Takes
   * three seconds at most, whatever clients and storage do. The database stays open.
   */
  close(): Promise<void>
}

const DEFAULT_WILL_DELAY_MS = 30_000
/** What each step of closing may take. */
const CLOSING_STEP_MS = 1_000

/** MQTT 3.1 and 3.1.1 on Aedes, with the registry at every gate. */
export async function createBroker(parts: BrokerParts): Promise<Broker> {
  const { registry, database, bootNumber, options, log } = parts
  const brokerId = brokerIdOf(bootNumber)
  const connections = new Map<Client, Connection>()
  const byAccessKey = new Map<string, Set<Client>>()
  const decisions = new MqttGates(registry, log)
  await database.open()
  const persistence = openPersistence(database)
  const rememberGranted = guardPersistence(persistence, log)

  const connectionOf = (client: Client): Connection => {
    const connection = connections.get(client)
    if (connection === undefined) throw new Error('the connection has closed')
    return connection
  }

  const aedes: AedesBroker = await createAedes({
    id: brokerId,
    persistence,
    log,
    ...(options.gateTimeoutMs === undefined ? {} : { gateTimeoutMs: options.gateTimeoutMs }),
    gates: {
      connecting: (client, packet) => {
        const connection = connectionOf(client)
        connection.clientId = packet.clientId
        connection.will = packet.will
        delete packet.will
      },
      authenticate: async (client, userName, password) => {
        const connection = connectionOf(client)
        connection.accessKey = userName ?? ''
        // Before the answer is known: a key that is revoked meanwhile ends this login too.
        addTo(byAccessKey, connection.accessKey, client)
        const principal = await decisions.authenticate(connection, password)
        const { clientId } = connection
        if (!(await takeTurn(client, clientId))) return false
        if (connection.will !== undefined) {
          await wills.keep(client, { ...connection.will, clientId, owner: principal })
        }
        connection.principal = principal
        return true
      },
      loginRefused: (client, reason) => decisions.loginRefused(connectionOf(client), reason),
      mayPublish: (client, packet) => decisions.mayPublish(connectionOf(client), packet),
      maySubscribe: (client, subscription) => {
        const granted = decisions.maySubscribe(connectionOf(client), subscription)
        if (granted) {
          rememberGranted(subscription)
          earlyCommands.deliver(client, subscription)
        } else if (!client.connackSent && !client.clean) {
          // Stored under older rules. Left there, it would go on to queue what may never be delivered.
          report(persistence.removeSubscriptions(client, [subscription.topic]), 'A subscription could not be removed.')
        }
        return granted
      },
      mayReceive: (client, packet) => decisions.mayReceive(connectionOf(client), packet),
    },
  })
  const takeTurn = serialiseLogins(aedes)
  const earlyCommands = new EarlyCommands(aedes)
  const publish = (message: Message): Promise<void> =>
    new Promise((resolve, reject) => {
      aedes.publish(message, (error) => (error ? reject(error) : resolve()))
    })
  const wills = new Wills<Client>({ database, brokerId, acl: registry.acl, publish, log })
  const report = (work: Promise<unknown>, message: string): void => {
    work.catch((error: unknown) => log.error({ event: 'storage-failed', error }, message))
  }

  aedes.on('client', (client: Client) => {
    const connection = connectionOf(client)
    connection.registered = true
    const { principal } = connection
    if (principal?.kind === 'device' && client.clean) {
      earlyCommands.hold(client, registry.acl.commandTopicOf(principal.deviceId))
    }
  })
  aedes.on('connackSent', ({ returnCode }: Connack, client: Client) => {
    const connection = connections.get(client)
    if (returnCode !== ReturnCode.ACCEPTED || connection === undefined) return
    connection.peer.ticket.loggedIn()
    log.debug({ event: 'login', ...describe(connection) }, 'A client logged in.')
  })
  aedes.on('clientDisconnect', (client: Client) => {
    earlyCommands.drop(client)
    report(saidDisconnect(client) ? wills.discard(client) : wills.publish(client), 'A will could not be published.')
    forget(client)
  })
  for (const event of ['clientError', 'connectionError']) {
    aedes.on(event, (client: Client, error: unknown) => explainEnd(client, error))
  }

  const explained = new WeakSet<Client>()
  const explainEnd = (client: Client, error: unknown): void => {
    const connection = connections.get(client)
    if (connection === undefined || explained.has(client)) return
    explained.add(client)
    const facts = describe(connection)
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof ProtocolError) {
      log.info({ event: 'protocol-error', ...facts, reason }, 'A client broke the protocol, and was disconnected.')
    } else if (error instanceof SlowReader) {
      log.warn({ event: 'slow-reader', ...facts, reason }, 'A client does not read, and was disconnected.')
    } else if (!(error instanceof PublishRefused)) {
      log.debug({ event: 'connection-lost', ...facts, reason }, 'A connection ended without DISCONNECT.')
    }
  }

  const forget = (client: Client): void => {
    const connection = connections.get(client)
    if (connection === undefined) return
    connections.delete(client)
    removeFrom(byAccessKey, connection.accessKey, client)
  }

  const stopListening = registry.accessRevoked.on(({ accessKey }) => {
    const revoked = [...(byAccessKey.get(accessKey) ?? [])]
    for (const client of revoked) client.close()
    log.info(
      { event: 'access-revoked', accessKey, closed: revoked.length },
      'Connections of a revoked key were closed.',
    )
  })
  const isConnected = (clientId: string): boolean => aedes.clients[clientId] !== undefined
  const willTimer = setTimeout(() => {
    report(wills.publishLeftBehind(isConnected), 'Wills of an earlier start could not be published.')
  }, options.willDelayMs ?? DEFAULT_WILL_DELAY_MS)
  willTimer.unref()

  const accept: Accept = (stream, peer) => {
    if (closing !== undefined || stream.destroyed) {
      stream.destroy()
      return
    }
    const client = aedes.handle(stream)
    connections.set(client, { peer, clientId: '', accessKey: '' })
    let dropped = false
    guardBytes(client, options, () => peer.ticket.connectRead())
    guardDeliveries(client, options.maxWriteBufferBytes, () => {
      if (dropped) return
      dropped = true
      const facts = describe(connectionOf(client))
      log.warn({ event: 'messages-dropped', ...facts }, 'A client does not read; messages of QoS 0 are dropped.')
    })
    client.on('refused', (error: unknown) => explainEnd(client, error))
    stream.once('close', () => {
      // Aedes tells when those who were logged in have gone.
      if (connections.get(client)?.registered === true) return
      report(wills.discard(client), 'A will could not be removed.')
      forget(client)
    })
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    stopListening()
    clearTimeout(willTimer)
    // Before the connections end, so that those who are still there hear them.
    await within(CLOSING_STEP_MS, wills.publishAll())
    await new Promise((resolve) => setImmediate(resolve))
    await within(CLOSING_STEP_MS, new Promise<void>((resolve) => aedes.close(resolve)))
    for (const client of connections.keys()) client.conn.destroy()
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
    accept,
    connectedClients: () => aedes.connectedClients,
    close: () => (closing ??= close()),
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set?.delete(value) && set.size === 0) sets.delete(key)
}
