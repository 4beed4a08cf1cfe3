/** The largest remaining length: four bytes of seven bits. Source: MQTT 3.1.1 §2.2.3, table 2.4. */
export const MAX_REMAINING_LENGTH = 268_435_455

/**
 * Writes a remaining length, lowest seven bits first.
 *
 * @returns where it ends.
 */
export function writeRemainingLength(length: number, into: Buffer, at: number): number {
  if (length > MAX_REMAINING_LENGTH) throw new RangeError(`a packet of ${length} bytes is too large for MQTT`)
  let rest = length
  while (rest > 0x7f) {
    into[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[at++] = rest
  return at
}
