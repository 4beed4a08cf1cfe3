import { Cursor } from './cursor.ts'
import { HEADER_BYTES, nextRecordAt } from './log-format.ts'

/** What an entry of a version edit is about. Source: LevelDB db/version_edit.cc. */
const Tag = {
  COMPARATOR: 1,
  LOG_NUMBER: 2,
  NEXT_FILE_NUMBER: 3,
  LAST_SEQUENCE: 4,
  COMPACT_POINTER: 5,
  DELETED_FILE: 6,
  NEW_FILE: 7,
  PREVIOUS_LOG_NUMBER: 9,
} as const

/**
 * The numbers of the tables that a store consists of, by its manifest. Other tables in its folder are left over from a
 * compaction that a stop cut off: LevelDB removes them at its next start, whole or not.
 *
 * @param manifest - every record of it whole, but for one that the end cuts off, which LevelDB does not read either.
 * @throws {RangeError} when it holds what LevelDB does not write.
 */
export function tablesOf(manifest: Buffer): ReadonlySet<number> {
  const tables = new Set<number>()
  for (const edit of recordsOf(manifest)) apply(edit, tables)
  return tables
}

function* recordsOf(bytes: Buffer): Iterable<Buffer> {
  const [FULL, LAST] = [1, 4]
  let parts: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + HEADER_BYTES + bytes.readUInt16LE(at + 4)
    const type = bytes[at + 6]
    if (type === 0 || end > bytes.length) return
    parts.push(bytes.subarray(at + HEADER_BYTES, end))
    if (type === FULL || type === LAST) {
      yield Buffer.concat(parts)
      parts = []
    }
    at = nextRecordAt(end)
  }
}

function apply(edit: Buffer, tables: Set<number>): void {
  for (const entry = new Cursor(edit, 0); entry.at < edit.length;) {
    const tag = entry.varint()
    switch (tag) {
      case Tag.COMPARATOR:
        entry.skipText()
        break
      case Tag.LOG_NUMBER:
      case Tag.NEXT_FILE_NUMBER:
      case Tag.LAST_SEQUENCE:
      case Tag.PREVIOUS_LOG_NUMBER:
        entry.varint()
        break
      case Tag.COMPACT_POINTER:
        entry.varint()
        entry.skipText()
        break
      case Tag.DELETED_FILE:
        entry.varint()
        tables.delete(entry.varint())
        break
      case Tag.NEW_FILE:
        // Level, number, size, smallest and largest key.
        entry.varint()
        tables.add(entry.varint())
        entry.varint()
        entry.skipText()
        entry.skipText()
        break
      default:
        throw new RangeError(`an entry of kind ${tag}`)
    }
  }
}
