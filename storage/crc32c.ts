/** CRC-32C (Castagnoli), reflected. Node's zlib has the other CRC-32 only. Source: RFC 3720 §12.1. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})

/** @param before - the checksum of what comes before these bytes. */
export function crc32c(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let crc = before ^ 0xffffffff
  for (let at = from; at < to; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
