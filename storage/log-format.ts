import { crc32c } from './crc32c.ts'

/** The files that LevelDB appends records to: its log and its manifest. Source: LevelDB doc/log_format.md. */

export const BLOCK_BYTES = 32_768
export const HEADER_BYTES = 7

/** Where the record behind one that ends at `end` begins: a header that does not fit into a block begins the next. */
export function nextRecordAt(end: number): number {
  const left = BLOCK_BYTES - (end % BLOCK_BYTES)
  return left < HEADER_BYTES ? end + left : end
}

/** LevelDB stores a checksum rotated and shifted, so that data that holds checksums can be checksummed. */
export const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0

/** Where the record at `at` ends, or undefined when it is not whole: cut off, or its checksum does not hold. */
export function endOfRecord(bytes: Buffer, at: number): number | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined
  const end = at + HEADER_BYTES + bytes.readUInt16LE(at + 4)
  if (end > blockEndOf(bytes, at)) return undefined
  return bytes.readUInt32LE(at) === masked(crc32c(bytes, at + 6, end)) ? end : undefined
}

/** Where the block that `at` lies in ends. */
export const blockEndOf = (bytes: Buffer, at: number): number =>
  Math.min(at - (at % BLOCK_BYTES) + BLOCK_BYTES, bytes.length)
