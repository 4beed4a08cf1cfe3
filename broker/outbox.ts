import type { AedesPersistence, PublishPacket, Qos, StoredPacket, StoredPublish } from './aedes-internals.d.ts'
import { encodePublish, PacketType } from './codec/index.ts'
import type { Output } from './output.ts'
import type { Frame } from './router.ts'

/** What a packet identifier is waiting for. */
const FREE = 0
const PUBACK = 1
const PUBREC = 2
const PUBCOMP = 3

/** What a message costs beside its topic and payload while it waits. */
const MESSAGE_OVERHEAD_BYTES = 64

/** Given to messages that are never sent, so that they can be taken out of the store. No window reaches it. */
const DISCARDED_ID = 65_535

const RETAIN = 0x01
const DUP = 0x08

/** Whom the messages are for. */
export interface Recipient {
  readonly id: string | null
  readonly output: Output
  /** Asked before a stored message is sent. */
  mayReceive(packet: StoredPublish): StoredPublish | null
  /** The client has acknowledged; undefined when the message was not kept. */
  acknowledged(packet: StoredPacket | undefined): void
  /** More waits than may. */
  overflowed(): void
  /** The store failed: nothing more can be promised to this client. */
  fail(error: unknown): void
}

export interface OutboxOptions {
  /** Where the queue of this session is kept; undefined for a clean session, which has nothing to keep. */
  readonly store: AedesPersistence | undefined
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
 * identifier free before it is given again [MQTT-2.3.1-4], and the rest waiting: in memory for a clean session, in the
 * store for one that outlives its connection.
 */
export class Outbox {
  readonly #recipient: Recipient
  readonly #store: AedesPersistence | undefined
  readonly #window: number
  readonly #maxBytes: number
  /** By packet identifier; the window is small, so the identifiers are. Made at the first message. */
  #states: Uint8Array | undefined
  /** By packet identifier: which stored message it is. */
  readonly #kept: (string | undefined)[] = []
  #unacknowledged = 0
  #lastId = 0
  #waiting: Waiting[] | undefined
  #waitingBytes = 0
  /** Live messages are left in the store until it has been read to its end. */
  #isBehind = false
  /** While behind, a message was left in the store. */
  #missed = false
  /** Stored messages that are being sent, or whose removal may not show in the store yet. */
  readonly #known = new Set<string>()
  /** Acknowledged while the store was being read, which may still show them. */
  #acknowledgedMeanwhile: string[] = []
  /** Who waits for room: whoever reads the store, whoever sends retained messages. */
  #sleepers: (() => void)[] = []
  #closed = false
  readonly #failed = (error: unknown): void => this.#recipient.fail(error)

  constructor(recipient: Recipient, { store, window, maxBytes }: OutboxOptions) {
    this.#recipient = recipient
    this.#store = store
    this.#window = window
    this.#maxBytes = maxBytes
  }

  /** A live message. `frame` is the packet at this QoS, only good for the time of the call. */
  deliver(packet: PublishPacket, qos: Qos, frame: Frame): void {
    if (this.#isBehind) this.#missed = true
    else if (!this.#hasRoom() || this.#waiting !== undefined) this.#wait(plain(packet, frame), qos)
    else if (this.#store === undefined) this.#write(this.#take(qos), frame)
    else this.#sendKept(packet, qos, frame)
  }

  /** A live message that the gate does not let through must not stay in the queue either. */
  discard(packet: PublishPacket): void {
    // While behind it is found in the store, and asked about again.
    if (!this.#isBehind) this.#removeFromStore(packet)
  }

  /**
   * Sends what the store holds for this session: what had been sent and not acknowledged under its old identifier,
   * marked as sent again [MQTT-4.4.0-1], then the rest, no faster than the client acknowledges. Resolves when live
   * messages go straight to the client.
   */
  async catchUp(): Promise<void> {
    const store = this.#store
    if (store === undefined || this.#closed) return
    this.#isBehind = true
    do {
      this.#missed = false
      for await (const stored of store.outgoingStream(this.#recipient)) {
        while (!this.#hasRoom() && !this.#closed) await this.#room()
        if (this.#closed) return
        this.#sendStored(stored)
      }
      for (const key of this.#acknowledgedMeanwhile) this.#known.delete(key)
      this.#acknowledgedMeanwhile = []
    } while (this.#missed)
    this.#isBehind = false
  }

  puback(packetId: number): void {
    if (this.#states?.[packetId] === PUBACK) this.#acknowledged(packetId)
    else this.#recipient.acknowledged(undefined)
  }

  pubrec(packetId: number): void {
    const recipient = this.#recipient
    const store = this.#store
    const { output } = recipient
    const state = this.#states?.[packetId]
    // One that is not known any more is answered too: the client would ask for ever.
    if (state === PUBACK) return
    if (state !== PUBREC || store === undefined || this.#kept[packetId] === undefined) {
      if (state === PUBREC) this.#states![packetId] = PUBCOMP
      output.acknowledge(PacketType.PUBREL, packetId)
      return
    }
    this.#states![packetId] = PUBCOMP
    store
      .outgoingUpdate(recipient, { cmd: 'pubrel', messageId: packetId })
      .then(() => this.#closed || output.acknowledge(PacketType.PUBREL, packetId), this.#failed)
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
      const frame = encode(packet, qos)
      if (this.#store === undefined) this.#write(this.#take(qos), frame)
      else this.#sendKept(packet, qos, frame)
    }
    if (this.#sleepers.length > 0 && this.#hasRoom()) this.#wakeUp()
  }

  close(): void {
    this.#closed = true
    this.#waiting = undefined
    this.#wakeUp()
  }

  /** Resolves when the next message would leave at once, or the connection has closed. */
  async ready(): Promise<void> {
    while (!this.#closed && !this.#isBehind && (!this.#hasRoom() || this.#waiting !== undefined)) await this.#room()
  }

  #hasRoom(): boolean {
    return this.#unacknowledged < this.#window && !this.#recipient.output.isBlocked
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve()
      else this.#sleepers.push(resolve)
    })
  }

  #wakeUp(): void {
    const sleepers = this.#sleepers
    this.#sleepers = []
    for (const wake of sleepers) wake()
  }

  #wait(packet: PublishPacket, qos: Qos): void {
    const { output } = this.#recipient
    const bytes = bytesOf(packet)
    if (this.#waitingBytes + bytes + output.waitingBytes > this.#maxBytes) {
      if (this.#store === undefined) return this.#recipient.overflowed()
      // The store has all of them; what is in memory is read again when its turn comes.
      this.#waiting = undefined
      this.#waitingBytes = 0
      this.catchUp().catch(this.#failed)
      return
    }
    this.#waitingBytes += bytes
    // A copy: the payload is a part of a larger buffer, which would live as long as the message waits.
    const kept = { ...packet, payload: Buffer.from(packet.payload) }
    if (this.#waiting === undefined) this.#waiting = [{ packet: kept, qos }]
    else this.#waiting.push({ packet: kept, qos })
  }

  /** A message that the store holds. A client that acknowledges it must find its identifier there. */
  #sendKept(packet: PublishPacket, qos: Qos, frame: Frame): void {
    const recipient = this.#recipient
    const store = this.#store
    const packetId = this.#take(qos)
    const key = keyOf(packet)
    this.#kept[packetId] = key
    this.#known.add(key)
    const stored = store!.outgoingUpdate(recipient, { ...plain(packet, frame), qos, messageId: packetId })
    const failed = (error: unknown): void => {
      // It was never stored: subscribed to while it was on its way. It is delivered all the same.
      if (isUnknown(error)) this.#kept[packetId] = undefined
      else this.#failed(error)
    }
    if (qos === 1) {
      this.#write(packetId, frame)
      stored.catch(failed)
      return
    }
    // Exactly once needs the identifier to be on disk before the client knows it.
    const { packetIdAt } = frame
    const own = {
      bytes: Buffer.from(frame.bytes.subarray(frame.start, frame.end)),
      start: 0,
      end: frame.end - frame.start,
    }
    const write = (): void => {
      if (!this.#closed) this.#write(packetId, { ...own, packetIdAt: packetIdAt - frame.start })
    }
    stored.catch(failed).then(write, this.#failed)
  }

  #sendStored(stored: StoredPacket): void {
    const key = keyOf(stored)
    if (this.#known.has(key)) return
    if (stored.cmd === 'pubrel') {
      this.#occupy(stored.messageId, PUBCOMP, key)
      this.#recipient.output.acknowledge(PacketType.PUBREL, stored.messageId)
      return
    }
    if (this.#recipient.mayReceive(stored) === null) return this.#removeFromStore(stored)
    const { messageId, qos } = stored
    const frame = encode(stored, qos)
    if (messageId === undefined || (this.#states?.[messageId] ?? FREE) !== FREE) {
      return this.#sendKept(stored, qos, frame)
    }
    this.#occupy(messageId, qos === 1 ? PUBACK : PUBREC, key)
    frame.bytes[frame.start]! |= DUP // [MQTT-3.3.1-1]
    this.#write(messageId, frame)
  }

  #removeFromStore({ brokerId, brokerCounter }: Pick<PublishPacket, 'brokerId' | 'brokerCounter'>): void {
    const recipient = this.#recipient
    const store = this.#store
    if (store === undefined || brokerId === null) return
    const id = { brokerId, brokerCounter, messageId: DISCARDED_ID }
    Promise.all([store.outgoingUpdate(recipient, id), store.outgoingClearMessageId(recipient, id)]).catch(
      (error: unknown) => {
        if (!isUnknown(error)) this.#failed(error)
      },
    )
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
  #occupy(packetId: number, state: number, key: string): void {
    const needed = Math.max(packetId, this.#window) + 1
    if (this.#states === undefined || this.#states.length < needed) {
      const states = new Uint8Array(needed)
      if (this.#states !== undefined) states.set(this.#states)
      this.#states = states
    }
    this.#states[packetId] = state
    this.#kept[packetId] = key
    this.#known.add(key)
    this.#unacknowledged += 1
  }

  #acknowledged(packetId: number): void {
    const recipient = this.#recipient
    const store = this.#store
    const key = this.#kept[packetId]
    if (store === undefined || key === undefined) {
      this.#free(packetId)
      recipient.acknowledged(undefined)
      return
    }
    // Not free before it is gone from the store: another message could be taken for this one there.
    this.#states![packetId] = PUBCOMP + 1
    store.outgoingClearMessageId(recipient, { messageId: packetId }).then((packet) => {
      if (this.#isBehind) this.#acknowledgedMeanwhile.push(key)
      else this.#known.delete(key)
      this.#kept[packetId] = undefined
      recipient.acknowledged(packet)
      this.#free(packetId)
    }, this.#failed)
  }

  #free(packetId: number): void {
    this.#states![packetId] = FREE
    this.#unacknowledged -= 1
    if (!this.#closed) this.pump()
  }
}

const keyOf = ({ brokerId, brokerCounter }: Pick<PublishPacket, 'brokerId' | 'brokerCounter'>): string =>
  `${brokerId}:${brokerCounter}`

const bytesOf = ({ topic, payload }: PublishPacket): number => payload.length + topic.length + MESSAGE_OVERHEAD_BYTES

const isUnknown = (error: unknown): boolean => error instanceof Error && error.message === 'no such packet'

/** Its fields alone, as it is sent: packets of Aedes and those that were just read have more, or have them as getters. */
const plain = (packet: PublishPacket, { bytes, start }: Frame): PublishPacket => ({
  cmd: 'publish',
  topic: packet.topic,
  payload: packet.payload,
  qos: packet.qos,
  retain: (bytes[start]! & RETAIN) !== 0,
  dup: false,
  brokerId: packet.brokerId,
  brokerCounter: packet.brokerCounter,
})

function encode({ topic, payload, retain }: PublishPacket, qos: Qos): Frame {
  const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, retain)
  return { bytes, start: 0, end, packetIdAt }
}
