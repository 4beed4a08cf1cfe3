import { filterProblem } from '../../registry/index.ts'
import { Fields } from './fields.ts'
import type { FixedHeader } from './fixed-header.ts'
import { PacketType } from './packet-type.ts'
import { LimitExceeded, ProtocolError } from './protocol-error.ts'
import { writeRemainingLength } from './remaining-length.ts'

export interface RequestedSubscription {
  topic: string
  qos: 0 | 1 | 2
}

export interface SubscribePacket {
  packetId: number
  /** In the order of the packet, which is the order of the answer; the same filter may be there twice. */
  subscriptions: RequestedSubscription[]
}

export interface UnsubscribePacket {
  packetId: number
  filters: string[]
}

/**
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.8.
 */
export function readSubscribe(bytes: Buffer, header: FixedHeader, maxFilters: number): SubscribePacket {
  const fields = new Fields(bytes, header)
  const packetId = fields.packetId()
  const subscriptions: RequestedSubscription[] = []
  do {
    const topic = readFilter(fields, subscriptions.length, maxFilters)
    subscriptions.push({ topic, qos: readRequestedQos(fields) })
  } while (fields.left > 0) // at least one [MQTT-3.8.3-3]
  return { packetId, subscriptions }
}

/**
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.10.
 */
export function readUnsubscribe(bytes: Buffer, header: FixedHeader, maxFilters: number): UnsubscribePacket {
  const fields = new Fields(bytes, header)
  const packetId = fields.packetId()
  const filters: string[] = []
  do filters.push(readFilter(fields, filters.length, maxFilters))
  while (fields.left > 0) // at least one [MQTT-3.10.3-2]
  return { packetId, filters }
}

function readFilter(fields: Fields, before: number, maxFilters: number): string {
  if (before >= maxFilters) throw new LimitExceeded(`more than ${maxFilters} topic filters in one packet`)
  const filter = fields.text() // [MQTT-3.8.3-1, MQTT-3.10.3-1]
  const problem = filterProblem(filter) // [MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1]
  if (problem !== undefined) throw new ProtocolError(`a topic filter ${problem}`)
  return filter
}

function readRequestedQos(fields: Fields): 0 | 1 | 2 {
  const byte = fields.byte()
  if (byte === 0 || byte === 1 || byte === 2) return byte
  throw new ProtocolError('a subscription of QoS 3 or with reserved bits') // [MQTT-3-8.3-4]
}

const FAILURE = 0x80

/**
 * @param codes - one for each filter of the SUBSCRIBE, in its order [MQTT-3.8.4-5, MQTT-3.9.3-1].
 * @throws {RangeError} for a reserved return code [MQTT-3.9.3-2].
 */
export function encodeSuback(packetId: number, codes: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(1 + 4 + 2 + codes.length)
  bytes[0] = PacketType.SUBACK << 4
  let at = writeRemainingLength(2 + codes.length, bytes, 1)
  bytes[at++] = packetId >> 8
  bytes[at++] = packetId & 0xff
  for (const code of codes) {
    if (code !== 0 && code !== 1 && code !== 2 && code !== FAILURE) {
      throw new RangeError(`SUBACK return code ${code} is reserved`)
    }
    bytes[at++] = code
  }
  return bytes.subarray(0, at)
}
