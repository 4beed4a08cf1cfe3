import { PacketType } from './packet-type.ts'
import { LimitExceeded, ProtocolError } from './protocol-error.ts'
import { MQTT_3_1_1, type ProtocolVersion } from './protocol-version.ts'

/** Where a packet is in the read buffer. Made once for each connection and filled anew for each packet. */
export class FixedHeader {
  /** The packet type; 0 while not even the first byte has arrived. */
  type = 0
  /** The lower half of the first byte. */
  flags = 0
  /** Bytes of the whole packet, this header included; 0 while its length has not arrived. */
  packetBytes = 0
  /** Where the variable header begins. */
  bodyAt = 0
  /** Behind the last byte of the packet. */
  end = 0
}

const { CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT } = PacketType

/** Bit `t` is set when a client may send packets of type `t`. Source: MQTT 3.1.1 §2.2.1, table 2.1. */
const FROM_CLIENT = [
  CONNECT,
  PUBLISH,
  PUBACK,
  PUBREC,
  PUBREL,
  PUBCOMP,
  SUBSCRIBE,
  UNSUBSCRIBE,
  PINGREQ,
  DISCONNECT,
].reduce((types, type) => types | (1 << type), 0)

/**
 * Reads the fixed header of the packet at `at`. What is refused is refused by these two to five bytes, before room is
 * made for the rest.
 *
 * @param limit - behind the last byte that has arrived.
 * @param maxPacketBytes - the largest packet, fixed header included.
 * @returns whether the whole packet is there. When not, `into.packetBytes` says how many bytes it will have.
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §2.2.
 */
export function readFixedHeader(
  bytes: Buffer,
  at: number,
  limit: number,
  maxPacketBytes: number,
  into: FixedHeader,
): boolean {
  into.type = 0
  into.packetBytes = 0
  if (at >= limit) return false
  const first = bytes[at]!
  const type = first >> 4
  if (((FROM_CLIENT >> type) & 1) === 0) throw new ProtocolError(`a packet of type ${type}, which no client sends`)
  into.type = type
  into.flags = first & 0x0f

  let length = 0
  let bodyAt = at + 1
  for (let shift = 0; ; shift += 7) {
    if (bodyAt >= limit) return false
    const digit = bytes[bodyAt++]!
    length |= (digit & 0x7f) << shift
    if (digit < 0x80) break
    // "The maximum number of bytes in the Remaining Length field is four." §2.2.3
    if (shift === 21) throw new ProtocolError('the remaining length has more than four bytes')
  }

  const end = bodyAt + length
  if (end - at > maxPacketBytes) {
    throw new LimitExceeded(`a packet of ${end - at} bytes; ${maxPacketBytes} are allowed`)
  }
  into.packetBytes = end - at
  into.bodyAt = bodyAt
  into.end = end
  return end <= limit
}

/** The reserved bits of the first byte have the values that their packet type gives them [MQTT-2.2.2-1, MQTT-2.2.2-2]. */
export function checkFlags(header: FixedHeader, version: ProtocolVersion): void {
  if (((version.allowedFlags[header.type]! >> header.flags) & 1) === 0) {
    throw new ProtocolError('reserved bits of the fixed header are set')
  }
}

/** [MQTT-3.1.0-1] */
export function checkFirst(header: FixedHeader): void {
  if (header.type !== PacketType.CONNECT) throw new ProtocolError('the first packet is not CONNECT')
  checkFlags(header, MQTT_3_1_1)
}
