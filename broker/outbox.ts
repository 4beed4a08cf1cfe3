import type { PublishPacket, Qos, StoredPublish } from './aedes-internals.d.ts'
import { encodePublish, PacketType } from './codec/index.ts'
import type { Output } from './output.ts'
import {
  NO_ID,
  type Entry,
  type Live,
  type QueuedPacket,
  type QueuedPubrel,
  type SessionQueue,
} from './persistence/index.ts'
import type { Frame } from './router.ts'

/** What a packet identifier is waiting for. */
const FREE = 0
const PUBACK = 1
const PUBREC = 2
const PUBCOMP = 3
/** Its message was sent on an earlier connection, and has not been sent again on this one. */
const EARLIER = 4

/** What a message costs beside its topic and payload while it waits. */
const MESSAGE_OVERHEAD_BYTES = 64

const RETAIN = 0x01
const DUP = 0x08

/** Whom the messages are for. */
export interface Recipient {
  readonly output: Output
  /** Whether anybody wants to know which message was acknowledged. */
  readonly isAckHeard: boolean
  /** Asked before a stored message is sent. */
  mayReceive(packet: StoredPublish): StoredPublish | null
  /** The client has acknowledged; undefined when the message was not kept, or nobody wants to know. */
  acknowledged(packet: QueuedPacket | QueuedPubrel | undefined): void
  /** More waits than may. */
  overflowed(): void
  /** The store failed: nothing more can be promised to this client. */
  fail(error: unknown): void
}

export interface OutboxOptions {
  /** The queue of this session on disk; undefined for a clean session, which has nothing to keep. */
  readonly queue: SessionQueue | undefined
  /** Messages of QoS 1 and 2 that may be unacknowledged at a time. */
  readonly window: number
  /** Bytes that may wait in memory for this client, in all. */
  readonly maxBytes: number
}

interface Waiting {
  readonly packet: PublishPacket
  readonly qos: Qos
}

/**
 * Messages of QoS 1 and 2 on their way to one client: at most a window of them unacknowledged, in order, each packet
 * identifier free before it is given again [MQTT-2.3.1-4], and the rest waiting: in memory for a clean session, in its
 * queue for one that outlives its connection.
 *
 * A queue is sent from its beginning on, whatever has become of a message meanwhile: `#sent` is how far it has come.
 */
export class Outbox implements Live {
  readonly #recipient: Recipient
  readonly #queue: SessionQueue | undefined
  readonly #window: number
  readonly #maxBytes: number
  /** By packet identifier; the window is small, so the identifiers are. Made at the first message. */
  #states: Uint8Array | undefined
  #unacknowledged = 0
  #lastId = 0
  #waiting: Waiting[] | undefined
  #waitingBytes = 0
  /** The last message of the queue that was sent on this connection. */
  #sent = 0
  /** Some of the queue has no packet identifier yet: what comes now has to wait behind it. */
  #isBehind = false
  /** A commit or a read is on its way, and the queue goes on when it is through. */
  #isBusy = false
  #isScheduled = false
  /** Who waits for room: whoever sends retained messages, whoever waits for the queue. */
  #sleepers: (() => void)[] = []
  #closed = false
  readonly #failed = (error: unknown): void => this.#recipient.fail(error)

  constructor(recipient: Recipient, { queue, window, maxBytes }: OutboxOptions) {
    this.#recipient = recipient
    this.#queue = queue
    this.#window = window
    this.#maxBytes = maxBytes
    if (queue === undefined) return
    for (const packetId of queue.packetIds()) this.#occupy(packetId, EARLIER)
    this.#isBehind = true
    queue.attach(this)
  }

  /**
   * A live message. A kept one is in the queue.
   *
   * @param frame - the packet at this QoS, only good for the time of the call.
   */
  deliver(packet: PublishPacket, qos: Qos, frame: Frame): void {
    const queue = this.#queue
    if (queue !== undefined) this.#deliverKept(queue, packet, frame)
    else if (!this.#hasRoom() || this.#waiting !== undefined) this.#wait(packet, qos, frame)
    else this.#write(this.#take(qos), frame)
  }

  /** A live message that the gate does not let through must not stay in the queue either: it is asked about again there. */
  discard(): void {
    this.#goOnSoon()
  }

  /** Whether a message with the number of this one will be sent. */
  holds({ brokerId, brokerCounter }: PublishPacket): boolean {
    const queue = this.#queue
    return queue === undefined || queue.holds(brokerId, brokerCounter)
  }

  /**
   * Sends what the queue holds: what had been sent and not acknowledged under its old identifier, marked as sent again
   * [MQTT-4.4.0-1], then the rest, no faster than the client acknowledges. Resolves when live messages go straight to
   * the client.
   */
  async catchUp(): Promise<void> {
    this.#goOn()
    while (this.#isBehind && !this.#closed) await this.#turn()
  }

  puback(packetId: number): void {
    if (this.#states?.[packetId] === PUBACK) this.#acknowledged(packetId)
    else this.#recipient.acknowledged(undefined)
  }

  pubrec(packetId: number): void {
    const queue = this.#queue
    const { output } = this.#recipient
    const state = this.#states?.[packetId]
    if (state === PUBACK) return
    // One that is not known any more is answered too: the client would ask for ever.
    if (state !== PUBREC) return output.acknowledge(PacketType.PUBREL, packetId)
    this.#states![packetId] = PUBCOMP
    if (queue === undefined) return output.acknowledge(PacketType.PUBREL, packetId)
    queue.received(packetId).then(() => this.#closed || output.acknowledge(PacketType.PUBREL, packetId), this.#failed)
  }

  pubcomp(packetId: number): void {
    if (this.#states?.[packetId] === PUBCOMP) this.#acknowledged(packetId)
    else this.#recipient.acknowledged(undefined)
  }

  /** There may be room again. */
  pump(): void {
    while (this.#waiting !== undefined && this.#hasRoom()) {
      const { packet, qos } = this.#waiting.shift()!
      this.#waitingBytes -= bytesOf(packet)
      if (this.#waiting.length === 0) this.#waiting = undefined
      this.#write(this.#take(qos), encode(packet, qos))
    }
    this.#goOnSoon()
    if (this.#hasRoom()) this.#wakeUp()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#waiting = undefined
    this.#giveBack()
    this.#wakeUp()
  }

  /** Resolves when the next message would leave at once, or the connection has closed. */
  async ready(): Promise<void> {
    while (!this.#closed && !this.#isBehind && (!this.#hasRoom() || this.#waiting !== undefined)) await this.#turn()
  }

  // ---- what a session keeps

  reserve(qos: Qos): number {
    if (!this.#isBehind && !this.#closed && this.#unacknowledged < this.#window) return this.#take(qos)
    this.#isBehind = true
    return NO_ID
  }

  takenBack(packetId: number): void {
    this.#free(packetId)
    this.#goOnSoon()
  }

  /** At once when it is next, which saves encoding it again; otherwise the queue has it. */
  #deliverKept(queue: SessionQueue, packet: PublishPacket, frame: Frame): void {
    const entry = this.#isBusy ? undefined : queue.next(this.#sent)
    if (
      entry !== undefined &&
      isOf(entry, packet) &&
      this.#maySend(entry) &&
      this.#states![entry.messageId] !== EARLIER
    ) {
      this.#send(entry, frame)
    } else this.#goOnSoon()
  }

  /** Not in the middle of a delivery: the buffer in which packets are encoded is one for all. */
  #goOnSoon(): void {
    if (this.#isScheduled || this.#isBusy || this.#closed) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#goOn()
    })
  }

  /** Sends on from where the queue was left. */
  #goOn(): void {
    const queue = this.#queue
    if (queue === undefined || this.#isBusy || this.#closed) return
    for (let entry = queue.next(this.#sent); entry !== undefined; entry = queue.next(this.#sent)) {
      if (entry.messageId === NO_ID) return this.#claim(queue)
      if (!this.#maySend(entry) || !this.#read(queue, entry)) return
    }
    if (!this.#isBehind) return
    this.#isBehind = false
    this.#wakeUp()
  }

  #maySend({ message, messageId }: Entry): boolean {
    return messageId !== NO_ID && message?.committed !== false && !this.#recipient.output.isBlocked
  }

  /** Gives identifiers to all that there is room for, in one commit, and sends them when that is on disk. */
  #claim(queue: SessionQueue): void {
    let claimed = 0
    let entry = queue.next(this.#sent)
    while (entry !== undefined && this.#hasRoom()) {
      if (entry.messageId === NO_ID) {
        queue.claim(entry, this.#take(entry.qos))
        claimed += 1
      }
      entry = queue.next(entry.sequence)
    }
    if (claimed === 0) return
    if (entry === undefined) this.#isBehind = false
    this.#busyUntil(queue.claimed())
  }

  /** @returns whether it is sent; otherwise it will be, once it was read. */
  #read(queue: SessionQueue, entry: Entry): boolean {
    const item = queue.read(entry)
    if (item instanceof Promise)
      this.#busyUntil(item.then((read) => this.#closed || this.#sendItem(queue, entry, read)))
    else this.#sendItem(queue, entry, item)
    return !this.#isBusy
  }

  #busyUntil(work: Promise<unknown>): void {
    this.#isBusy = true
    work.then(() => {
      this.#isBusy = false
      this.#goOn()
      if (this.#hasRoom()) this.#wakeUp()
    }, this.#failed)
  }

  #sendItem(queue: SessionQueue, entry: Entry, item: QueuedPacket | QueuedPubrel): void {
    if (item.cmd === 'pubrel') {
      this.#sent = entry.sequence
      this.#states![entry.messageId] = PUBCOMP
      this.#recipient.output.acknowledge(PacketType.PUBREL, entry.messageId)
      return
    }
    const packet = { ...item, payload: bytesIn(item.payload) }
    if (this.#recipient.mayReceive(packet) !== null) return this.#send(entry, encode(packet, entry.qos))
    this.#sent = entry.sequence
    const { messageId } = entry
    queue.drop(entry)
    this.#free(messageId)
  }

  #send({ sequence, messageId, qos }: Entry, frame: Frame): void {
    const states = this.#states!
    this.#sent = sequence
    if (states[messageId] === EARLIER) {
      states[messageId] = qos === 1 ? PUBACK : PUBREC
      frame.bytes[frame.start]! |= DUP // [MQTT-3.3.1-1]
    }
    this.#write(messageId, frame)
  }

  /** What has an identifier and was never sent is like new for the next connection. */
  #giveBack(): void {
    const queue = this.#queue
    if (queue === undefined) return
    queue.detach(this)
    for (let entry = queue.next(this.#sent); entry !== undefined; entry = queue.next(entry.sequence)) {
      if (entry.messageId === NO_ID) return
      if (this.#states?.[entry.messageId] !== EARLIER) queue.unclaim(entry)
    }
  }

  // ---- the window

  #hasRoom(): boolean {
    return this.#unacknowledged < this.#window && !this.#recipient.output.isBlocked
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve()
      else this.#sleepers.push(resolve)
    })
  }

  #wakeUp(): void {
    if (this.#sleepers.length === 0) return
    const sleepers = this.#sleepers
    this.#sleepers = []
    for (const wake of sleepers) wake()
  }

  #wait(packet: PublishPacket, qos: Qos, frame: Frame): void {
    const { output } = this.#recipient
    const bytes = bytesOf(packet)
    if (this.#waitingBytes + bytes + output.waitingBytes > this.#maxBytes) return this.#recipient.overflowed()
    this.#waitingBytes += bytes
    const waiting = { packet: copyOf(packet, (frame.bytes[frame.start]! & RETAIN) !== 0), qos }
    if (this.#waiting === undefined) this.#waiting = [waiting]
    else this.#waiting.push(waiting)
  }

  #write(packetId: number, { bytes, start, end, packetIdAt }: Frame): void {
    this.#recipient.output.writePublish(bytes, start, end, packetIdAt, packetId)
  }

  /** The next identifier that is free. There is one, because the window has room. */
  #take(qos: Qos): number {
    const states = (this.#states ??= new Uint8Array(this.#window + 1))
    let packetId = this.#lastId
    do packetId = packetId >= this.#window ? 1 : packetId + 1
    while (states[packetId] !== FREE)
    states[packetId] = qos === 1 ? PUBACK : PUBREC
    this.#lastId = packetId
    this.#unacknowledged += 1
    return packetId
  }

  /** An identifier of an earlier connection goes on. */
  #occupy(packetId: number, state: number): void {
    const needed = Math.max(packetId, this.#window) + 1
    if (this.#states === undefined || this.#states.length < needed) {
      const states = new Uint8Array(needed)
      if (this.#states !== undefined) states.set(this.#states)
      this.#states = states
    }
    this.#states[packetId] = state
    this.#unacknowledged += 1
  }

  #acknowledged(packetId: number): void {
    const queue = this.#queue
    const recipient = this.#recipient
    const entry = recipient.isAckHeard ? queue?.find(packetId) : undefined
    if (queue === undefined || entry === undefined) recipient.acknowledged(undefined)
    else Promise.resolve(queue.read(entry)).then((packet) => recipient.acknowledged(packet), this.#failed)
    queue?.acknowledged(packetId)
    this.#free(packetId)
    if (!this.#closed) this.pump()
  }

  #free(packetId: number): void {
    this.#states![packetId] = FREE
    this.#unacknowledged -= 1
  }
}

const bytesOf = ({ topic, payload }: PublishPacket): number => payload.length + topic.length + MESSAGE_OVERHEAD_BYTES

const bytesIn = (payload: Buffer | string): Buffer => (typeof payload === 'string' ? Buffer.from(payload) : payload)

const isOf = ({ message }: Entry, { brokerId, brokerCounter }: PublishPacket): boolean =>
  message?.brokerCounter === brokerCounter && message.brokerId === brokerId

/** A copy: the payload is a part of a larger buffer, which would live as long as the message waits. */
const copyOf = (packet: PublishPacket, retain: boolean): PublishPacket => ({
  cmd: 'publish',
  topic: packet.topic,
  payload: Buffer.from(packet.payload),
  qos: packet.qos,
  retain,
  dup: false,
  brokerId: packet.brokerId,
  brokerCounter: packet.brokerCounter,
})

function encode({ topic, payload, retain }: PublishPacket, qos: Qos): Frame {
  const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, retain)
  return { bytes, start: 0, end, packetIdAt }
}
