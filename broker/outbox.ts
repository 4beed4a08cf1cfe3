import type { PublishPacket, Qos, StoredPublish } from './aedes-internals.d.ts'
import { encodePublish, PacketType } from './codec/index.ts'
import type { Output } from './output.ts'
import { CLAIMED, EARLIER, PacketIds, PUBACK, PUBCOMP, PUBREC } from './packet-ids.ts'
import {
  NO_ID,
  type Entry,
  type Live,
  type QueuedPacket,
  type QueuedPubrel,
  type SessionQueue,
} from './persistence/index.ts'
import type { Frame } from './router.ts'
import { bytesOf, Waiting } from './waiting.ts'

const MOST_PACKET_ID = 65_535

/**
 * Messages beyond the window that may have an identifier, so that the commit of those that come next and the sending of
 * these go on at the same time. After a crash all of them are marked as sent before.
 */
const MOST_AHEAD = 128

/** No sequence is greater. */
const NOWHERE = Number.POSITIVE_INFINITY

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
  readonly #packetIds: PacketIds
  /** What was sent on this connection: the window is of these. */
  #unacknowledged = 0
  #waiting: Waiting | undefined
  /** The last message of the queue that was sent on this connection. */
  #sent = 0
  /** Some of the queue has no packet identifier yet: what comes now has to wait behind it. */
  #isBehind = false
  /** How far the queue has identifiers. */
  #numbered = 0
  /** From here on they are on their way to the disk. */
  #claiming = NOWHERE
  /** How many messages beyond the window get an identifier: none before the client has shown that it acknowledges. */
  #ahead = 0
  #hasClaimed = false
  /** A read is on its way, and the queue goes on when it is through. */
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
    this.#packetIds = new PacketIds(queue === undefined ? window : Math.min(window + MOST_AHEAD, MOST_PACKET_ID))
    if (queue === undefined) return
    for (const packetId of queue.packetIds()) this.#packetIds.occupy(packetId, EARLIER)
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
    else this.#write(this.#takeToSend(qos), frame)
  }

  /** A live message that the gate does not let through must not stay in the queue either: it is asked about again there. */
  discard(): void {
    this.#goOnSoon()
  }

  /** Whether a message with the number of this one, which has RETAIN, will be sent. */
  holdsRetained({ brokerId, brokerCounter }: PublishPacket): boolean {
    const queue = this.#queue
    return queue === undefined || queue.holdsRetained(brokerId, brokerCounter)
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
    if (this.#packetIds.stateOf(packetId) === PUBACK) this.#acknowledged(packetId)
    else this.#recipient.acknowledged(undefined)
  }

  pubrec(packetId: number): void {
    const queue = this.#queue
    const { output } = this.#recipient
    const state = this.#packetIds.stateOf(packetId)
    if (state === PUBACK) return
    // One that is not known any more is answered too: the client would ask for ever.
    if (state !== PUBREC) return output.acknowledge(PacketType.PUBREL, packetId)
    this.#packetIds.note(packetId, PUBCOMP)
    if (queue === undefined) return output.acknowledge(PacketType.PUBREL, packetId)
    queue.received(packetId).then(() => this.#closed || output.acknowledge(PacketType.PUBREL, packetId), this.#failed)
  }

  pubcomp(packetId: number): void {
    if (this.#packetIds.stateOf(packetId) === PUBCOMP) this.#acknowledged(packetId)
    else this.#recipient.acknowledged(undefined)
  }

  /** There may be room again. */
  pump(): void {
    while (this.#waiting !== undefined && this.#hasRoom()) {
      const { packet, qos } = this.#waiting.shift()!
      if (this.#waiting.isEmpty) this.#waiting = undefined
      this.#write(this.#takeToSend(qos), encode(packet, qos))
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

  reserve(): number {
    if (!this.#isBehind && !this.#closed && this.#mayGive()) return this.#packetIds.take(CLAIMED)
    this.#isBehind = true
    return NO_ID
  }

  takenBack(packetId: number): void {
    this.#packetIds.free(packetId)
    this.#goOnSoon()
  }

  /** At once when it is next, which saves encoding it again; otherwise the queue has it. */
  #deliverKept(queue: SessionQueue, packet: PublishPacket, frame: Frame): void {
    const entry = this.#isBusy ? undefined : queue.next(this.#sent)
    if (
      entry !== undefined &&
      isOf(entry, packet) &&
      this.#maySend(entry) &&
      this.#packetIds.stateOf(entry.messageId) !== EARLIER
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
      if (!this.#maySend(entry) || !this.#read(queue, entry)) return this.#claimMore(queue, entry)
    }
    if (!this.#isBehind) return
    this.#isBehind = false
    this.#wakeUp()
  }

  #maySend({ message, messageId, sequence }: Entry): boolean {
    return messageId !== NO_ID && message?.committed !== false && sequence < this.#claiming && this.#hasRoom()
  }

  /** @param next - what is to be sent next. */
  #claimMore(queue: SessionQueue, { messageId, sequence }: Entry): void {
    const isWaitedFor = this.#hasRoom() && (messageId === NO_ID || sequence >= this.#claiming)
    if (this.#claiming !== NOWHERE) {
      if (isWaitedFor) queue.hurry()
    } else if (this.#isBehind && isWaitedFor) {
      // The client was faster than the disk.
      if (this.#hasClaimed) this.#ahead = Math.min(Math.max(2 * this.#ahead, this.#window), MOST_AHEAD)
      if (this.#claim(queue)) this.#sendWhen(queue.claimed())
    } else if (this.#isBehind && this.#ahead > 0 && this.#packetIds.given <= this.#window + this.#ahead / 2) {
      if (this.#claim(queue)) this.#sendWhen(queue.claimedShortly())
    }
  }

  /** Gives identifiers to what has none, to be written in one commit. @returns whether there was something. */
  #claim(queue: SessionQueue): boolean {
    let first = NOWHERE
    let entry = queue.next(Math.max(this.#sent, this.#numbered))
    while (entry !== undefined && this.#mayGive()) {
      if (entry.messageId === NO_ID) {
        queue.claim(entry, this.#packetIds.take(CLAIMED))
        first = Math.min(first, entry.sequence)
      }
      this.#numbered = entry.sequence
      entry = queue.next(entry.sequence)
    }
    if (entry === undefined) this.#isBehind = false
    this.#claiming = first
    return first !== NOWHERE
  }

  /** What has an identifier on disk leaves meanwhile. */
  #sendWhen(claimed: Promise<void>): void {
    this.#hasClaimed = true
    claimed.then(() => {
      this.#claiming = NOWHERE
      this.#goOn()
      if (this.#hasRoom()) this.#wakeUp()
    }, this.#failed)
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
      this.#packetIds.note(entry.messageId, PUBCOMP)
      this.#unacknowledged += 1
      this.#recipient.output.acknowledge(PacketType.PUBREL, entry.messageId)
      return
    }
    const packet = withBytes(item)
    if (this.#recipient.mayReceive(packet) !== null) return this.#send(entry, encode(packet, entry.qos))
    this.#sent = entry.sequence
    const { messageId } = entry
    queue.drop(entry)
    this.#packetIds.free(messageId)
  }

  #send({ sequence, messageId, qos }: Entry, frame: Frame): void {
    this.#sent = sequence
    if (this.#packetIds.stateOf(messageId) === EARLIER) frame.bytes[frame.start]! |= DUP // [MQTT-3.3.1-1]
    this.#packetIds.note(messageId, answerTo(qos))
    this.#unacknowledged += 1
    this.#write(messageId, frame)
  }

  /** What has an identifier and was never sent is like new for the next connection. */
  #giveBack(): void {
    const queue = this.#queue
    if (queue === undefined) return
    queue.detach(this)
    for (let entry = queue.next(this.#sent); entry !== undefined; entry = queue.next(entry.sequence)) {
      if (entry.messageId === NO_ID) return
      if (this.#packetIds.stateOf(entry.messageId) !== EARLIER) queue.unclaim(entry)
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
    const bytes = (this.#waiting?.bytes ?? 0) + bytesOf(packet)
    if (bytes + output.waitingBytes > this.#maxBytes) return this.#recipient.overflowed()
    this.#waiting ??= new Waiting()
    this.#waiting.push(packet, qos, (frame.bytes[frame.start]! & RETAIN) !== 0)
  }

  #write(packetId: number, { bytes, start, end, packetIdAt }: Frame): void {
    this.#recipient.output.writePublish(bytes, start, end, packetIdAt, packetId)
  }

  /** Whether another identifier may be given to what waits in the queue. */
  #mayGive(): boolean {
    return this.#packetIds.given < Math.min(this.#window + this.#ahead, MOST_PACKET_ID)
  }

  /** There is one, because the window has room. */
  #takeToSend(qos: Qos): number {
    this.#unacknowledged += 1
    return this.#packetIds.take(answerTo(qos))
  }

  #acknowledged(packetId: number): void {
    const queue = this.#queue
    const recipient = this.#recipient
    const entry = recipient.isAckHeard ? queue?.find(packetId) : undefined
    if (queue === undefined || entry === undefined) recipient.acknowledged(undefined)
    else Promise.resolve(queue.read(entry)).then((packet) => recipient.acknowledged(packet), this.#failed)
    queue?.acknowledged(packetId)
    this.#unacknowledged -= 1
    this.#packetIds.free(packetId)
    if (!this.#closed) this.pump()
  }
}

const answerTo = (qos: Qos): number => (qos === 1 ? PUBACK : PUBREC)

const withBytes = (packet: QueuedPacket): StoredPublish =>
  hasBytes(packet) ? packet : { ...packet, payload: Buffer.from(packet.payload) }

const hasBytes = (packet: QueuedPacket): packet is QueuedPacket & { readonly payload: Buffer } =>
  typeof packet.payload !== 'string'

const isOf = ({ message }: Entry, { brokerId, brokerCounter }: PublishPacket): boolean =>
  message?.brokerCounter === brokerCounter && message.brokerId === brokerId

function encode({ topic, payload, retain }: PublishPacket, qos: Qos): Frame {
  const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, retain)
  return { bytes, start: 0, end, packetIdAt }
}
