import type { FixedHeader } from './fixed-header.ts'
import { PacketType } from './packet-type.ts'
import { ProtocolError } from './protocol-error.ts'

/**
 * PINGREQ and DISCONNECT have neither a variable header nor a payload.
 *
 * @throws {ProtocolError}
 *
 * Source: MQTT 3.1.1 §3.12, §3.14.
 */
export function readEmpty({ bodyAt, end }: FixedHeader): void {
  if (end > bodyAt) throw new ProtocolError('a packet is longer than its fields')
}

/** [MQTT-3.12.4-1]. All connections share it: to be read only. */
export const PINGRESP: Buffer = Buffer.from([PacketType.PINGRESP << 4, 0])
