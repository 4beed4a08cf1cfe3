import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from './crc32c.ts'
import { Cursor } from './cursor.ts'
import { systemCode } from './files.ts'
import { BLOCK_BYTES, HEADER_BYTES, nextRecordAt } from './log-format.ts'
import { tablesOf } from './manifest.ts'
import { uncompress } from './snappy.ts'

/** A file of the store that is missing or does not hold what was written, and how that shows. */
export interface Damage {
  readonly file: string
  readonly problem: string
}

/**
 * Reads LevelDB's files before LevelDB does, since it repairs silently: without CURRENT it makes a new database over
 * the old one, it drops what a damaged log held, and it reads tables without looking at their checksums.
 * Source: LevelDB doc/impl.md, doc/log_format.md, doc/table_format.md.
 *
 * @returns the first damage that was found, or undefined when every checksum holds.
 */
export async function findDamage(store: string): Promise<Damage | undefined> {
  const names = await readdir(store)
  const current = await readFile(join(store, 'CURRENT'), 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (current === undefined) return { file: join(store, 'CURRENT'), problem: 'is missing' }
  const manifest = current.trimEnd()
  if (!/^MANIFEST-\d+$/.test(manifest)) return { file: join(store, 'CURRENT'), problem: 'does not name a manifest' }
  if (!names.includes(manifest)) return { file: join(store, manifest), problem: 'is missing, and CURRENT names it' }

  const bytes = await readFile(join(store, manifest))
  const problem = manifestProblem(bytes)
  if (problem !== undefined) return { file: join(store, manifest), problem }
  return await findDamagedFile(store, names, tablesOf(bytes))
}

function manifestProblem(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'is empty'
  const problem = logProblem(bytes, true)
  if (problem !== undefined) return problem
  try {
    tablesOf(bytes)
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return `is damaged: ${error.message}`
    throw error
  }
}

async function findDamagedFile(
  store: string,
  names: readonly string[],
  tables: ReadonlySet<number>,
): Promise<Damage | undefined> {
  for (const name of names.toSorted()) {
    const check = checkOf(name, tables)
    if (check === undefined) continue
    const file = join(store, name)
    const problem = check(await readFile(file))
    if (problem !== undefined) return { file, problem }
  }
  return undefined
}

function checkOf(name: string, tables: ReadonlySet<number>): ((bytes: Buffer) => string | undefined) | undefined {
  if (name.endsWith('.log')) return (bytes) => logProblem(bytes, false)
  const [, number] = /^(\d+)\.(?:ldb|sst)$/.exec(name) ?? []
  return number !== undefined && tables.has(Number(number)) ? tableProblem : undefined
}

/**
 * A record that ends the file and is not whole was being written when the process or the machine died, which is no
 * damage: whoever waited for it got no answer. One that is followed by others was whole once. With `strict` only a
 * record that the file's end cuts off is let pass.
 */
function logProblem(bytes: Buffer, strict: boolean): string | undefined {
  let broken: number | undefined
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const blockEnd = Math.min(at - (at % BLOCK_BYTES) + BLOCK_BYTES, bytes.length)
    const end = at + HEADER_BYTES + bytes.readUInt16LE(at + 4)
    const whole = end <= blockEnd && bytes.readUInt32LE(at) === masked(crc32c(bytes, at + 6, end))
    if (!whole) broken ??= at
    if (broken !== undefined && (whole || (strict && end <= bytes.length))) {
      return `holds a damaged record at byte ${broken}`
    }
    at = nextRecordAt(whole ? end : blockEnd)
  }
  return undefined
}

const FOOTER_BYTES = 48
const TABLE_MAGIC = 0xdb4775248b80fb57n

function tableProblem(bytes: Buffer): string | undefined {
  if (bytes.length < FOOTER_BYTES || bytes.readBigUInt64LE(bytes.length - 8) !== TABLE_MAGIC) {
    return 'is cut short or is not a table'
  }
  try {
    const footer = new Cursor(bytes, bytes.length - FOOTER_BYTES)
    blockAt(bytes, footer)
    const index = blockAt(bytes, footer)
    const entriesEnd = index.length - 4 - 4 * index.readUInt32LE(index.length - 4)
    for (const entry = new Cursor(index, 0); entry.at < entriesEnd;) {
      entry.varint()
      const keyBytes = entry.varint()
      entry.varint()
      entry.at += keyBytes
      verifyBlock(bytes, entry.varint(), entry.varint())
    }
  } catch (error) {
    if (error instanceof RangeError) return `is damaged: ${error.message}`
    throw error
  }
  return undefined
}

/** Reads a block handle at `cursor`, then the block itself, uncompressed. */
function blockAt(bytes: Buffer, cursor: Cursor): Buffer {
  const from = cursor.varint()
  const size = cursor.varint()
  verifyBlock(bytes, from, size)
  const block = bytes.subarray(from, from + size)
  return bytes[from + size] === 0 ? block : uncompress(block)
}

/** A block is followed by one byte for its compression and the checksum of both. */
function verifyBlock(bytes: Buffer, from: number, size: number): void {
  if (bytes.readUInt32LE(from + size + 1) !== masked(crc32c(bytes, from, from + size + 1))) {
    throw new RangeError(`the block at byte ${from} does not match its checksum`)
  }
}

/** LevelDB stores a checksum rotated and shifted, so that data that holds checksums can be checksummed. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
