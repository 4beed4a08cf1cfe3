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

/** Keys of the database, without what LevelDB adds to them. */
export interface KeyRange {
  readonly from: Buffer
  readonly to: Buffer
}

/** What a store consists of, by its manifest. */
export interface Version {
  /**
   * By number. Other tables in the folder are left over from a compaction that a stop cut off: LevelDB removes them at
   * its next start, whole or not.
   */
  readonly tables: ReadonlyMap<number, KeyRange>
  /** The oldest log that is not in the tables yet. 0 in a store that was never written. */
  readonly logNumber: number
}

/**
 * @param manifest - every record of it whole, but for one that the end cuts off, which LevelDB does not read either.
 * @throws {RangeError} when it holds what LevelDB does not write.
 */
export function versionOf(manifest: Buffer): Version {
  const { tables, logNumber }: Edited = editedBy(manifest)
  // It begins with the tables there were; only the next record says up to where they go.
  if (logNumber === undefined) throw new RangeError('it ends before it names a log')
  return { tables, logNumber }
}

interface Edited {
  readonly tables: Map<number, KeyRange>
  logNumber: number | undefined
}

function editedBy(manifest: Buffer): Edited {
  const version: Edited = { tables: new Map(), logNumber: undefined }
  for (const edit of recordsOf(manifest)) apply(edit, version)
  return version
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

function apply(edit: Buffer, version: Edited): void {
  for (const entry = new Cursor(edit, 0); entry.at < edit.length;) {
    const tag = entry.varint()
    switch (tag) {
      case Tag.COMPARATOR:
        entry.skipText()
        break
      case Tag.LOG_NUMBER:
        version.logNumber = entry.varint()
        break
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
        version.tables.delete(entry.varint())
        break
      case Tag.NEW_FILE: {
        // Level, number, size, smallest and largest key.
        entry.varint()
        const number = entry.varint()
        entry.varint()
        version.tables.set(number, { from: userKeyOf(entry.bytes()), to: userKeyOf(entry.bytes()) })
        break
      }
      default:
        throw new RangeError(`an entry of kind ${tag}`)
    }
  }
}

/** Behind each key LevelDB keeps a sequence number and whether it was written or deleted. Source: LevelDB db/dbformat.h. */
export const TRAILER_BYTES = 8

export const userKeyOf = (internalKey: Buffer): Buffer =>
  internalKey.subarray(0, Math.max(internalKey.length - TRAILER_BYTES, 0))
