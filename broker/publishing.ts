import type { PublishPacket, Qos } from './aedes-internals.d.ts'
import { PacketType, PublishFrame, readPublish, readTopicName, sameBytes, type FixedHeader } from './codec/index.ts'
import type { Connection } from './connection.ts'
import { LimitExceeded } from './disconnects.ts'
import { nothingElse } from './hooks.ts'
import type { Match } from './router.ts'

/** Messages of one client that are on their way through Aedes' pipeline before it is read on. */
const MOST_IN_PIPELINE = 256
const MOST_BYTES_IN_PIPELINE = 1024 * 1024

/** Reused: packets are handled one at a time. */
const frame = new PublishFrame()

/** Where the last message of a connection went: most clients publish to one topic again and again. */
interface LastTopic {
  readonly bytes: Buffer
  readonly name: string
  match: Match
}

/** A PUBLISH as gates, hooks and Aedes see it. Its payload is cut out when somebody looks at it. */
class InboundPublish implements PublishPacket {
  topic: string
  qos: Qos
  retain: boolean
  dup: boolean
  readonly messageId: number
  readonly brokerId = null
  readonly brokerCounter = 0
  readonly #bytes: Buffer
  readonly #sentQos: Qos
  readonly start: number
  readonly payloadAt: number
  readonly end: number
  #payload: Buffer | undefined

  constructor(topic: string, bytes: Buffer, start: number) {
    this.topic = topic
    this.qos = frame.qos
    this.retain = frame.retain
    this.dup = frame.dup
    this.messageId = frame.packetId
    this.#bytes = bytes
    this.#sentQos = frame.qos
    this.start = start
    this.payloadAt = frame.payloadAt
    this.end = frame.end
  }

  get cmd(): 'publish' {
    return 'publish'
  }

  get payload(): Buffer {
    return this.#payload ?? this.#bytes.subarray(this.payloadAt, this.end)
  }

  set payload(payload: Buffer) {
    this.#payload = payload
  }

  /** The packet as it arrived, good to be copied: a gate has not changed it. RETAIN and DUP are taken off. */
  frameOf(topic: LastTopic): { bytes: Buffer; start: number; end: number; packetIdAt: number } | undefined {
    if (this.#payload !== undefined || this.topic !== topic.name || this.qos !== this.#sentQos) return undefined
    this.#bytes[this.start] = 0x30 | (this.qos << 1)
    return { bytes: this.#bytes, start: this.start, end: this.end, packetIdAt: this.payloadAt - 2 }
  }
}

/**
 * What one client publishes. Messages that nobody has to keep are delivered at once; the others go through Aedes'
 * pipeline, where their order is kept because all that are on their way there take the same steps.
 */
export class Inbound {
  readonly #connection: Connection
  topic: LastTopic | undefined
  /** The message that a gate is being asked about. */
  asked: InboundPublish | undefined
  #askedLate = false
  #inPipeline = 0
  #bytesInPipeline = 0
  /** What those in the pipeline have in common. */
  #kind = ''
  #parked: InboundPublish | undefined
  #isHeld = false
  /** Packet identifiers of QoS 2 that were received and not released. */
  #received: Map<number, 'publishing' | 'received'> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): void {
    this.#parked = undefined
    this.asked = undefined
    this.topic = undefined
  }

  /** Asks the gate, and goes on when it has answered; what follows waits until then. */
  ask(packet: InboundPublish): void {
    this.asked = packet
    this.#askedLate = false
    this.#connection.broker.authorizePublish(this.#connection, packet, this.#answered)
    if (this.asked === undefined) return
    this.#askedLate = true
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

  /** At once, or through the pipeline, or later when the pipeline holds messages that it would overtake. */
  #dispatch(packet: InboundPublish): void {
    const match = this.#matchOf(packet)
    const atOnce = !packet.retain && match.listeners.length === 0 && (packet.qos === 0 || !match.mustBeKept)
    const kind = packet.retain ? (packet.qos === 0 ? 'retained' : 'acknowledged, retained') : 'acknowledged'
    if (this.#inPipeline > 0) {
      // QoS 0 may overtake QoS 1 and 2, but not itself [MQTT-4.6.0-6].
      const mayPass = atOnce && packet.qos === 0 && this.#kind !== 'retained'
      if (!mayPass && (kind !== this.#kind || packet.qos === 0)) return this.#park(packet)
      if (!mayPass) return this.#pipe(packet, kind)
    } else if (!atOnce) return this.#pipe(packet, kind)
    this.#deliver(packet, match)
  }

  #matchOf(packet: InboundPublish): Match {
    const { router } = this.#connection.context
    const { topic } = this
    if (topic === undefined || packet.topic !== topic.name) return router.match(packet.topic)
    if (topic.match.isStale) topic.match = router.match(topic.name)
    return topic.match
  }

  /** The same steps as Aedes' pipeline for a message that nobody has to keep: deliver, `published`, 'publish'. */
  #deliver(packet: InboundPublish, match: Match): void {
    const connection = this.#connection
    const { broker, context } = connection
    context.router.deliver(match, packet, this.topic === undefined ? undefined : packet.frameOf(this.topic))
    if (broker.published === nothingElse) this.#acknowledge(packet)
    else {
      broker.published(packet, connection, (error) => {
        if (error) connection.fail(error)
        else this.#acknowledge(packet)
      })
    }
    if (broker.listenerCount('publish') > 0) broker.emit('publish', packet, connection)
  }

  #pipe(packet: InboundPublish, kind: string): void {
    const connection = this.#connection
    const bytes = packet.end - packet.start
    this.#kind = kind
    this.#inPipeline += 1
    this.#bytesInPipeline += bytes
    connection.broker.publish(packet, connection, (error) => {
      this.#inPipeline -= 1
      this.#bytesInPipeline -= bytes
      // Not stored, not acknowledged: the client sends it again [MQTT-4.3.2-2].
      if (error) connection.fail(error)
      else this.#acknowledge(packet)
      this.#goOn()
    })
    if (this.#isFull() && !this.#isHeld) {
      this.#isHeld = true
      connection.input.hold()
    }
  }

  #isFull(): boolean {
    return this.#inPipeline >= MOST_IN_PIPELINE || this.#bytesInPipeline >= MOST_BYTES_IN_PIPELINE
  }

  #park(packet: InboundPublish): void {
    this.#parked = packet
    this.#connection.input.hold()
  }

  #goOn(): void {
    const connection = this.#connection
    if (connection.closed) return
    if (this.#parked !== undefined && this.#inPipeline === 0) {
      const parked = this.#parked
      this.#parked = undefined
      this.#dispatch(parked)
      connection.input.release()
    }
    if (this.#isHeld && this.#inPipeline < MOST_IN_PIPELINE / 2 && this.#bytesInPipeline < MOST_BYTES_IN_PIPELINE / 2) {
      this.#isHeld = false
      connection.input.release()
    }
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
      throw new LimitExceeded(`more than ${context.limits.maxInFlightInbound} messages of QoS 2 are not released`)
    }
    received.set(packet.messageId, 'publishing')
    if (clean) return this.#dispatch(packet)
    connection.input.hold()
    this.#publishOnce(packet).then(
      () => connection.input.release(),
      (error: unknown) => connection.fail(error),
    )
  }

  /** The session may have received it on an earlier connection. */
  async #publishOnce(packet: InboundPublish): Promise<void> {
    const connection = this.#connection
    const { persistence } = connection.context
    const isKnown = await persistence.incomingGetPacket(connection, packet).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && error.message === 'no such packet') return false
        throw error
      },
    )
    if (connection.closed) return
    if (isKnown) return this.#acknowledge(packet)
    const stored = persistence.incomingStorePacket(connection, packet)
    await Promise.all([stored, this.#published(packet)])
    this.#acknowledge(packet)
  }

  #published(packet: InboundPublish): Promise<void> {
    const connection = this.#connection
    return new Promise((resolve, reject) => {
      connection.broker.publish(packet, connection, (error) => (error ? reject(error) : resolve()))
    })
  }

  release(packetId: number): void {
    const connection = this.#connection
    this.#received?.delete(packetId)
    // An identifier that is not known was released before; the client has only missed the answer.
    const answer = (): void => {
      if (!connection.closed) connection.output.acknowledge(PacketType.PUBCOMP, packetId)
    }
    if (connection.clean) return answer()
    connection.context.persistence
      .incomingDelPacket(connection, { messageId: packetId })
      .then(answer, (error: unknown) => connection.fail(error))
  }
}

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
