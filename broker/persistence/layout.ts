import type { StoreLevel } from '../../storage/index.ts'

/**
 * The key layout of the broker's memory.
 *
 * sessions: client id → JSON {@link SessionRecord} · subscriptions: session number, filter → JSON of the subscription
 * progress: session number → what of its queue is done and what is on its way · messages: sequence of the first one →
 * all messages of one commit with the sessions that they are for · inbound: session number, packet id → nothing
 * retained: topic → message · wills: start and connection → JSON · aedes-wills: client id → JSON
 *
 * A session has a number so that its id, which may have 65,535 bytes, is not repeated with each message, and so that no
 * id can be another's prefix.
 */
export class Room {
  readonly name: string
  readonly #prefix: Buffer

  constructor(name: string) {
    this.name = name
    this.#prefix = Buffer.from(`!${name}!`)
  }

  /** All keys of this room. */
  get range(): { readonly gte: Buffer; readonly lt: Buffer } {
    const lt = Buffer.from(this.#prefix)
    lt[lt.length - 1]!++
    return { gte: this.#prefix, lt }
  }

  ofText(text: string): Buffer {
    return this.#key(Buffer.from(text))
  }

  ofSession(number: number, rest = ''): Buffer {
    return this.ofText(hex(number, SESSION_DIGITS) + rest)
  }

  ofSequence(sequence: number): Buffer {
    const key = Buffer.allocUnsafe(8)
    writeSequence(key, sequence, 0)
    return this.#key(key)
  }

  /** How long the room's name is in each of its keys. */
  get prefixLength(): number {
    return this.#prefix.length
  }

  #key(rest: Buffer): Buffer {
    const key = Buffer.allocUnsafe(this.#prefix.length + rest.length)
    key.set(this.#prefix, 0)
    key.set(rest, this.#prefix.length)
    return key
  }
}

export const SESSION_DIGITS = 8

/** The session number in a key that {@link Room.ofSession} made. */
export const sessionIn = (key: string): number => Number.parseInt(key.slice(0, SESSION_DIGITS), 16)

/** What follows it. */
export const restIn = (key: string): string => key.slice(SESSION_DIGITS)

/** Of one width, so that keys sort as numbers do. */
export const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0')

export const rooms = {
  sessions: new Room('sessions'),
  subscriptions: new Room('subscriptions'),
  progress: new Room('progress'),
  messages: new Room('messages'),
  inbound: new Room('inbound'),
  retained: new Room('retained'),
  /** Those of connections; and those that Aedes' contract knows, by client. */
  wills: new Room('wills'),
  contractWills: new Room('aedes-wills'),
} as const

export interface SessionRecord {
  readonly number: number
  /** When its client left, in milliseconds since 1970; missing while it is there. */
  readonly closedAt?: number
  /** How long after that the session ends. */
  readonly expiryMs?: number
}

const HIGH = 2 ** 32

/** 53 bits, so that keys sort as numbers do. */
export function writeSequence(bytes: Buffer, sequence: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(sequence / HIGH), at)
  bytes.writeUInt32BE(sequence % HIGH, at + 4)
}

export const readSequence = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)

/** What a room holds, in the order of its keys, which come without the room's name. */
export async function* readRoom(level: StoreLevel, room: Room): AsyncGenerator<readonly [key: Buffer, value: Buffer]> {
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  for await (const entries of partsOf(level.iterator<Buffer, Buffer>({ ...room.range, ...encodings, ...PARTS }))) {
    for (const [key, value] of entries) yield [key.subarray(room.prefixLength), value]
  }
}

/** A room whose keys and values are text. A string costs a fraction of a buffer when there are hundreds of thousands. */
export async function readText(
  level: StoreLevel,
  room: Room,
  found: (key: string, value: string) => void,
): Promise<void> {
  const { gte, lt } = room.range
  const range = { gte: gte.toString(), lt: lt.toString() }
  for await (const entries of partsOf(level.iterator<string, string>({ ...range, ...PARTS }))) {
    for (const [key, value] of entries) found(key.slice(room.prefixLength), value)
  }
}

interface Entries<T> {
  nextv(size: number): Promise<[key: T, value: T][]>
  close(): Promise<void>
}

/** While one part is worked through the thread pool reads the next. */
async function* partsOf<T>(iterator: Entries<T>): AsyncGenerator<[key: T, value: T][]> {
  try {
    let next = iterator.nextv(PART_ENTRIES)
    for (;;) {
      const entries = await next
      if (entries.length === 0) return
      next = iterator.nextv(PART_ENTRIES)
      // Whoever waits for it hears of a failure; nobody does when the work on this part fails.
      next.catch(() => {})
      yield entries
    }
  } finally {
    await iterator.close()
  }
}

/** classic-level's own option, hence the wider type: by default it reads 16 KiB with each turn of the thread pool. */
const PARTS: object = { highWaterMarkBytes: 1_048_576 }
const PART_ENTRIES = 1000

/** The first sequence of a start: greater than all of the starts before, whatever they had come to. */
export const firstSequenceOf = (bootNumber: number): number => bootNumber * HIGH
