import { isUtf8 } from 'node:buffer'
import { filterProblem, topicProblem, type Log } from '../registry/index.ts'
import { parserOf } from './aedes.ts'
import type {
  AedesBroker,
  AedesPersistence,
  Client,
  Connack,
  Deliver,
  PublishPacket,
  Subscription,
} from './aedes-internals.d.ts'
import { ReturnCode } from './return-codes.ts'

/**
 * The holes of stock Aedes 1.2.0, shut from outside. One file, because an own connection class will make it superfluous:
 *
 * - bytes: nothing is executed before CONNACK, nothing malformed or too large is executed at all;
 * - deliveries: no message is lost to a newer one, and one slow reader costs bounded memory and nobody else's time;
 * - logins: one at a time for each client id, and nobody is registered after he has gone;
 * - subscriptions: only what was granted is stored, and once.
 */

export interface BrokerLimits {
  /** The largest CONNECT, in bytes, its fixed header included. */
  readonly maxConnectPacketBytes: number
  /** The largest packet of a client that has logged in, in bytes, its fixed header included. */
  readonly maxPacketBytes: number
  /** Topic filters in one SUBSCRIBE or UNSUBSCRIBE. */
  readonly maxSubscriptionsPerPacket: number
  /**
   * Bytes that may wait for a client that does not read. From half of it on, messages of QoS 0 are dropped; beyond it
   * the connection is closed.
   */
  readonly maxWriteBufferBytes: number
}

/** The other end broke a rule of the protocol, or a limit of ours. Its connection closes. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError'
}

/** The other end speaks a version of MQTT that we do not. It is told, and its connection closes. */
class UnacceptableVersion extends ProtocolError {
  override readonly name = 'UnacceptableVersion'
}

// ---- bytes ----------------------------------------------------------------------------------------------------------

/** Control packet types. Source: MQTT 3.1.1 §2.2.1, table 2.1. */
const Type = {
  CONNECT: 1,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  UNSUBSCRIBE: 10,
  PINGREQ: 12,
  DISCONNECT: 14,
} as const

/** One whole control packet. */
interface Frame {
  readonly type: number
  /** The lower half of the first byte. */
  readonly flags: number
  readonly bytes: Buffer
  /** What follows the fixed header. */
  readonly body: Buffer
}

/** CONNACK without a session, return code 1 [MQTT-3.1.2-2]. */
const CONNACK_UNACCEPTABLE_VERSION = Buffer.from([0x20, 2, 0, ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION])

/**
 * Stands between the stream and Aedes' parser and lets one whole, checked packet through at a time. The first must be a
 * CONNECT; what follows it stays here, and the stream unread, until CONNACK was written. (Stock Aedes executes what
 * arrives in a second read before the login is decided, and gives up on a client that pipelines.)
 *
 * @param onConnect - a whole CONNECT has been read.
 */
export function guardBytes(client: Client, limits: BrokerLimits, onConnect: () => void): void {
  const { maxConnectPacketBytes, maxPacketBytes, maxSubscriptionsPerPacket } = limits
  const parser = parserOf(client)
  const parse = parser.parse.bind(parser)
  const resume = client.resume.bind(client)
  const frames = new Frames()
  let state: 'expects-connect' | 'awaits-connack' | 'open' | 'over' = 'expects-connect'
  let busy = false

  const take = (frame: Frame): void => {
    if (state === 'expects-connect') {
      checkConnect(frame)
      state = 'awaits-connack'
      // Aedes resumes when CONNACK was written, and not before.
      client.pause()
      onConnect()
    } else {
      checkFrame(frame, maxSubscriptionsPerPacket)
      if (frame.type === Type.DISCONNECT) state = 'over'
    }
    parse(frame.bytes)
  }

  const next = (): Frame | undefined => {
    if (client.closed || state === 'awaits-connack' || state === 'over') return undefined
    // [MQTT-3.1.0-1], by the first byte: what speaks HTTP here need not be waited for.
    if (state === 'expects-connect' && frames.nextType !== Type.CONNECT && frames.nextType !== undefined) {
      throw new ProtocolError('the first packet is not CONNECT')
    }
    return frames.next(state === 'open' ? maxPacketBytes : maxConnectPacketBytes)
  }

  const work = (): void => {
    // A packet that is answered at once makes Aedes read on, which leads here while the parser is still in use.
    if (busy) return
    busy = true
    try {
      for (let frame = next(); frame !== undefined; frame = next()) take(frame)
    } catch (error) {
      state = 'over'
      if (error instanceof UnacceptableVersion) {
        client.conn.end(CONNACK_UNACCEPTABLE_VERSION, () => client.conn.destroy())
      }
      client.emit(error instanceof UnacceptableVersion ? 'refused' : 'error', error)
    } finally {
      busy = false
    }
  }

  parser.parse = (chunk) => {
    if (state === 'over') return 0
    frames.push(chunk)
    work()
    return 0
  }
  client.resume = () => {
    if (state === 'awaits-connack') state = 'open'
    // First, because Aedes does not count what is answered while it is paused, and would stop reading.
    resume()
    work()
  }
}

/** Cuts a stream of bytes into control packets. Bytes are copied only where a packet spans several chunks. */
class Frames {
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  push(chunk: Buffer): void {
    const held = this.#end - this.#start
    if (held === 0) {
      this.#buffer = chunk
      this.#start = 0
      this.#end = chunk.length
      return
    }
    if (this.#end + chunk.length > this.#buffer.length) {
      // Doubling keeps many small chunks cheap. Never in place: packets that were handed out still point into the old one.
      const larger = Buffer.allocUnsafe(2 * (held + chunk.length))
      this.#buffer.copy(larger, 0, this.#start, this.#end)
      this.#buffer = larger
      this.#start = 0
      this.#end = held
    }
    chunk.copy(this.#buffer, this.#end)
    this.#end += chunk.length
  }

  /** The type of the packet that comes next, once its first byte is here. */
  get nextType(): number | undefined {
    return this.#start < this.#end ? this.#buffer.readUInt8(this.#start) >> 4 : undefined
  }

  /** The next packet, or undefined while it is incomplete. Refuses by its fixed header, before its bytes are kept. */
  next(maxBytes: number): Frame | undefined {
    let length = 0
    for (let digit = 0; ; digit++) {
      const at = this.#start + 1 + digit
      if (at >= this.#end) return undefined
      const byte = this.#buffer.readUInt8(at)
      length += (byte & 0x7f) * 128 ** digit
      if (byte >= 0x80) {
        if (digit === 3) throw new ProtocolError('the remaining length has more than four bytes')
        continue
      }
      const bodyAt = at + 1
      const packetBytes = bodyAt + length - this.#start
      if (packetBytes > maxBytes) throw new ProtocolError(`a packet of ${packetBytes} bytes; ${maxBytes} are allowed`)
      if (bodyAt + length > this.#end) return undefined
      const first = this.#buffer.readUInt8(this.#start)
      const bytes = this.#buffer.subarray(this.#start, bodyAt + length)
      this.#start = bodyAt + length
      return { type: first >> 4, flags: first & 0x0f, bytes, body: bytes.subarray(packetBytes - length) }
    }
  }
}

/** Reads what a packet is made of; whatever is missing or malformed throws. */
class Fields {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get left(): number {
    return this.#body.length - this.#at
  }

  byte(): number {
    return this.bytes(1).readUInt8()
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE()
  }

  bytes(count: number): Buffer {
    if (this.left < count) throw new ProtocolError('a packet is shorter than its fields')
    return this.#body.subarray(this.#at, (this.#at += count))
  }

  /** UTF-8 without surrogates, overlong forms and U+0000 [MQTT-1.5.3-1, MQTT-1.5.3-2]. */
  utf8(): Buffer {
    const bytes = this.bytes(this.uint16())
    if (!isUtf8(bytes) || bytes.includes(0)) throw new ProtocolError('a string is not UTF-8 without U+0000')
    return bytes
  }

  text(): string {
    return this.utf8().toString()
  }

  /** [MQTT-2.3.1-1] */
  packetId(): void {
    if (this.uint16() === 0) throw new ProtocolError('packet identifier 0')
  }

  end(): void {
    if (this.left > 0) throw new ProtocolError('a packet is longer than its fields')
  }
}

/** Source: MQTT 3.1.1 §3.1; MQTT 3.1 §3.1. */
function checkConnect({ flags, body }: Frame): void {
  if (flags !== 0) throw new ProtocolError('reserved bits are set') // [MQTT-2.2.2-2]
  const fields = new Fields(body)
  const protocol = fields.text()
  const level = fields.byte()
  if (protocol !== 'MQTT' && protocol !== 'MQIsdp') throw new ProtocolError('not MQTT')
  if (level !== (protocol === 'MQTT' ? 4 : 3)) throw new UnacceptableVersion(`protocol ${protocol}, level ${level}`)

  const connectFlags = fields.byte()
  const [hasUserName, hasPassword, willRetain] = [connectFlags & 0x80, connectFlags & 0x40, connectFlags & 0x20]
  const [willQos, hasWill] = [(connectFlags >> 3) & 3, connectFlags & 0x04]
  if (connectFlags & 0x01) throw new ProtocolError('the reserved connect flag is set') // [MQTT-3.1.2-3]
  if (hasPassword && !hasUserName) throw new ProtocolError('a password without a user name') // [MQTT-3.1.2-22]
  if (willQos === 3) throw new ProtocolError('a will of QoS 3') // [MQTT-3.1.2-14]
  if (!hasWill && (willQos || willRetain)) throw new ProtocolError('will flags without a will') // [MQTT-3.1.2-13, -15]

  fields.uint16() // keep alive
  fields.utf8() // client id
  if (hasWill) {
    const problem = topicProblem(fields.text())
    if (problem !== undefined) throw new ProtocolError(`the topic of the will ${problem}`)
    fields.bytes(fields.uint16())
  }
  if (hasUserName) fields.utf8()
  if (hasPassword) fields.bytes(fields.uint16())
  fields.end()
}

/** What a client may send once it has logged in. Source: MQTT 3.1.1 §3.3–§3.14. */
function checkFrame({ type, flags, body }: Frame, maxFilters: number): void {
  const fields = new Fields(body)
  if (type === Type.PUBLISH) {
    const qos = (flags >> 1) & 3
    if (qos === 3) throw new ProtocolError('a message of QoS 3') // [MQTT-3.3.1-4]
    if (qos === 0 && flags & 0x08) throw new ProtocolError('a message of QoS 0 marked as sent again') // [MQTT-3.3.1-2]
    if (fields.utf8().length === 0) throw new ProtocolError('a message without a topic') // [MQTT-4.7.3-1]
    if (qos > 0) fields.packetId()
    return
  }

  const expectedFlags = type === Type.PUBREL || type === Type.SUBSCRIBE || type === Type.UNSUBSCRIBE ? 2 : 0
  if (flags !== expectedFlags) throw new ProtocolError('reserved bits are set') // [MQTT-2.2.2-2]
  switch (type) {
    case Type.PUBACK:
    case Type.PUBREC:
    case Type.PUBREL:
    case Type.PUBCOMP:
      fields.packetId()
      return fields.end()
    case Type.SUBSCRIBE:
    case Type.UNSUBSCRIBE:
      return checkFilters(fields, type === Type.SUBSCRIBE, maxFilters)
    case Type.PINGREQ:
    case Type.DISCONNECT:
      return fields.end()
    case Type.CONNECT:
      throw new ProtocolError('a second CONNECT') // [MQTT-3.1.0-2]
    default:
      throw new ProtocolError(`a packet of type ${type}, which no client sends`)
  }
}

/** The payload of SUBSCRIBE and UNSUBSCRIBE: at least one filter [MQTT-3.8.3-3, MQTT-3.10.3-2]. */
function checkFilters(fields: Fields, withQos: boolean, maxFilters: number): void {
  fields.packetId()
  for (let count = 1; count === 1 || fields.left > 0; count++) {
    if (count > maxFilters) throw new ProtocolError(`more than ${maxFilters} topic filters in one packet`)
    const problem = filterProblem(fields.text())
    if (problem !== undefined) throw new ProtocolError(`a topic filter ${problem}`)
    if (withQos && fields.byte() > 2) throw new ProtocolError('a subscription of QoS 3 or with reserved bits') // [MQTT-3-8.3-4]
  }
}

// ---- deliveries -----------------------------------------------------------------------------------------------------

/** A client that does not read what it subscribed to. Its connection closes. */
export class SlowReader extends Error {
  override readonly name = 'SlowReader'
}

/** What a message costs beside its topic and payload while it waits to be written. */
const MESSAGE_OVERHEAD_BYTES = 64

/**
 * Takes the place of Aedes' two delivery functions. Live messages give their place in the queue back at once, so that a
 * slow reader holds up nobody; what waits for it is counted and bounded. Retained messages and the queue of a resumed
 * session are read from the store no faster than the client takes them.
 *
 * @param onDropped - a message of QoS 0 was dropped because the client does not read.
 */
export function guardDeliveries(client: Client, maxWriteBufferBytes: number, onDropped: () => void): void {
  let [lastBroker, lastCounter] = ['', 0]
  let waitingBytes = 0

  const guarded =
    (deliver: Deliver, limitOf: (packet: PublishPacket) => number): Deliver =>
    (packet, done) => {
      if (packet.retain || packet.brokerId === null) return deliver(packet, done)

      // Aedes drops what has a lower number than the last one, and so loses messages that were overtaken in the store.
      // Copies for overlapping subscriptions come one directly after the other, so comparing with the last is enough.
      if (packet.brokerId === lastBroker && packet.brokerCounter === lastCounter) return done()
      lastBroker = packet.brokerId
      lastCounter = packet.brokerCounter
      delete client.duplicates[lastBroker]

      // CONNACK comes first [MQTT-3.2.0-1]; QoS 1 and 2 are in the session's queue, which is sent after it.
      if (!client.connackSent || client.closed) return done()

      const bytes = packet.payload.length + packet.topic.length + MESSAGE_OVERHEAD_BYTES
      if (client.conn.writableNeedDrain && waitingBytes + bytes > limitOf(packet)) {
        if (limitOf(packet) < maxWriteBufferBytes) onDropped()
        else client.emit('error', new SlowReader(`${waitingBytes} bytes wait for a client that does not read`))
        return done()
      }
      waitingBytes += bytes
      deliver(packet, () => {
        waitingBytes -= bytes
      })
      done()
    }

  const deliver0 = guarded(client.deliver0, () => maxWriteBufferBytes / 2)
  const deliverQoS = guarded(client.deliverQoS, () => maxWriteBufferBytes)
  client.deliver0 = deliver0
  client.deliverQoS = (packet, done) => (packet.qos === 0 ? deliver0(packet, done) : deliverQoS(packet, done))
}

// ---- logins ---------------------------------------------------------------------------------------------------------

/**
 * Logins under one client id happen one after the other: each waits until the one before is answered or gone, then until
 * the connection that it replaces has gone [MQTT-3.1.4-2].
 *
 * @returns waits for a client's turn and ends the connection that it replaces. Resolves to false when the client left.
 */
export function serialiseLogins(aedes: AedesBroker): (client: Client, clientId: string) => Promise<boolean> {
  const turns = new Map<string, Promise<unknown>>()
  const answered = new WeakMap<Client, () => void>()
  const gone = new WeakMap<Client, () => void>()

  aedes.on('connackSent', ({ returnCode }: Connack, client: Client) => {
    if (returnCode === ReturnCode.ACCEPTED) answered.get(client)?.()
  })
  aedes.on('clientDisconnect', (client: Client) => gone.get(client)?.())

  // A client that closes while its session is looked up would be registered all the same, and for ever.
  const registerClient = aedes.registerClient.bind(aedes)
  aedes.registerClient = (client) => {
    if (!client.closed) registerClient(client)
  }

  return async (client, clientId) => {
    const earlier = turns.get(clientId)
    const over = new Promise<void>((resolve) => {
      answered.set(client, resolve)
      if (client.conn.destroyed) resolve()
      else client.conn.once('close', resolve)
    })
    const turn = Promise.all([earlier, over]).then(() => {
      if (turns.get(clientId) === turn) turns.delete(clientId)
    })
    turns.set(clientId, turn)
    await earlier

    const replaced = aedes.clients[clientId]
    if (client.closed || replaced === undefined) return !client.closed
    await new Promise<void>((resolve) => {
      gone.set(replaced, resolve)
      replaced.close()
    })
    return !client.closed
  }
}

// ---- subscriptions and storage --------------------------------------------------------------------------------------

/**
 * Makes a persistence safe to be used by Aedes' connection class.
 *
 * @returns is to be told about each subscription that was granted, before Aedes stores it.
 */
export function guardPersistence(persistence: AedesPersistence, log: Log): (granted: Subscription) => void {
  const granted = new WeakSet<Subscription>()

  // Aedes calls this once for each filter that was granted, every time with all filters of the packet, those that were
  // refused among them. All are decided in the same turn, so the first call can store them together.
  const addSubscriptions = persistence.addSubscriptions.bind(persistence)
  const stored = new WeakMap<readonly Subscription[], Promise<void>>()
  persistence.addSubscriptions = (client, subscriptions) => {
    const write =
      stored.get(subscriptions) ??
      Promise.resolve().then(() =>
        addSubscriptions(
          client,
          subscriptions.filter((one) => granted.has(one)),
        ),
      )
    stored.set(subscriptions, write)
    return write
  }

  // A message that was never queued for this session (a retained one, or one that overlapping filters kept out of the
  // queue) is delivered and acknowledged all the same; Aedes would close the connection.
  const outgoingUpdate = persistence.outgoingUpdate.bind(persistence)
  persistence.outgoingUpdate = async (client, packet) => {
    try {
      await outgoingUpdate(client, packet)
    } catch (error) {
      if (!(error instanceof Error && error.message === 'no such packet')) throw error
    }
  }

  // Aedes pipes this without listening for errors, which would end the process.
  const createRetainedStreamCombi = persistence.createRetainedStreamCombi.bind(persistence)
  persistence.createRetainedStreamCombi = (filters) =>
    createRetainedStreamCombi(filters).on('error', (error) =>
      log.error({ event: 'storage-failed', error }, 'Retained messages could not be read.'),
    )

  return (subscription) => granted.add(subscription)
}
