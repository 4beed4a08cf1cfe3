import type { Target } from './message-codec.ts'
import type { Message } from './message-log.ts'
import { NO_ID, readProgress, Stage, writeProgress } from './progress.ts'
import type { Qos } from '../aedes-internals.d.ts'
import { SmallMap, type ReadonlySmallMap } from '../small-map.ts'

/** What is kept of a subscription beside its filter, with what MQTT 5 adds to it. */
export interface SubscriptionTerms {
  readonly qos: Qos
  readonly rh?: 0 | 1 | 2
  readonly rap?: boolean
  readonly nl?: boolean
  readonly subscriptionIdentifier?: number
}

export interface StoredSubscription extends SubscriptionTerms {
  readonly topic: string
  readonly clientId: string
}

/** The terms of all that have nothing beside their QoS, which is almost all. */
const PLAIN: Readonly<Record<Qos, SubscriptionTerms>> = { 0: { qos: 0 }, 1: { qos: 1 }, 2: { qos: 2 } }

export const plainTerms = (qos: number): SubscriptionTerms | undefined =>
  qos === 0 || qos === 1 || qos === 2 ? PLAIN[qos] : undefined

/** What of a subscription is kept: Aedes' own objects hold more. */
export function termsOf(given: SubscriptionTerms): SubscriptionTerms {
  const { qos, rh, rap, nl, subscriptionIdentifier } = given
  if (rh === undefined && rap === undefined && nl === undefined && subscriptionIdentifier === undefined) {
    return PLAIN[qos]
  }
  return {
    qos,
    ...(rh === undefined ? {} : { rh }),
    ...(rap === undefined ? {} : { rap }),
    ...(nl === undefined ? {} : { nl }),
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
  }
}

/** A message's place in one session's queue. */
export interface Entry {
  readonly sequence: number
  readonly qos: Qos
  /** Missing once it is not needed any more. */
  message: Message | undefined
  messageId: number
  stage: Stage
}

/** The connection of a session, as far as its queue needs it. */
export interface Live {
  /** @returns the packet id with which a message is sent as soon as it is stored, or {@link NO_ID} when it has to wait. */
  reserve(): number
  /** The message for which this id was reserved was not stored. */
  takenBack(packetId: number): void
}

/** Places that are done are taken out of the array when there are this many, and they are more than half of it. */
const COMPACT_FROM = 256

/** Of most sessions most of the time. Nothing is ever put into them. */
const NO_IDS = new Map<number, Entry>()
const NO_ENTRIES: Entry[] = []

/**
 * A session that outlives its connection: its subscriptions, and the queue of what its client has not acknowledged yet.
 * Places are in the order of the messages.
 */
export class StoredSession {
  readonly clientId: string
  readonly number: number
  /** When its client left; undefined while it is there. */
  closedAt: number | undefined
  expiryMs: number | undefined
  /** What waits: places, and the bytes of their messages. */
  count = 0
  bytes = 0
  /** Whether the last message was refused for want of room. */
  full = false
  /** Whether the session is still there. */
  gone = false
  /** While the sessions for one message are chosen: that this is one of them, and how. */
  target: Target | undefined
  /** The connection of its client, while there is one. */
  live: Live | undefined
  readonly #subscriptions = new SmallMap<SubscriptionTerms>()
  #entries = NO_ENTRIES
  #head = 0
  #done = 0
  /** Up to here every place is done, except those that are still in the array. */
  #reached = 0
  #byMessageId = NO_IDS
  /** Up to where the progress that was read tells of every message. They do not come in order: some were moved together. */
  #restoreFrom = 0
  #restoring: Map<number, { readonly stage: Stage; readonly messageId: number }> | undefined

  constructor(clientId: string, number: number) {
    this.clientId = clientId
    this.number = number
  }

  // ---- subscriptions

  /** By topic filter. */
  get subscriptions(): ReadonlySmallMap<SubscriptionTerms> {
    return this.#subscriptions
  }

  subscribed(filter: string, terms: SubscriptionTerms): void {
    this.#subscriptions.set(filter, terms)
  }

  unsubscribed(filter: string): void {
    this.#subscriptions.delete(filter)
  }

  // ---- the queue

  get last(): Entry | undefined {
    return this.#entries.at(-1)
  }

  push(message: Message, qos: Qos, messageId: number): Entry {
    const entry: Entry = { sequence: message.sequence, qos, message, messageId: NO_ID, stage: Stage.QUEUED }
    this.#append(entry)
    this.count++
    this.bytes += message.size
    if (messageId !== NO_ID) this.assign(entry, messageId)
    return entry
  }

  /** The place of a message that waits. */
  find(sequence: number): Entry | undefined {
    const entry = this.#entries[this.#indexOf(sequence)]
    return entry?.sequence === sequence && entry.stage !== Stage.DONE ? entry : undefined
  }

  /** The place of a message that Aedes gave this number. It has no index, since our connections do not ask. */
  findByNumber(brokerId: string, brokerCounter: number): Entry | undefined {
    return this.#entries.find(
      ({ message }) => message?.brokerCounter === brokerCounter && message.brokerId === brokerId,
    )
  }

  findByMessageId(messageId: number): Entry | undefined {
    return this.#byMessageId.get(messageId)
  }

  /** Packet ids of messages that were sent. */
  messageIds(): Iterable<number> {
    return this.#byMessageId.keys()
  }

  /** The first place behind `sequence` that is not done. */
  after(sequence: number): Entry | undefined {
    for (let at = this.#indexOf(sequence + 1); at < this.#entries.length; at++) {
      const entry = this.#entries[at]!
      if (entry.stage !== Stage.DONE) return entry
    }
    return undefined
  }

  /** The message is sent with this packet id. */
  assign(entry: Entry, messageId: number): void {
    if (this.#byMessageId.get(entry.messageId) === entry) this.#byMessageId.delete(entry.messageId)
    entry.messageId = messageId
    if (entry.stage === Stage.QUEUED) entry.stage = Stage.SENT
    this.#noteId(messageId, entry)
    this.#reached = Math.max(this.#reached, entry.sequence)
  }

  /** It was not sent after all. Its place stays below what was reached, so that the progress says so on disk too. */
  unassign(entry: Entry): void {
    if (this.#byMessageId.get(entry.messageId) === entry) this.#byMessageId.delete(entry.messageId)
    entry.messageId = NO_ID
    entry.stage = Stage.QUEUED
  }

  /** @returns the message, which this session does not want any more. */
  release(entry: Entry): Message | undefined {
    entry.stage = Stage.RELEASED
    return this.#letGo(entry)
  }

  /** @returns the message, which this session does not want any more. */
  finish(entry: Entry): Message | undefined {
    if (entry.stage === Stage.DONE) return undefined
    if (this.#byMessageId.get(entry.messageId) === entry) this.#byMessageId.delete(entry.messageId)
    entry.stage = Stage.DONE
    this.#reached = Math.max(this.#reached, entry.sequence)
    this.count--
    const message = this.#letGo(entry)
    this.#done++
    while (this.#entries[this.#head]?.stage === Stage.DONE) this.#head++
    if (this.#done >= COMPACT_FROM && this.#done * 2 > this.#entries.length) {
      this.#entries = this.#entries.filter((one) => one.stage !== Stage.DONE)
      this.#head = 0
      this.#done = 0
    }
    return message
  }

  /** Every message that waits. */
  *messages(): Generator<Message> {
    for (const { message } of this.#entries) if (message !== undefined) yield message
  }

  /** What of the queue is done. A session has few exceptions, since only so many messages are on their way at once. */
  progress(): Buffer {
    const exceptions: Entry[] = []
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at]!
      if (entry.sequence > this.#reached) break
      if (entry.stage !== Stage.DONE) exceptions.push(entry)
    }
    return writeProgress({ reached: this.#reached, exceptions })
  }

  // ---- taking it up again after a start

  restoreProgress(bytes: Buffer): void {
    const { reached, exceptions } = readProgress(bytes)
    this.#reached = reached
    this.#restoreFrom = reached
    this.#restoring = new Map(exceptions.map(({ sequence, ...left }) => [sequence, left]))
  }

  /** @returns whether the session waits for this message, which was for it. */
  restore(message: Message, qos: Qos, messageId: number): boolean {
    if (message.sequence > this.#restoreFrom) {
      this.push(message, qos, messageId)
      return true
    }
    const left = this.#restoring?.get(message.sequence)
    if (left === undefined) return false
    this.#restoring?.delete(message.sequence)
    const entry = this.push(message, qos, left.messageId)
    if (left.stage !== Stage.RELEASED) return true
    this.release(entry)
    return false
  }

  /**
   * After the last {@link restore}.
   *
   * @returns how many messages are missing that were on their way.
   */
  restored(): number {
    if (this.#restoring === undefined && this.#entries.length === 0) return 0
    let missing = 0
    for (const [sequence, { stage, messageId }] of this.#restoring ?? []) {
      if (stage !== Stage.RELEASED) {
        missing++
        continue
      }
      const entry: Entry = { sequence, qos: 2, message: undefined, messageId, stage }
      this.#append(entry)
      this.#noteId(messageId, entry)
      this.count++
    }
    this.#restoring = undefined
    if (this.#entries.some((entry, at) => at > 0 && entry.sequence < this.#entries[at - 1]!.sequence)) {
      this.#entries.sort((a, b) => a.sequence - b.sequence)
    }
    return missing
  }

  #append(entry: Entry): void {
    if (this.#entries === NO_ENTRIES) this.#entries = []
    this.#entries.push(entry)
  }

  #noteId(messageId: number, entry: Entry): void {
    if (this.#byMessageId === NO_IDS) this.#byMessageId = new Map()
    this.#byMessageId.set(messageId, entry)
  }

  #letGo(entry: Entry): Message | undefined {
    const { message } = entry
    if (message === undefined) return undefined
    entry.message = undefined
    this.bytes -= message.size
    return message
  }

  /** Where the first place with this sequence or a greater one is. */
  #indexOf(sequence: number): number {
    let low = this.#head
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.sequence < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
