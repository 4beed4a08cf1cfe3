import { sameBytes } from '../codec/index.ts'
import { readSequence, writeSequence } from './layout.ts'
import type { Qos } from '../aedes-internals.d.ts'

/** A message as Aedes hands it over. */
export interface GivenPacket {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: Qos
  readonly retain?: boolean
  readonly brokerId?: string | null
  readonly brokerCounter?: number
  readonly properties?: Readonly<Record<string, unknown>>
  /** When it has no value any more, in milliseconds since 1970. */
  readonly messageExpiry?: number
}

/** A message as it comes back. */
export interface StoredPacket {
  readonly cmd: 'publish'
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: Qos
  readonly retain: boolean
  readonly properties?: Readonly<Record<string, unknown>>
  readonly messageExpiry?: number
}

/** Whom a message is for. */
export interface Target {
  readonly session: number
  qos: Qos
  /** The packet id with which it is sent at once, or -1. */
  messageId: number
}

/**
 * One message in bytes: size u32 · sequence u64 · flags u8 · length of the broker id u8 · length of the topic u16 ·
 * broker counter f64 · expiry f64, 0 for none · count of targets u32 · targets of 7 bytes (session u32, QoS u8, packet
 * id u16) · broker id · topic · properties (u32 and JSON, when a flag says so) · payload.
 */
const AT = { sequence: 4, flags: 12, brokerIdBytes: 13, topicBytes: 14, counter: 16, expiry: 24, targets: 32 } as const
const HEADER_BYTES = 36
const TARGET_BYTES = 7

const QOS = 0b11
const RETAIN = 0b100
const TEXT = 0b1000
const PROPERTIES = 0b10000

const HAS_ID = 0b100

const LEVELS = [0, 1, 2] as const
const qosOf = (bits: number): Qos => LEVELS[bits] ?? 0

/** A packet measured and made ready, so that its bytes can be written in one go. */
export interface Prepared {
  readonly packet: GivenPacket
  readonly qos: Qos
  readonly retain: boolean
  readonly expiry: number
  readonly payload: Buffer | string
  readonly topicBytes: number
  readonly payloadBytes: number
  readonly brokerIdBytes: number
  readonly properties: Buffer | undefined
  /** Without its targets. */
  readonly size: number
}

export function prepare(packet: GivenPacket, qos: Qos, retain: boolean, expiry: number): Prepared {
  const topicBytes = Buffer.byteLength(packet.topic)
  // Looked at once: a packet that was just read cuts its payload out each time.
  const { payload } = packet
  const payloadBytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const brokerIdBytes = packet.brokerId ? Buffer.byteLength(packet.brokerId) : 0
  const properties = packet.properties === undefined ? undefined : encodeProperties(packet.properties)
  const extra = properties === undefined ? 0 : 4 + properties.length
  const size = HEADER_BYTES + brokerIdBytes + topicBytes + extra + payloadBytes
  return { packet, qos, retain, expiry, payload, topicBytes, payloadBytes, brokerIdBytes, properties, size }
}

export const sizeWith = (prepared: Prepared, targets: number): number => prepared.size + targets * TARGET_BYTES

/** Writes `sizeWith(prepared, targets.length)` bytes. */
export function encode(
  bytes: Buffer,
  at: number,
  prepared: Prepared,
  sequence: number,
  targets: readonly Target[],
): void {
  const { packet, payload, topicBytes, brokerIdBytes, properties } = prepared
  bytes.writeUInt32BE(sizeWith(prepared, targets.length), at)
  writeSequence(bytes, sequence, at + AT.sequence)
  bytes[at + AT.flags] =
    prepared.qos |
    (prepared.retain ? RETAIN : 0) |
    (typeof payload === 'string' ? TEXT : 0) |
    (properties === undefined ? 0 : PROPERTIES)
  bytes[at + AT.brokerIdBytes] = brokerIdBytes
  bytes.writeUInt16BE(topicBytes, at + AT.topicBytes)
  bytes.writeDoubleBE(packet.brokerCounter ?? 0, at + AT.counter)
  bytes.writeDoubleBE(prepared.expiry, at + AT.expiry)
  bytes.writeUInt32BE(targets.length, at + AT.targets)
  let to = at + HEADER_BYTES
  for (const { session, qos, messageId } of targets) {
    bytes.writeUInt32BE(session, to)
    bytes[to + 4] = qos | (messageId < 0 ? 0 : HAS_ID)
    bytes.writeUInt16BE(Math.max(messageId, 0), to + 5)
    to += TARGET_BYTES
  }
  if (brokerIdBytes > 0) to += bytes.write(packet.brokerId ?? '', to)
  to += bytes.write(packet.topic, to)
  if (properties !== undefined) {
    bytes.writeUInt32BE(properties.length, to)
    bytes.set(properties, to + 4)
    to += 4 + properties.length
  }
  if (typeof payload === 'string') bytes.write(payload, to)
  else bytes.set(payload, to)
}

/** One message of its own. */
export function encodeAlone(prepared: Prepared): Buffer {
  const bytes = Buffer.allocUnsafeSlow(prepared.size)
  encode(bytes, 0, prepared, 0, [])
  return bytes
}

export const sizeAt = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at)
export const sequenceAt = (bytes: Buffer, at: number): number => readSequence(bytes, at + AT.sequence)
export const counterAt = (bytes: Buffer, at: number): number => bytes.readDoubleBE(at + AT.counter)
export const expiryAt = (bytes: Buffer, at: number): number => bytes.readDoubleBE(at + AT.expiry)

export function brokerIdAt(bytes: Buffer, at: number): string {
  const from = at + HEADER_BYTES + TARGET_BYTES * bytes.readUInt32BE(at + AT.targets)
  return bytes.toString('utf8', from, from + bytes[at + AT.brokerIdBytes]!)
}

export function targetsAt(bytes: Buffer, at: number): Target[] {
  return Array.from({ length: bytes.readUInt32BE(at + AT.targets) }, (_, n) => {
    const from = at + HEADER_BYTES + TARGET_BYTES * n
    const flags = bytes[from + 4]!
    return {
      session: bytes.readUInt32BE(from),
      qos: qosOf(flags & QOS),
      messageId: (flags & HAS_ID) === 0 ? -1 : bytes.readUInt16BE(from + 5),
    }
  })
}

/** Of the message that was decoded last: what waits for a session has mostly one topic. */
let lastTopic = ''
let lastTopicBytes: Buffer = Buffer.alloc(0)

function topicAt(bytes: Buffer, from: number, end: number): string {
  const length = end - from
  if (length === lastTopicBytes.length && sameBytes(bytes, from, lastTopicBytes, length)) return lastTopic
  lastTopicBytes = Buffer.from(bytes.subarray(from, end))
  lastTopic = lastTopicBytes.toString()
  return lastTopic
}

/** The payload is a part of `bytes`, not a copy. */
export function decode(bytes: Buffer, at: number): StoredPacket {
  const flags = bytes[at + AT.flags]!
  const expiry = expiryAt(bytes, at)
  const end = at + sizeAt(bytes, at)
  let from = at + HEADER_BYTES + TARGET_BYTES * bytes.readUInt32BE(at + AT.targets) + bytes[at + AT.brokerIdBytes]!
  const topicEnd = from + bytes.readUInt16BE(at + AT.topicBytes)
  const topic = topicAt(bytes, from, topicEnd)
  from = topicEnd
  let properties: StoredPacket['properties']
  if ((flags & PROPERTIES) !== 0) {
    const propertiesEnd = from + 4 + bytes.readUInt32BE(from)
    properties = decodeProperties(bytes.subarray(from + 4, propertiesEnd))
    from = propertiesEnd
  }
  const payload = bytes.subarray(from, end)
  const packet: StoredPacket = {
    cmd: 'publish',
    topic,
    payload: (flags & TEXT) === 0 ? payload : payload.toString(),
    qos: qosOf(flags & QOS),
    retain: (flags & RETAIN) !== 0,
  }
  if (properties === undefined && expiry === 0) return packet
  return {
    ...packet,
    ...(properties === undefined ? {} : { properties }),
    ...(expiry === 0 ? {} : { messageExpiry: expiry }),
  }
}

/** Of the properties of PUBLISH only Correlation Data is not text or number. Source: MQTT 5 §3.3.2.3. */
function encodeProperties({ correlationData, ...properties }: Readonly<Record<string, unknown>>): Buffer {
  const base64 = Buffer.isBuffer(correlationData) ? correlationData.toString('base64') : undefined
  return Buffer.from(JSON.stringify(base64 === undefined ? properties : { ...properties, correlationData: base64 }))
}

function decodeProperties(json: Buffer): Record<string, unknown> {
  const properties: Record<string, unknown> = Object(JSON.parse(json.toString()))
  const { correlationData } = properties
  return typeof correlationData === 'string'
    ? { ...properties, correlationData: Buffer.from(correlationData, 'base64') }
    : properties
}
