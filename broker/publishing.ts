import { isQuarantined } from '../registry/index.ts'
import type { PublishPacket, Qos } from './aedes-internals.d.ts'
import {
  LimitExceeded,
  PacketType,
  PublishFrame,
  readPublish,
  readTopicName,
  sameBytes,
  type FixedHeader,
} from './codec/index.ts'
import type { Connection } from './connection.ts'
import type { BrokerContext } from './context.ts'
import { nothingElse } from './hooks.ts'
import type { Frame, Match } from './router.ts'

/** Messages of one client that are on their way to the disk before it is read on. */
const MOST_BEING_STORED = 256
const MOST_BYTES_BEING_STORED = 1024 * 1024

const nothing = (): void => {}

/** Reused: packets are handled one at a time. */
const frame = new PublishFrame()

/** Where the last message of a connection went: most clients publish to one topic again and again. */
interface LastTopic {
  readonly bytes: Buffer
  readonly name: string
  match: Match
}

/**
 * A PUBLISH as gates, hooks and Aedes see it. It lies in the read buffer, whose next bytes are somebody else's: it is
 * copied out when somebody looks at its payload, and when it has to wait.
 */
class InboundPublish implements PublishPacket {
  topic: string
  qos: Qos
  retain: boolean
  dup: boolean
  readonly messageId: number
  brokerId: string | null = null
  brokerCounter = 0
  readonly bytes: number
  #buffer: Buffer
  #start: number
  #payloadAt: number
  #end: number
  readonly #sentQos: Qos
  #payload: Buffer | undefined
  #isKept = false
  /** The bytes say all that the packet is. */
  #isInPlace = true

  constructor(topic: string, buffer: Buffer, start: number) {
    this.topic = topic
    this.qos = frame.qos
    this.retain = frame.retain
    this.dup = frame.dup
    this.messageId = frame.packetId
    this.bytes = frame.end - start
    this.#buffer = buffer
    this.#sentQos = frame.qos
    this.#start = start
    this.#payloadAt = frame.payloadAt
    this.#end = frame.end
  }

  get cmd(): 'publish' {
    return 'publish'
  }

  get payload(): Buffer {
    if (this.#payload !== undefined) return this.#payload
    const payload = this.#buffer.subarray(this.#payloadAt, this.#end)
    if (this.#isKept) return (this.#payload = payload)
    // Whoever has the copy may write into it.
    this.#isInPlace = false
    return (this.#payload = Buffer.from(payload))
  }

  set payload(payload: Buffer) {
    this.#payload = payload
    this.#isInPlace = false
  }

  /** Its bytes become its own. To be called before the read buffer is read into again. */
  keep(): void {
    if (this.#isKept) return
    const start = this.#start
    this.#buffer = Buffer.from(this.#buffer.subarray(start, this.#end))
    this.#start = 0
    this.#payloadAt -= start
    this.#end -= start
    this.#isKept = true
  }

  /** The packet as it arrived, good to be copied: a gate has not changed it. RETAIN and DUP are taken off. */
  frameOf(topic: LastTopic): Frame | undefined {
    if (!this.#isInPlace || this.topic !== topic.name || this.qos !== this.#sentQos) return undefined
    this.#buffer[this.#start] = 0x30 | (this.qos << 1)
    return { bytes: this.#buffer, start: this.#start, end: this.#end, packetIdAt: this.#payloadAt - 2 }
  }
}

/** The messages of all clients that wait for one commit, in the order in which they came. */
export class Storing {
  readonly commit: Promise<void>
  readonly #inbounds: Inbound[] = []
  readonly #packets: InboundPublish[] = []
  readonly #matches: Match[] = []

  constructor(context: BrokerContext, commit: Promise<void>) {
    this.commit = commit
    // What comes now is not for this one any more, even if it is for the same promise.
    const end = (): void => {
      if (context.storing === this) context.storing = undefined
    }
    commit.then(
      () => {
        end()
        for (const [n, inbound] of this.#inbounds.entries()) inbound.stored(this.#packets[n]!, this.#matches[n]!)
      },
      (error: unknown) => {
        end()
        for (const inbound of this.#inbounds) inbound.notStored(error)
      },
    )
  }

  add(inbound: Inbound, packet: InboundPublish, match: Match): void {
    this.#inbounds.push(inbound)
    this.#packets.push(packet)
    this.#matches.push(match)
  }
}

/**
 * What one client publishes. Messages that nobody has to keep are delivered at once; the others when they are on disk.
 * What stands behind one of them waits with it, so that nothing is overtaken.
 */
export class Inbound {
  readonly #connection: Connection
  topic: LastTopic | undefined
  /** The message that a gate is being asked about. */
  asked: InboundPublish | undefined
  #askedLate = false
  /** Messages that are being stored, or wait for one that is. */
  #storing = 0
  #bytesStoring = 0
  /** How many of them have QoS 0. */
  #storingQos0 = 0
  #isHeld = false
  /** Packet identifiers of QoS 2 that were received and not released. */
  #received: Map<number, 'publishing' | 'received'> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): void {
    this.asked = undefined
    this.topic = undefined
  }

  /** Asks the gate, and goes on when it has answered; what follows waits until then. */
  ask(packet: InboundPublish): void {
    // Taken and thrown away: a device that is cut off for what it says could not be told anything either [MQTT-3.3.5-2].
    if (isQuarantined(this.#connection.principal)) return this.#acknowledge(packet)
    this.asked = packet
    this.#askedLate = false
    this.#connection.broker.authorizePublish(this.#connection, packet, this.#answered)
    if (this.asked === undefined) return
    this.#askedLate = true
    packet.keep()
    this.#connection.input.hold()
  }

  readonly #answered = (error?: Error | null): void => {
    const packet = this.asked
    const connection = this.#connection
    if (packet === undefined || connection.closed) return
    this.asked = undefined
    if (error) return connection.fail(error)
    if (packet.qos === 2) this.#receiveQos2(packet)
    else this.#dispatch(packet)
    if (this.#askedLate && !connection.closed) connection.input.release()
  }

  /** At once, or when it is on disk. QoS 0 may overtake QoS 1 and 2, but not itself [MQTT-4.6.0-6]. */
  #dispatch(packet: InboundPublish): void {
    const { clean } = this.#connection
    const match = this.#matchOf(packet)
    const isKept = packet.retain || (packet.qos > 0 && match.kept.length > 0) || (packet.qos === 2 && !clean)
    const isFirst = this.#storing === 0 || (packet.qos === 0 && this.#storingQos0 === 0)
    if (isKept || !isFirst) this.#store(packet, match)
    else this.#deliver(packet, match)
  }

  #matchOf(packet: InboundPublish): Match {
    const { router } = this.#connection.context
    const { topic } = this
    if (topic === undefined || packet.topic !== topic.name) return router.match(packet.topic)
    if (topic.match.isStale) topic.match = router.match(topic.name)
    return topic.match
  }

  /** The steps of Aedes' pipeline behind its storage: deliver, `published`, 'publish'. */
  #deliver(packet: InboundPublish, match: Match): void {
    const connection = this.#connection
    const { broker, context } = connection
    context.router.deliver(match, packet, this.topic === undefined ? undefined : packet.frameOf(this.topic))
    for (const listener of match.listeners) listener(packet, nothing)
    if (connection.watched !== undefined) connection.watched(packet)
    if (broker.published === nothingElse) this.#acknowledge(packet)
    else {
      broker.published(packet, connection, (error) => {
        if (error) connection.fail(error)
        else this.#acknowledge(packet)
      })
    }
    if (broker.listenerCount('publish') > 0) broker.emit('publish', packet, connection)
  }

  /** All that must be kept of it is on disk before anybody gets it, its sender included [MQTT-4.3.2-2] [MQTT-4.3.3-2]. */
  #store(packet: InboundPublish, match: Match): void {
    const connection = this.#connection
    const { broker, context, clean } = connection
    const { qos, messageId } = packet
    packet.brokerId = broker.id
    packet.brokerCounter = broker.counter += 1
    const received = qos === 2 && !clean ? receivedBy(connection, messageId) : undefined
    packet.keep()
    this.#count(packet, 1)
    const commit = context.persistence.publish(packet, match.kept, received)
    if (context.storing?.commit !== commit) context.storing = new Storing(context, commit)
    context.storing.add(this, packet, match)
    if (this.#isFull() && !this.#isHeld) {
      this.#isHeld = true
      connection.input.hold()
    }
  }

  stored(packet: InboundPublish, match: Match): void {
    this.#count(packet, -1)
    this.#deliver(packet, match)
    this.#goOn()
  }

  /** Not stored, not acknowledged: the client sends it again [MQTT-4.3.2-2]. */
  notStored(error: unknown): void {
    this.#connection.fail(error)
  }

  #count({ qos, bytes }: InboundPublish, more: 1 | -1): void {
    this.#storing += more
    this.#bytesStoring += more * bytes
    if (qos === 0) this.#storingQos0 += more
  }

  #isFull(): boolean {
    return this.#storing >= MOST_BEING_STORED || this.#bytesStoring >= MOST_BYTES_BEING_STORED
  }

  #goOn(): void {
    const connection = this.#connection
    if (!this.#isHeld || connection.closed) return
    if (this.#storing >= MOST_BEING_STORED / 2 || this.#bytesStoring >= MOST_BYTES_BEING_STORED / 2) return
    this.#isHeld = false
    connection.input.release()
  }

  #acknowledge({ qos, messageId }: InboundPublish): void {
    const { closed, output } = this.#connection
    if (closed || qos === 0) return
    if (qos === 1) output.acknowledge(PacketType.PUBACK, messageId) // [MQTT-4.3.2-2]
    else {
      this.#received?.set(messageId, 'received')
      output.acknowledge(PacketType.PUBREC, messageId) // [MQTT-4.3.3-2]
    }
  }

  /** Published when it first arrives; from then until PUBREL the same identifier is the same message [MQTT-4.3.3-2]. */
  #receiveQos2(packet: InboundPublish): void {
    const connection = this.#connection
    const { context, clean } = connection
    const received = (this.#received ??= new Map())
    const state = received.get(packet.messageId)
    // Answered when the first one is through.
    if (state === 'publishing') return
    if (state === 'received') return connection.output.acknowledge(PacketType.PUBREC, packet.messageId)
    if (received.size >= context.limits.maxInFlightInbound) {
      // Not thrown: the gate that has just answered may be somebody's callback.
      const most = context.limits.maxInFlightInbound
      return connection.fail(new LimitExceeded(`more than ${most} messages of QoS 2 are not released`))
    }
    received.set(packet.messageId, 'publishing')
    if (clean || !context.persistence.hasReceived(receivedBy(connection, packet.messageId)))
      return this.#dispatch(packet)
    // The session has received it on an earlier connection, whose commit may still be on its way.
    context.persistence.settled().then(
      () => this.#acknowledge(packet),
      (error: unknown) => connection.fail(error),
    )
  }

  release(packetId: number): void {
    const connection = this.#connection
    this.#received?.delete(packetId)
    // An identifier that is not known was released before; the client has only missed the answer.
    const answer = (): void => {
      if (!connection.closed) connection.output.acknowledge(PacketType.PUBCOMP, packetId)
    }
    if (connection.clean) return answer()
    // Until that is on disk the identifier would pass for the same message.
    connection.context.persistence
      .released(receivedBy(connection, packetId))
      .then(answer, (error: unknown) => connection.fail(error))
  }
}

const receivedBy = ({ id }: Connection, messageId: number) => ({ clientId: id ?? '', messageId })

export function receivePublish(connection: Connection, bytes: Buffer, start: number, header: FixedHeader): void {
  readPublish(bytes, header, frame)
  const { context } = connection
  const inbound = (connection.inbound ??= new Inbound(connection))
  const { topicAt, topicEnd } = frame
  const length = topicEnd - topicAt
  let { topic } = inbound
  if (topic === undefined || topic.bytes.length !== length || !sameBytes(bytes, topicAt, topic.bytes, length)) {
    const name = readTopicName(bytes, topicAt, topicEnd)
    checkTopic(connection, name, length)
    topic = { bytes: Buffer.from(bytes.subarray(topicAt, topicEnd)), name, match: context.router.match(name) }
    inbound.topic = topic
  }
  context.counters.messagesReceived += 1
  context.throttle?.count(connection.id ?? '', topic.name)
  connection.meter?.message()
  inbound.ask(new InboundPublish(topic.name, bytes, start))
}

export function receivePubrel(connection: Connection, packetId: number): void {
  ;(connection.inbound ??= new Inbound(connection)).release(packetId)
}

/** @throws {LimitExceeded} */
export function checkTopic(connection: Connection, topic: string, bytes: number): void {
  const { maxTopicBytes, maxTopicLevels } = connection.context.limits
  if (bytes > maxTopicBytes) throw new LimitExceeded(`a topic of ${bytes} bytes; ${maxTopicBytes} are allowed`)
  let levels = 1
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels += 1
  if (levels > maxTopicLevels) throw new LimitExceeded(`a topic of ${levels} levels; ${maxTopicLevels} are allowed`)
}
