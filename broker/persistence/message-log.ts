import { rooms } from './layout.ts'
import {
  brokerIdAt,
  counterAt,
  encode,
  expiryAt,
  sequenceAt,
  sizeAt,
  sizeWith,
  targetsAt,
  type Prepared,
  type Target,
} from './message-codec.ts'

/** All messages of one commit: one record of the database, dropped when none of them is wanted any more. */
export class Segment {
  readonly key: Buffer
  /** Missing while they are on disk only. */
  bytes: Buffer | undefined
  size: number
  readonly messages: Message[] = []
  /** Bytes of messages that somebody still waits for. */
  wanted = 0
  stored: boolean

  constructor(key: Buffer, bytes: Buffer | undefined, size: number, stored: boolean) {
    this.key = key
    this.bytes = bytes
    this.size = size
    this.stored = stored
  }
}

/** Where a message lies. Its bytes are there once, however many sessions wait for it. */
export class Message {
  readonly sequence: number
  segment: Segment
  at: number
  readonly size: number
  readonly expiry: number
  readonly brokerId: string
  readonly brokerCounter: number
  /** How many sessions wait for it. */
  wanted = 0
  /** On disk: it may be sent. */
  committed = false
  /** Another message that Aedes gave the same number. */
  twin: Message | undefined

  constructor(
    segment: Segment,
    at: number,
    of: Pick<Message, 'sequence' | 'size' | 'expiry' | 'brokerId' | 'brokerCounter'>,
  ) {
    this.segment = segment
    this.at = at
    this.sequence = of.sequence
    this.size = of.size
    this.expiry = of.expiry
    this.brokerId = of.brokerId
    this.brokerCounter = of.brokerCounter
  }
}

/** Bytes of a message, and where in them it begins. */
export interface Located {
  readonly bytes: Buffer
  readonly at: number
}

export interface MessageLogParts {
  /** Sequences are greater than this one. */
  readonly lastSequence: number
  /** How many bytes of messages that are on disk are kept in memory too. */
  readonly cacheBytes: number
  readonly read: (key: Buffer) => Promise<Buffer | undefined>
  /** Nobody waits for anything in this stored segment any more. */
  readonly onUnwanted: (segment: Segment) => void
  /** How many bytes of stored segments may be of messages that nobody waits for; more when more are waited for. */
  readonly spareBytes: number
  /** There are more than that: {@link MessageLog.compact} makes them fewer. */
  readonly onSpare: () => void
}

/** About how much is rewritten at a time. */
const REWRITE_BYTES = 1_048_576

const LEAST_BYTES = 4096

/** The messages that sessions wait for: appended in commits, read from memory or disk, dropped when nobody waits. */
export class MessageLog {
  readonly #parts: MessageLogParts
  /** Of those that came with RETAIN, by what Aedes numbers them with: whether one of them will be sent is asked. */
  readonly #byBroker = new Map<string, Map<number, Message>>()
  /** Stored segments whose bytes are in memory, the oldest first. */
  readonly #cached = new Set<Segment>()
  readonly #reading = new Map<Segment, Promise<Buffer>>()
  #cachedBytes = 0
  #sequence: number
  #open: Segment | undefined
  /** Commits are as large as the ones before them, more or less. */
  #likelyBytes = 0
  /** Stored segments that are less than half wanted. */
  readonly #sparse = new Set<Segment>()
  #storedBytes = 0
  /** Messages that somebody waits for, and their bytes. */
  messages = 0
  bytes = 0

  constructor(parts: MessageLogParts) {
    this.#parts = parts
    this.#sequence = parts.lastSequence
  }

  /** Adds a message to the commit that is being put together. */
  append(prepared: Prepared, targets: readonly Target[]): Message {
    const sequence = ++this.#sequence
    const size = sizeWith(prepared, targets.length)
    const segment = (this.#open ??= this.#begin(sequence))
    const at = segment.size
    const bytes = withRoom(segment, size)
    segment.size += size
    encode(bytes, at, prepared, sequence, targets)
    const { packet, expiry } = prepared
    const message = new Message(segment, at, {
      sequence,
      size,
      expiry,
      brokerId: packet.brokerId ?? '',
      brokerCounter: packet.brokerCounter ?? 0,
    })
    segment.messages.push(message)
    if (packet.retain === true) this.#index(message)
    return message
  }

  #begin(sequence: number): Segment {
    const bytes = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, this.#likelyBytes))
    return new Segment(rooms.messages.ofSequence(sequence), bytes, 0, false)
  }

  /** Ends the commit's segment, which is not changed any more. Its bytes are what is to be written. */
  seal(): { readonly segment: Segment; readonly bytes: Buffer } | undefined {
    const segment = this.#open
    if (segment?.bytes === undefined) return undefined
    this.#open = undefined
    this.#likelyBytes = Math.ceil(segment.size * 1.25)
    // A buffer that was made for more is let go with the commit.
    const spare = segment.bytes.length - segment.size
    const bytes = segment.bytes.subarray(0, segment.size)
    segment.bytes = spare > segment.size ? Buffer.from(bytes) : bytes
    return { segment, bytes: segment.bytes }
  }

  stored(segment: Segment): void {
    segment.stored = true
    for (const message of segment.messages) message.committed = true
    this.#storedBytes += segment.size
    if (segment.wanted === 0) this.#drop(segment)
    else if (segment.bytes !== undefined) this.#cache(segment, segment.bytes)
  }

  /**
   * Gathers what is still wanted of sparse segments in a new one, so that a session that reads slowly does not keep all
   * that others had long ago.
   *
   * @returns the new segment and the keys of those that it replaces, for one commit, or undefined when there are none.
   */
  async compact(): Promise<
    { readonly segment: Segment; readonly bytes: Buffer; readonly replaced: Buffer[] } | undefined
  > {
    const chosen: Segment[] = []
    for (const segment of this.#sparse) {
      if (chosen.reduce((sum, one) => sum + one.wanted, 0) >= REWRITE_BYTES) break
      chosen.push(segment)
    }
    const sources = new Map<Segment, Buffer>()
    for (const segment of chosen) sources.set(segment, segment.bytes ?? (await this.#read(segment)))
    // Some may have been dropped while others were read.
    const wanted = chosen
      .flatMap((segment) => (this.#sparse.delete(segment) ? segment.messages : []))
      .filter((message) => message.wanted > 0)
      .toSorted((a, b) => a.sequence - b.sequence)
    const [first] = wanted
    if (first === undefined) return undefined

    const bytes = Buffer.allocUnsafeSlow(wanted.reduce((sum, { size }) => sum + size, 0))
    const segment = new Segment(rooms.messages.ofSequence(first.sequence), bytes, bytes.length, false)
    const replaced = new Set<Segment>()
    let at = 0
    for (const message of wanted) {
      const source = sources.get(message.segment)
      if (source === undefined) throw new Error('a message has moved while it was moved')
      source.copy(bytes, at, message.at, message.at + message.size)
      replaced.add(message.segment)
      message.segment = segment
      message.at = at
      segment.messages.push(message)
      at += message.size
    }
    segment.wanted = bytes.length
    for (const old of replaced) {
      old.wanted = 0
      this.#storedBytes -= old.size
      this.#uncache(old)
    }
    const keys = [...replaced].map((old) => old.key).filter((key) => !key.equals(segment.key))
    return { segment, bytes, replaced: keys }
  }

  /**
   * Takes a record of the database up again.
   *
   * @param wanted - says for each message, and whom it was for, how many still wait for it.
   */
  load(key: Buffer, bytes: Buffer, wanted: (message: Message, targets: readonly Target[]) => number): void {
    const segment = new Segment(key, bytes, bytes.length, true)
    let brokerId = ''
    for (let at = 0; at < bytes.length; at += sizeAt(bytes, at)) {
      const itsBroker = brokerIdAt(bytes, at)
      if (itsBroker !== brokerId) brokerId = itsBroker
      const message = new Message(segment, at, {
        sequence: sequenceAt(bytes, at),
        size: sizeAt(bytes, at),
        expiry: expiryAt(bytes, at),
        brokerId,
        brokerCounter: counterAt(bytes, at),
      })
      segment.messages.push(message)
      message.wanted = wanted(message, targetsAt(bytes, at))
      if (message.wanted === 0) continue
      segment.wanted += message.size
      this.messages++
      this.bytes += message.size
    }
    if (segment.wanted * 2 < segment.size) this.#sparse.add(segment)
    this.stored(segment)
  }

  want(message: Message): void {
    if (message.wanted++ > 0) return
    message.segment.wanted += message.size
    this.messages++
    this.bytes += message.size
  }

  unwant(message: Message): void {
    if (--message.wanted > 0) return
    const { segment } = message
    segment.wanted -= message.size
    this.messages--
    this.bytes -= message.size
    this.#unindex(message)
    if (!segment.stored) return
    if (segment.wanted === 0) this.#drop(segment)
    else if (segment.wanted * 2 < segment.size) this.#sparse.add(segment)
    const spare = this.#storedBytes - this.bytes
    if (this.#sparse.size > 0 && spare > Math.max(this.#parts.spareBytes, this.bytes)) this.#parts.onSpare()
  }

  #drop(segment: Segment): void {
    this.#storedBytes -= segment.size
    this.#sparse.delete(segment)
    this.#uncache(segment)
    this.#parts.onUnwanted(segment)
  }

  /** The message of this start that was published with RETAIN and this number; `accepts` chooses among several. */
  findRetained(brokerId: string, brokerCounter: number, accepts: (message: Message) => boolean): Message | undefined {
    let message = this.#byBroker.get(brokerId)?.get(brokerCounter)
    while (message !== undefined && !accepts(message)) message = message.twin
    return message
  }

  /** At once when the bytes are in memory. */
  locate(message: Message): Located | Promise<Located> {
    const { segment, at } = message
    if (segment.bytes !== undefined) return { bytes: segment.bytes, at }
    return this.#read(segment).then((bytes) => ({ bytes, at }))
  }

  #read(segment: Segment): Promise<Buffer> {
    const running = this.#reading.get(segment)
    if (running !== undefined) return running
    const reading = this.#parts
      .read(segment.key)
      .then((bytes) => {
        if (bytes === undefined) throw new Error('a stored message is not in the store any more')
        if (segment.wanted > 0) this.#cache(segment, bytes)
        return bytes
      })
      .finally(() => this.#reading.delete(segment))
    this.#reading.set(segment, reading)
    return reading
  }

  #cache(segment: Segment, bytes: Buffer): void {
    segment.bytes = bytes
    this.#cached.add(segment)
    this.#cachedBytes += segment.size
    for (const oldest of this.#cached) {
      if (this.#cachedBytes <= this.#parts.cacheBytes || oldest === segment) break
      this.#uncache(oldest)
    }
  }

  #uncache(segment: Segment): void {
    segment.bytes = undefined
    if (this.#cached.delete(segment)) this.#cachedBytes -= segment.size
  }

  #index(message: Message): void {
    if (message.brokerId === '') return
    let counters = this.#byBroker.get(message.brokerId)
    if (counters === undefined) this.#byBroker.set(message.brokerId, (counters = new Map<number, Message>()))
    message.twin = counters.get(message.brokerCounter)
    counters.set(message.brokerCounter, message)
  }

  #unindex(message: Message): void {
    const counters = this.#byBroker.get(message.brokerId)
    if (counters === undefined) return
    let other = counters.get(message.brokerCounter)
    if (other === message) {
      if (message.twin === undefined) counters.delete(message.brokerCounter)
      else counters.set(message.brokerCounter, message.twin)
      if (counters.size === 0) this.#byBroker.delete(message.brokerId)
      return
    }
    while (other !== undefined && other.twin !== message) other = other.twin
    if (other !== undefined) other.twin = message.twin
  }
}

/** The segment's bytes, grown so that `more` fit behind what is there. */
function withRoom(segment: Segment, more: number): Buffer {
  const bytes = segment.bytes ?? Buffer.alloc(0)
  const needed = segment.size + more
  if (needed <= bytes.length) return bytes
  const grown = Buffer.allocUnsafeSlow(Math.max(needed, bytes.length * 2))
  bytes.copy(grown, 0, 0, segment.size)
  segment.bytes = grown
  return grown
}
