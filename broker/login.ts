import { randomUUID } from 'node:crypto'
import type { Connack } from './aedes-internals.d.ts'
import { encodeConnack, type ConnectPacket } from './codec/index.ts'
import type { Connection } from './connection.ts'
import type { BrokerContext } from './context.ts'
import { ReturnCode } from './return-codes.ts'
import { Session } from './session.ts'
import { restoreSubscriptions } from './subscribing.ts'

/** How much longer than the keep-alive a client may be silent [MQTT-3.1.2-24]. */
const KEEP_ALIVE_FACTOR = 1.5

/** TCP's own, for the clients that asked for none of MQTT's and whose network went away. */
const TCP_KEEP_ALIVE_MS = 60_000

/**
 * Logins under one client ID happen one after the other: each finds the session as the one before left it, and of any
 * number that come at once the last one stays [MQTT-3.1.4-2].
 */
export class Logins {
  readonly #lines = new Map<string, Promise<void>>()

  /** Whether another login under this ID is being worked on. */
  isBusy(clientId: string): boolean {
    return this.#lines.has(clientId)
  }

  /** Runs `work` when those before it are done. It must not reject. */
  queue(clientId: string, work: () => Promise<void>): void {
    const before = this.#lines.get(clientId) ?? Promise.resolve()
    const turn = before.then(work).finally(() => {
      if (this.#lines.get(clientId) === turn) this.#lines.delete(clientId)
    })
    this.#lines.set(clientId, turn)
  }
}

/** CONNECT → who is it → may it → its session → CONNACK. Nothing that follows is read before. */
export function receiveConnect(connection: Connection, packet: ConnectPacket): void {
  connection.connecting = true
  connection.protocol = packet.version
  connection.input.hold()
  connection.context.loginTurns.begin(() => connection.closed || begin(connection, packet))
}

function begin(connection: Connection, packet: ConnectPacket): void {
  connection.broker.preConnect(
    connection,
    packet,
    once((error, goes) => {
      if (connection.closed) return
      if (error || goes !== true) return connection.fail(error ?? new Error('refused by preConnect'))
      authenticate(connection, packet)
    }),
  )
}

/** Answers with a return code and closes. */
export function refuse(connection: Connection, returnCode: number, error: unknown): void {
  if (connection.closed) return
  connection.output.write(encodeConnack(returnCode, false))
  announceConnack(connection, { cmd: 'connack', returnCode, sessionPresent: false })
  connection.fail(error)
}

function authenticate(connection: Connection, packet: ConnectPacket): void {
  const { broker } = connection
  // [MQTT-3.1.3-8]; MQTT 3.1 §3.1 knows no empty identifier.
  if (packet.clientId === '' && (!packet.clean || packet.protocolVersion === 3)) {
    return refuse(connection, ReturnCode.IDENTIFIER_REJECTED, new Error('the client id is empty'))
  }
  connection.id = packet.clientId || `auto-${randomUUID()}` // [MQTT-3.1.3-6]
  connection.clean = packet.clean
  connection.version = packet.protocolVersion
  connection.keepAliveMs = packet.keepalive * 1000 * KEEP_ALIVE_FACTOR
  connection.will = packet.will
  broker.authenticate(
    connection,
    packet.username,
    packet.password,
    once((error, goes) => {
      if (connection.closed) return
      if (!error && goes === true) return enter(connection)
      const code = error?.returnCode
      const returnCode = code !== undefined && code >= 2 && code <= 5 ? code : ReturnCode.NOT_AUTHORIZED
      refuse(connection, returnCode, error ?? new Error('not authorized'))
    }),
  )
}

/** At once when there is nothing to look up or to write, which is so for most devices. */
function enter(connection: Connection): void {
  const { context, clean, will } = connection
  const id = connection.id!
  if (clean && will === undefined && !context.logins.isBusy(id) && !context.sessions.has(id)) {
    return establish(connection, new Session(id, true), false)
  }
  context.logins.queue(id, () => open(connection).catch((error: unknown) => failed(connection, error)))
}

async function open(connection: Connection): Promise<void> {
  const { context, clean, broker } = connection
  const id = connection.id!
  if (connection.closed) return
  broker.clients[id]?.close()

  const known = context.sessions.get(id)
  if (clean && known !== undefined) await forget(context, known) // [MQTT-3.1.2-6]
  const session = clean ? new Session(id, true) : (known ?? (await create(context, id)))
  if (connection.will !== undefined) await context.wills.keep(connection, connection.will)
  if (known === session && !connection.closed) await restoreSubscriptions(connection, session)
  if (connection.closed) {
    // It may have left while its will was being written.
    if (connection.will !== undefined) context.wills.ended(connection, true)
    return
  }
  establish(connection, session, known === session)
}

/** The store failed, or we did: 3, so that the device tries again. */
function failed(connection: Connection, error: unknown): void {
  if (connection.connackSent) connection.fail(error)
  else refuse(connection, ReturnCode.SERVER_UNAVAILABLE, error)
}

/** The session is over, with all that belongs to it. */
export async function forget(context: BrokerContext, session: Session): Promise<void> {
  context.sessions.delete(session.clientId)
  context.router.drop(session)
  await context.persistence.forgetSession(session.clientId)
}

/** On disk before CONNACK says that it is there. */
async function create(context: BrokerContext, id: string): Promise<Session> {
  const session = new Session(id, false)
  await context.persistence.openSession(id)
  context.sessions.set(id, session)
  return session
}

/** From here on it is a client like all others. Everything happens in this turn. */
function establish(connection: Connection, session: Session, wasThere: boolean): void {
  const { broker, context, clean } = connection
  broker.registerClient(connection)
  // Whoever heard of it may have closed it.
  if (connection.closed) return broker.unregisterClient(connection)
  connection.registered = true

  const sessionPresent = wasThere && connection.protocol.hasSessionPresent // [MQTT-3.2.2-1..3]
  connection.output.write(encodeConnack(ReturnCode.ACCEPTED, sessionPresent, connection.protocol))
  connection.connackSent = true
  connection.maxPacketBytes = context.limits.maxPacketBytes
  connection.session = session
  session.connection = connection
  if (!clean) context.persistence.sessionOpened(session.clientId)
  announceConnack(connection, { cmd: 'connack', returnCode: ReturnCode.ACCEPTED, sessionPresent })
  connection.connected = true
  if (connection.keepAliveMs === 0) connection.stream.keepAlive(TCP_KEEP_ALIVE_MS)
  connection.waitOn()
  if (clean) ready(connection)
  // Whoever heard of the CONNACK may have closed it, and a closed connection must not take messages of the queue.
  else if (!connection.closed)
    connection
      .sending()
      .catchUp()
      .then(
        () => ready(connection),
        (error: unknown) => connection.fail(error),
      )
  connection.input.release()
}

function ready(connection: Connection): void {
  if (connection.closed) return
  connection.connecting = false
  connection.broker.emit('clientReady', connection)
  connection.emit('connected')
}

function announceConnack(connection: Connection, connack: Connack): void {
  connection.broker.emit('connackSent', connack, connection)
}

/** A hook that answers twice has answered once. */
function once<Args extends unknown[]>(answer: (...args: Args) => void): (...args: Args) => void {
  let answered = false
  return (...args) => {
    if (answered) return
    answered = true
    answer(...args)
  }
}
