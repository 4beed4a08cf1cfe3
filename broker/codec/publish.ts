import { topicProblem } from '../../registry/index.ts'
import { copyBytes, decodeText } from './bytes.ts'
import type { FixedHeader } from './fixed-header.ts'
import { PacketType } from './packet-type.ts'
import { ProtocolError } from './protocol-error.ts'
import { MAX_REMAINING_LENGTH, writeRemainingLength } from './remaining-length.ts'

// ---- from a client --------------------------------------------------------------------------------------------------

/** Where the parts of a PUBLISH are in the read buffer. Made once for each connection and filled anew for each packet. */
export class PublishFrame {
  qos: 0 | 1 | 2 = 0
  dup = false
  retain = false
  topicAt = 0
  topicEnd = 0
  /** 0 at QoS 0, which has none [MQTT-2.3.1-5]. */
  packetId = 0
  /** Where the two bytes of the packet identifier are; 0 at QoS 0. */
  packetIdAt = 0
  payloadAt = 0
  end = 0
}

/**
 * Reads a PUBLISH without its topic's text, which most packets share with the one before.
 *
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.3.
 */
export function readPublish(bytes: Buffer, header: FixedHeader, into: PublishFrame): void {
  const { flags, bodyAt, end } = header
  const qos = (flags >> 1) & 3
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new ProtocolError('a message of QoS 3') // [MQTT-3.3.1-4]
  const dup = (flags & 0b1000) !== 0
  if (dup && qos === 0) throw new ProtocolError('a message of QoS 0 marked as sent again') // [MQTT-3.3.1-2]

  const topicAt = bodyAt + 2
  if (topicAt > end) throw new ProtocolError('a message is shorter than its fields')
  const topicEnd = topicAt + ((bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!)
  if (topicEnd === topicAt) throw new ProtocolError('a message without a topic') // [MQTT-4.7.3-1]
  const payloadAt = qos === 0 ? topicEnd : topicEnd + 2
  if (payloadAt > end) throw new ProtocolError('a message is shorter than its fields')

  let packetId = 0
  if (qos !== 0) {
    packetId = (bytes[topicEnd]! << 8) | bytes[topicEnd + 1]!
    if (packetId === 0) throw new ProtocolError('packet identifier 0') // [MQTT-2.3.1-1]
  }

  into.qos = qos
  into.dup = dup
  into.retain = (flags & 1) !== 0
  into.topicAt = topicAt
  into.topicEnd = topicEnd
  into.packetId = packetId
  into.packetIdAt = qos === 0 ? 0 : topicEnd
  into.payloadAt = payloadAt
  into.end = end
}

const PLUS = 0x2b
const HASH = 0x23

/**
 * The topic name between `at` and `end`.
 *
 * @throws {ProtocolError} for what is not UTF-8 [MQTT-3.3.2-1] or not a topic name [MQTT-3.3.2-2, MQTT-4.7.3-1..3].
 */
export function readTopicName(bytes: Buffer, at: number, end: number): string {
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!
    if (byte === 0 || byte === PLUS || byte === HASH || byte >= 0x80) return readUnusualTopicName(bytes, at, end)
  }
  if (at >= end) throw new ProtocolError('a topic is empty')
  return bytes.toString('latin1', at, end)
}

function readUnusualTopicName(bytes: Buffer, at: number, end: number): string {
  const topic = decodeText(bytes, at, end)
  const problem = topicProblem(topic)
  if (problem !== undefined) throw new ProtocolError(`a topic ${problem}`)
  return topic
}

// ---- to a client ----------------------------------------------------------------------------------------------------

/** A PUBLISH as `bytes[0..end)`. Valid until the next one is encoded. */
export interface EncodedPublish {
  readonly bytes: Buffer
  readonly end: number
  /** Where the receiver's packet identifier is to be written, two bytes, once for each receiver; 0 at QoS 0. */
  readonly packetIdAt: number
  /** Counts what was encoded: whoever keeps this over a call that may encode too sees by it whether it is still his. */
  readonly serial: number
}

/** Larger frames get a buffer of their own, which nobody keeps: one large message must not cost its size for ever. */
const SCRATCH_BYTES = 65_536
const MAX_TOPIC_BYTES = 65_535
const MAX_FIXED_HEADER_BYTES = 5

/** Up to this length a loop over the characters is faster than a call into native code (Node 20, x64). */
const SHORT_TOPIC = 24

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
const encoded: { -readonly [Part in keyof EncodedPublish]: EncodedPublish[Part] } = {
  bytes: scratch,
  end: 0,
  packetIdAt: 0,
  serial: 0,
}

/**
 * Encodes a message once for all its receivers, without DUP [MQTT-3.3.1-3] and without a packet identifier.
 *
 * @returns the same object and as a rule the same bytes each time.
 * @throws {RangeError} for a topic or a packet that MQTT has no room for.
 */
export function encodePublish(topic: string, payload: Uint8Array, qos: 0 | 1 | 2, retain: boolean): EncodedPublish {
  const first = (PacketType.PUBLISH << 4) | (qos << 1) | (retain ? 1 : 0)
  const { length } = topic
  const remainingLength = (qos === 0 ? 2 : 4) + length + payload.length
  // With room for three bytes of each character: what does not fit is cut off in silence, and could pass for ASCII.
  if (MAX_FIXED_HEADER_BYTES + remainingLength + 2 * length <= SCRATCH_BYTES) {
    scratch[0] = first
    const at = writeRemainingLength(remainingLength, scratch, 1)
    scratch[at] = length >> 8
    scratch[at + 1] = length & 0xff
    // Most topics are ASCII, so that their length need not be asked for.
    if (writeAscii(topic, at + 2)) return finish(scratch, at + 2 + length, payload, qos)
  }
  return encodeUnusualPublish(first, topic, payload, qos)
}

/** @returns whether all of it was ASCII; when not, what was written is of no use. */
function writeAscii(topic: string, at: number): boolean {
  const { length } = topic
  if (length > SHORT_TOPIC) return scratch.write(topic, at) === length
  let all = 0
  for (let i = 0; i < length; i++) {
    const code = topic.charCodeAt(i)
    all |= code
    scratch[at + i] = code
  }
  return all < 0x80
}

function encodeUnusualPublish(first: number, topic: string, payload: Uint8Array, qos: number): EncodedPublish {
  const topicBytes = Buffer.byteLength(topic)
  if (topicBytes > MAX_TOPIC_BYTES) throw new RangeError(`a topic of ${topicBytes} bytes is too long for MQTT`)
  const remainingLength = (qos === 0 ? 2 : 4) + topicBytes + payload.length
  const frameBytes = MAX_FIXED_HEADER_BYTES + remainingLength
  // Before memory is asked for.
  if (remainingLength > MAX_REMAINING_LENGTH) throw new RangeError('a message is too large for MQTT')
  const bytes = frameBytes <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(frameBytes)
  bytes[0] = first
  const at = writeRemainingLength(remainingLength, bytes, 1)
  bytes[at] = topicBytes >> 8
  bytes[at + 1] = topicBytes & 0xff
  bytes.write(topic, at + 2)
  return finish(bytes, at + 2 + topicBytes, payload, qos)
}

function finish(bytes: Buffer, topicEnd: number, payload: Uint8Array, qos: number): EncodedPublish {
  const payloadAt = qos === 0 ? topicEnd : topicEnd + 2
  copyBytes(payload, 0, payload.length, bytes, payloadAt)
  encoded.bytes = bytes
  encoded.packetIdAt = qos === 0 ? 0 : topicEnd
  encoded.end = payloadAt + payload.length
  encoded.serial += 1
  return encoded
}
