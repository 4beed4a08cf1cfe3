import type { FixedHeader } from './fixed-header.ts'
import { PacketType } from './packet-type.ts'
import { ProtocolError } from './protocol-error.ts'

/**
 * All that PUBACK, PUBREC, PUBREL and PUBCOMP hold.
 *
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.4–§3.7.
 */
export function readPacketId(bytes: Buffer, { bodyAt, end }: FixedHeader): number {
  if (end - bodyAt !== 2) throw new ProtocolError('an acknowledgement is not two bytes long')
  const id = (bytes[bodyAt]! << 8) | bytes[bodyAt + 1]!
  if (id === 0) throw new ProtocolError('packet identifier 0') // [MQTT-2.3.1-1]
  return id
}

/** The packets that hold a packet identifier and nothing else. */
export type Acknowledgement = (typeof PacketType)['PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' | 'UNSUBACK']

export const ACKNOWLEDGEMENT_BYTES = 4

/** Writes the four bytes of a packet that holds a packet identifier and nothing else [MQTT-2.3.1-6, MQTT-2.3.1-7]. */
export function writeAcknowledgement(type: Acknowledgement, packetId: number, into: Buffer, at: number): void {
  into[at] = (type << 4) | (type === PacketType.PUBREL ? 0b0010 : 0) // [MQTT-3.6.1-1]
  into[at + 1] = 2
  into[at + 2] = packetId >> 8
  into[at + 3] = packetId & 0xff
}
