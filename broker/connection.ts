import { EventEmitter } from 'node:events'
import { callbackify } from 'node:util'
import type { Principal } from '../registry/index.ts'
import type { AedesClient, Message, PublishPacket, Qos, StoredPublish, Subscription } from './aedes-internals.d.ts'
import type { ByteStream, Conn, StreamListener } from './byte-stream.ts'
import {
  checkFirst,
  checkFlags,
  MQTT_3_1_1,
  PacketType,
  PINGRESP,
  ProtocolError,
  readConnect,
  readEmpty,
  readPacketId,
  readSubscribe,
  readUnsubscribe,
  UnacceptableProtocolVersion,
  type FixedHeader,
  type ProtocolVersion,
} from './codec/index.ts'
import type { BrokerContext } from './context.ts'
import { SlowReader } from './disconnects.ts'
import { Input, type PacketHandler } from './input.ts'
import { receiveConnect, refuse } from './login.ts'
import { Meter } from './meter.ts'
import { Outbox, type Recipient } from './outbox.ts'
import { Output, type Drained } from './output.ts'
import type { Peer } from './peer.ts'
import type { QueuedPacket, QueuedPubrel } from './persistence/index.ts'
import { receivePublish, receivePubrel, type Inbound } from './publishing.ts'
import { ReturnCode } from './return-codes.ts'
import type { Retained } from './retained.ts'
import type { Frame } from './router.ts'
import type { Receiver, Session } from './session.ts'
import { sendToClient } from './send-to-client.ts'
import { receiveSubscribe, receiveUnsubscribe } from './subscribing.ts'
import { TICK_MS, type Deadline, type TimerWheel } from './timer-wheel.ts'
import type { Watcher } from './watches.ts'

/** Aedes deletes from it; there is nothing in it, as nothing is recognised by counting. */
const NO_DUPLICATES = Object.freeze<Record<string, number>>({})

/**
 * One client, from its first byte to its last: what Aedes' own `Client` is to Aedes, on the surfaces that Aedes shows to
 * every connection class. A packet at a time, in order; nothing is executed before CONNACK; nothing is acknowledged
 * before what it promises is done.
 */
export class Connection implements AedesClient, Receiver, Recipient, Drained, StreamListener, PacketHandler, Deadline {
  // ---- as Aedes documents its Client
  readonly req: unknown
  readonly broker: BrokerContext['broker']
  readonly duplicates = NO_DUPLICATES
  /** null before CONNECT was believed. */
  id: string | null = null
  clean = true
  version: number | null = null
  connecting = false
  connected = false
  connackSent = false
  closed = false
  will: Message | undefined

  // ---- who it is
  readonly peer: Peer
  accessKey = ''
  /** Set once the login is through; without it every gate is closed. */
  principal: Principal | undefined
  /** Since 1970, in milliseconds: when it logged in. */
  since = 0
  /** Held by Aedes under its id. */
  registered = false
  /** Said DISCONNECT, so that its will is moot [MQTT-3.14.4-3]. */
  saidDisconnect = false

  // ---- its parts
  readonly context: BrokerContext
  readonly stream: ByteStream
  readonly input: Input
  readonly output: Output
  /** Those that an idle client has no use for are made when they are needed first. */
  inbound: Inbound | undefined
  retained: Retained | undefined
  meter: Meter | undefined
  outbox: Outbox | undefined
  session: Session | undefined
  /** Set while somebody looks at what it publishes. */
  watched: Watcher | undefined
  protocol: ProtocolVersion = MQTT_3_1_1
  maxPacketBytes: number
  /** What the gates have allowed lately; theirs. */
  allowedTopic: string | undefined
  publishable: Set<string> | undefined
  receivable: Set<string> | undefined

  // ---- its time
  slot = -1
  keepAliveMs = 0
  #seenAt: number
  #droppedSince = 0
  /** Not read before it has taken the answers that it has. */
  #owesReading = false
  /** Few have listeners, so an emitter is made when one comes. */
  #events: EventEmitter | undefined

  constructor(context: BrokerContext, stream: ByteStream, peer: Peer, request?: unknown) {
    this.context = context
    this.broker = context.broker
    this.stream = stream
    this.req = request
    this.peer = peer
    this.maxPacketBytes = context.limits.maxConnectPacketBytes
    this.input = new Input(stream, this)
    this.output = new Output(stream, context.flusher, this)
    this.#seenAt = context.wheel.now
    context.connections.add(this)
    context.wheel.put(this, context.broker.opts.connectTimeout)
    stream.listen(this)
  }

  get conn(): Conn {
    return this.stream.conn
  }

  data(bytes: Buffer, end: number): void {
    this.input.data(bytes, end)
  }

  writable(): void {
    this.output.unblock()
  }

  // ---- packets

  bytesArrived(count: number): void {
    const { limits, wheel } = this.context
    this.#seenAt = wheel.now
    if (!this.connected) return
    ;(this.meter ??= new Meter(limits)).bytes(this, count)
    // It does not read: what it sends would be answered, and the answers would wait here without end.
    if (!this.#owesReading && this.output.isBlocked && this.output.waitingBytes > limits.maxWriteBufferBytes) {
      this.#owesReading = true
      this.input.hold()
    }
  }

  /** What it said meanwhile is about to be read: it was not silent. */
  readAgain(): void {
    this.#seenAt = this.context.wheel.now
  }

  begun(header: FixedHeader): void {
    if (!this.connackSent) checkFirst(header)
  }

  packet(bytes: Buffer, start: number, header: FixedHeader): void {
    if (!this.connackSent) return this.#firstPacket(bytes, header)
    // Those of PUBLISH are no reserved ones.
    if (header.type !== PacketType.PUBLISH) checkFlags(header, this.protocol)
    switch (header.type) {
      case PacketType.PUBLISH:
        return receivePublish(this, bytes, start, header)
      case PacketType.PUBACK:
        return this.sending().puback(readPacketId(bytes, header))
      case PacketType.PUBREC:
        return this.sending().pubrec(readPacketId(bytes, header))
      case PacketType.PUBREL:
        return receivePubrel(this, readPacketId(bytes, header))
      case PacketType.PUBCOMP:
        return this.sending().pubcomp(readPacketId(bytes, header))
      case PacketType.SUBSCRIBE:
        return this.#inTurn(receiveSubscribe(this, readSubscribe(bytes, header, this.#maxFilters)))
      case PacketType.UNSUBSCRIBE:
        return this.#inTurn(receiveUnsubscribe(this, readUnsubscribe(bytes, header, this.#maxFilters)))
      case PacketType.PINGREQ:
        return this.#ping(header)
      case PacketType.DISCONNECT:
        readEmpty(header)
        this.saidDisconnect = true
        return this.close()
      default:
        throw new ProtocolError('a second CONNECT') // [MQTT-3.1.0-2]
    }
  }

  malformed(error: unknown): void {
    if (error instanceof UnacceptableProtocolVersion && !this.connecting) {
      return refuse(this, ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION, error) // [MQTT-3.1.2-2]
    }
    this.fail(error)
  }

  #firstPacket(bytes: Buffer, header: FixedHeader): void {
    // What follows a CONNECT is not looked at before CONNACK, because the input is held.
    checkFirst(header)
    const packet = readConnect(bytes, header)
    this.peer.ticket.connectRead()
    receiveConnect(this, packet)
  }

  get #maxFilters(): number {
    return this.context.limits.maxSubscriptionsPerPacket
  }

  /** What follows is handled when `work` is done. */
  #inTurn(work: Promise<void>): void {
    this.input.hold()
    work.then(
      () => this.closed || this.input.release(),
      (error: unknown) => this.fail(error),
    )
  }

  #ping(header: FixedHeader): void {
    readEmpty(header)
    this.output.write(PINGRESP) // [MQTT-3.12.4-1]
    if (this.broker.listenerCount('ping') > 0) this.broker.emit('ping', { cmd: 'pingreq' }, this)
  }

  // ---- deliveries

  forwarded(packet: PublishPacket, qos: Qos): PublishPacket | null {
    const allowed = this.mayReceive(packet)
    if (allowed === null && qos > 0) this.sending().discard()
    return allowed
  }

  mayReceive<Packet extends PublishPacket | StoredPublish>(packet: Packet): Packet | null {
    try {
      return this.broker.authorizeForward(this, packet) ?? null
    } catch (error) {
      this.broker.emit('clientError', this, error)
      return null
    }
  }

  deliver(packet: PublishPacket, qos: Qos, frame: Frame): void {
    this.context.counters.messagesSent += 1
    if (packet.retain && (qos === 0 || this.sending().holdsRetained(packet))) this.retained?.replaced(packet.topic)
    if (qos > 0) return this.sending().deliver(packet, qos, frame)
    const { output } = this
    const bytes = frame.end - frame.start
    if (output.isBlocked && output.waitingBytes + bytes > this.context.limits.maxWriteBufferBytes / 2) this.#dropped()
    else output.writePart(frame.bytes, frame.start, frame.end)
  }

  /** What sends QoS 1 and 2 to it. */
  sending(): Outbox {
    const { clean, context } = this
    const { maxInFlight, maxWriteBufferBytes } = context.limits
    return (this.outbox ??= new Outbox(this, {
      queue: clean ? undefined : context.persistence.openQueue(this.id ?? ''),
      window: maxInFlight,
      maxBytes: maxWriteBufferBytes,
    }))
  }

  drained(): void {
    this.outbox?.pump()
    if (!this.#owesReading || this.output.waitingBytes > this.context.limits.maxWriteBufferBytes) return
    this.#owesReading = false
    this.input.release()
  }

  get isAckHeard(): boolean {
    return this.broker.listenerCount('ack') > 0
  }

  acknowledged(packet: QueuedPacket | QueuedPubrel | undefined): void {
    if (this.isAckHeard) this.broker.emit('ack', packet, this)
  }

  overflowed(): void {
    this.fail(new SlowReader(`more than ${this.context.limits.maxWriteBufferBytes} bytes wait for it`))
  }

  #dropped(): void {
    this.context.counters.messagesDropped += 1
    if (this.output.blockedSince === this.#droppedSince) return
    this.#droppedSince = this.output.blockedSince
    this.context.reports.dropping(this)
  }

  // ---- time

  due(wheel: TimerWheel): void {
    if (!this.connected && !this.connackSent) return this.fail(new Error('connect did not arrive in time'))
    const { stalledReaderMs } = this.context.limits
    const { blockedSince } = this.output
    if (blockedSince > 0 && performance.now() - blockedSince > stalledReaderMs) {
      return this.fail(new SlowReader(`nothing was read for ${stalledReaderMs} ms`))
    }
    const idleMs = (wheel.now - this.#seenAt) * TICK_MS
    // [MQTT-3.1.2-24]
    if (this.keepAliveMs > 0 && idleMs >= this.keepAliveMs && !this.input.isHeld) {
      this.broker.emit('keepaliveTimeout', this)
      return this.fail(new Error('keep alive timeout'))
    }
    this.waitOn()
  }

  /** Until there is something to look at again. */
  waitOn(): void {
    const { wheel, limits } = this.context
    const idleMs = (wheel.now - this.#seenAt) * TICK_MS
    const quietMs = this.keepAliveMs === 0 ? Number.POSITIVE_INFINITY : Math.max(this.keepAliveMs - idleMs, 0)
    wheel.drop(this)
    wheel.put(this, Math.min(quietMs, limits.stalledReaderMs))
  }

  // ---- its end

  /** Something is wrong with this client or with what we owe it: it is told to everybody, and its connection closes. */
  fail(error: unknown): void {
    if (this.closed) return
    this.broker.emit(this.id === null ? 'connectionError' : 'clientError', this, error)
    this.close()
  }

  close(done?: () => void): void {
    if (!this.closed) this.#close()
    done?.()
  }

  #close(): void {
    const { broker, context, session } = this
    this.closed = true
    this.connected = false
    this.connecting = false
    context.wheel.drop(this)
    context.connections.remove(this)
    this.input.close()
    this.outbox?.close()
    this.meter?.stop()
    this.inbound?.close()
    this.output.end(this.saidDisconnect)
    if (session?.connection === this) {
      session.connection = undefined
      if (session.clean) this.#forgetSession(session)
      else context.persistence.sessionClosed(session.clientId)
    }
    const isOver = this.saidDisconnect || !this.registered
    if (this.will !== undefined) context.wills.ended(this, isOver)
    if (!this.registered) return
    this.registered = false
    broker.unregisterClient(this)
  }

  /** [MQTT-3.1.2-6] */
  #forgetSession(session: Session): void {
    const filters = Array.from(session.subscriptions, ([filter]) => filter)
    this.context.router.drop(session)
    if (filters.length > 0) this.broker.emit('unsubscribe', filters, this)
  }

  // ---- what Aedes documents for whoever writes a plugin

  /** `connected`: CONNACK was sent, and what the session held is on its way. */
  on(event: 'connected', listener: () => void): this {
    this.#events ??= new EventEmitter()
    this.#events.on(event, listener)
    return this
  }

  once(event: 'connected', listener: () => void): this {
    this.#events ??= new EventEmitter()
    this.#events.once(event, listener)
    return this
  }

  off(event: 'connected', listener: () => void): this {
    this.#events?.off(event, listener)
    return this
  }

  emit(event: 'connected'): void {
    this.#events?.emit(event)
  }

  /** Sends a message to this client alone. `done` is called when it was handed over. */
  publish(message: Message, done: (error?: Error | null) => void): void {
    callbackify(() => sendToClient(this, message))(done)
  }

  subscribe(subscriptions: Subscription | readonly Subscription[], done: (error?: Error | null) => void): void {
    const packet = { packetId: undefined, subscriptions: [subscriptions].flat() }
    callbackify(() => receiveSubscribe(this, packet))(done)
  }

  unsubscribe(filters: string | readonly string[], done: (error?: Error | null) => void): void {
    const packet = { packetId: undefined, filters: [filters].flat() }
    callbackify(() => receiveUnsubscribe(this, packet))(done)
  }

  /** Forgets the stored messages of this client's session. */
  emptyOutgoingQueue(done: (error?: Error | null) => void): void {
    callbackify(() => this.context.persistence.emptyQueue(this.id ?? ''))(done)
  }
}
