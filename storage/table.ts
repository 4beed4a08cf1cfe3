import { crc32c } from './crc32c.ts'
import { Cursor } from './cursor.ts'
import { masked } from './log-format.ts'
import { TRAILER_BYTES, userKeyOf } from './manifest.ts'
import { uncompress } from './snappy.ts'

/** One version of a record, as LevelDB keeps it. Source: LevelDB db/dbformat.h. */
export interface Entry {
  readonly key: Buffer
  /** The greatest of a key is the one that counts. */
  readonly sequence: number
  /** undefined: the record was deleted. */
  readonly value: Buffer | undefined
}

/** Where a block lies in its table, and that no key in it is greater than `last`. */
export interface BlockPlace {
  readonly from: number
  readonly size: number
  readonly last: Buffer
}

const FOOTER_BYTES = 48
const TABLE_MAGIC = 0xdb4775248b80fb57n

/** One byte for the compression and the checksum of both follow a block. */
export const BLOCK_TRAILER_BYTES = 5

/**
 * The places of the data blocks of a table, by its index. Source: LevelDB doc/table_format.md.
 *
 * @throws {RangeError} when the index cannot be read.
 */
export function blocksOf(table: Buffer): BlockPlace[] {
  if (table.length < FOOTER_BYTES || table.readBigUInt64LE(table.length - 8) !== TABLE_MAGIC) {
    throw new RangeError(NOT_A_TABLE)
  }
  const footer = new Cursor(table, table.length - FOOTER_BYTES)
  readBlock(table, footer.varint(), footer.varint())
  const index = readBlock(table, footer.varint(), footer.varint())
  return Array.from(pairsOf(index), ([key, value]) => {
    const handle = new Cursor(value, 0)
    return { from: handle.varint(), size: handle.varint(), last: userKeyOf(key) }
  })
}

/**
 * The places of the filters, which tell LevelDB what a block does not hold. It does not check them: one with a wrong bit
 * hides records that are there.
 *
 * @throws {RangeError} when their index cannot be read.
 */
export function filtersOf(table: Buffer): Omit<BlockPlace, 'last'>[] {
  const footer = new Cursor(table, table.length - FOOTER_BYTES)
  return Array.from(pairsOf(readBlock(table, footer.varint(), footer.varint())), ([, value]) => {
    const handle = new Cursor(value, 0)
    return { from: handle.varint(), size: handle.varint() }
  })
}

export const NOT_A_TABLE = 'is cut short or is not a table'

/**
 * A block, uncompressed.
 *
 * @throws {RangeError} when it does not match its checksum.
 */
export function readBlock(table: Buffer, from: number, size: number): Buffer {
  if (table.readUInt32LE(from + size + 1) !== masked(crc32c(table, from, from + size + 1))) {
    throw new RangeError(`the block at byte ${from} does not match its checksum`)
  }
  const block = table.subarray(from, from + size)
  return table[from + size] === 0 ? block : uncompress(block)
}

/**
 * What a data block holds, in order.
 *
 * @throws {RangeError} when it is not a data block.
 */
export function entriesOf(block: Buffer): Entry[] {
  const entries: Entry[] = []
  for (const [key, value] of pairsOf(block)) {
    const last = entries.at(-1)
    const entry = entryOf(key, value)
    if (last !== undefined && inOrder(last, entry) >= 0) throw new RangeError('keys are not in order')
    entries.push(entry)
  }
  return entries
}

/** By key; of one key the newest first. */
export const inOrder = (a: Entry, b: Entry): number => a.key.compare(b.key) || b.sequence - a.sequence

const VALUE = 1

function entryOf(internalKey: Buffer, value: Buffer): Entry {
  const at = internalKey.length - TRAILER_BYTES
  const type = internalKey.readUInt8(at)
  if (type > VALUE) throw new RangeError('a record is neither written nor deleted')
  const sequence = internalKey.readUIntLE(at + 1, 6) + internalKey.readUInt8(at + 7) * 2 ** 48
  return { key: userKeyOf(internalKey), sequence, value: type === VALUE ? value : undefined }
}

/** Keys of a block share their beginnings; where a key stands whole is listed at its end. */
function* pairsOf(block: Buffer): Generator<readonly [key: Buffer, value: Buffer]> {
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
  let key: Buffer = Buffer.alloc(0)
  const cursor = new Cursor(block, 0)
  while (cursor.at < end) {
    const shared = cursor.varint()
    const own = cursor.varint()
    const valueBytes = cursor.varint()
    if (shared > key.length) throw new RangeError('a key shares more than there is')
    const rest = cursor.take(own)
    // In an index every key stands whole.
    key = shared === 0 ? rest : Buffer.concat([key.subarray(0, shared), rest])
    yield [key, cursor.take(valueBytes)]
  }
  if (cursor.at !== end) throw new RangeError('its entries end in the wrong place')
}

/**
 * The data blocks of a table whose index is lost, as many as follow each other from its beginning. Each ends where the
 * bytes match the checksum behind them.
 */
export function findBlocks(table: Buffer): BlockPlace[] {
  const found: BlockPlace[] = []
  for (let from = 0; ;) {
    const size = sizeOfBlockAt(table, from)
    if (size === undefined) return found
    try {
      const entries = entriesOf(readBlock(table, from, size))
      const [first] = entries
      const last = entries.at(-1)
      // Behind the data come a filter and the index itself, which begins with the place of the first block.
      if (first === undefined || last === undefined || pointsTo(first.value, found[0])) return found
      found.push({ from, size, last: last.key })
    } catch (error) {
      if (error instanceof RangeError) return found
      throw error
    }
    from += size + BLOCK_TRAILER_BYTES
  }
}

function sizeOfBlockAt(table: Buffer, from: number): number | undefined {
  let crc: number | undefined
  for (let at = from; at + BLOCK_TRAILER_BYTES <= table.length; at++) {
    crc = crc32c(table, at, at + 1, crc)
    if (table.readUInt32LE(at + 1) === masked(crc)) return at - from
  }
  return undefined
}

function pointsTo(value: Buffer | undefined, block: BlockPlace | undefined): boolean {
  if (value === undefined || block === undefined) return false
  try {
    const handle = new Cursor(value, 0)
    return handle.varint() === block.from && handle.varint() === block.size && handle.at === value.length
  } catch {
    return false
  }
}
