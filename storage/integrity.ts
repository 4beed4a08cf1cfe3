import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './files.ts'
import { blockEndOf, endOfRecord, HEADER_BYTES, nextRecordAt } from './log-format.ts'
import { versionOf, type KeyRange, type Version } from './manifest.ts'
import { readAhead } from './read-ahead.ts'
import { blocksOf, filtersOf, NOT_A_TABLE, readBlock } from './table.ts'

/** A file of the store that is missing or does not hold what was written, and how that shows. */
export interface Damage {
  readonly file: string
  readonly problem: string
  /** Between which keys records are lost, where that is known. */
  readonly lost?: KeyRange
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
  const current = await readCurrent(store, names)
  if ('problem' in current) return current
  const version = await readManifest(join(store, current.manifest))
  if ('problem' in version) return version
  const missing = findMissingTables(store, names, version)[0] ?? findSkippedLog(store, names, version)
  return missing ?? (await findDamagedFile(store, names, version))
}

/** The name of the manifest that counts. */
export async function readCurrent(store: string, names: readonly string[]): Promise<{ manifest: string } | Damage> {
  const file = join(store, 'CURRENT')
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return { file, problem: 'is missing' }
  const manifest = text.trimEnd()
  if (!MANIFEST.test(manifest)) return { file, problem: 'does not name a manifest' }
  if (!names.includes(manifest)) return { file: join(store, manifest), problem: 'is missing, and CURRENT names it' }
  return { manifest }
}

export const MANIFEST = /^MANIFEST-\d+$/

export async function readManifest(file: string): Promise<Version | Damage> {
  const bytes = await readFile(file)
  if (bytes.length === 0) return { file, problem: 'is empty' }
  const problem = logProblem(bytes, true)
  if (problem !== undefined) return { file, problem }
  try {
    return versionOf(bytes)
  } catch (error) {
    if (error instanceof RangeError) return { file, problem: `is damaged: ${error.message}` }
    throw error
  }
}

/** The number of a table, or undefined when the file is something else. */
export function tableNumberOf(name: string): number | undefined {
  const [, number] = /^(\d+)\.(?:ldb|sst)$/.exec(name) ?? []
  return number === undefined ? undefined : Number(number)
}

export function findMissingTables(store: string, names: readonly string[], { tables }: Version): Damage[] {
  const there = new Set(names.map(tableNumberOf))
  return Array.from(tables)
    .filter(([number]) => !there.has(number))
    .map(([number, lost]) => ({
      file: join(store, `${String(number).padStart(6, '0')}.ldb`),
      problem: 'is missing, and the manifest names it',
      lost,
    }))
}

/**
 * The log from which LevelDB goes on, when it is missing. It is there as long as the manifest names it; a manifest that
 * was cut names one that was done with long ago.
 */
export function findMissingLog(store: string, names: readonly string[], { logNumber }: Version): Damage | undefined {
  if (logNumber === 0 || names.some((name) => logNumberOf(name) === logNumber)) return undefined
  const file = join(store, `${String(logNumber).padStart(6, '0')}.log`)
  return { file, problem: 'is missing, and the manifest names it' }
}

/** LevelDB would go on with the next one. When there is none, the witness knows what was lost. */
function findSkippedLog(store: string, names: readonly string[], version: Version): Damage | undefined {
  const later = names.some((name) => (logNumberOf(name) ?? 0) > version.logNumber)
  return later ? findMissingLog(store, names, version) : undefined
}

export function logNumberOf(name: string): number | undefined {
  const [, number] = /^(\d+)\.log$/.exec(name) ?? []
  return number === undefined ? undefined : Number(number)
}

async function findDamagedFile(store: string, names: readonly string[], version: Version): Promise<Damage | undefined> {
  const files = names.toSorted().flatMap((name) => {
    const check = checkOf(name, version)
    return check === undefined ? [] : { path: join(store, name), check }
  })
  for await (const { path, check, bytes } of readAhead(files)) {
    const problem = check(bytes)
    if (problem !== undefined) return { file: path, problem }
  }
  return undefined
}

function checkOf(name: string, { tables }: Version): ((bytes: Buffer) => string | undefined) | undefined {
  if (name.endsWith('.log')) return (bytes) => logProblem(bytes, false)
  const number = tableNumberOf(name)
  return number !== undefined && tables.has(number) ? tableProblem : undefined
}

/**
 * A record that ends the file and is not whole was being written when the process or the machine died, which is no
 * damage: whoever waited for it got no answer. One that is followed by others was whole once. With `strict` only a
 * record that the file's end cuts off is let pass.
 */
function logProblem(bytes: Buffer, strict: boolean): string | undefined {
  let broken: number | undefined
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = endOfRecord(bytes, at)
    if (end === undefined) broken ??= at
    const fits = at + HEADER_BYTES + bytes.readUInt16LE(at + 4) <= bytes.length
    if (broken !== undefined && (end !== undefined || (strict && fits))) {
      return `holds a damaged record at byte ${broken}`
    }
    at = nextRecordAt(end ?? blockEndOf(bytes, at))
  }
  return undefined
}

function tableProblem(bytes: Buffer): string | undefined {
  try {
    for (const { from, size } of blocksOf(bytes)) readBlock(bytes, from, size)
  } catch (error) {
    if (error instanceof RangeError) return tableProblemOf(error)
    throw error
  }
  return filterProblem(bytes)
}

/** @param table - one whose index can be read. */
export function filterProblem(table: Buffer): string | undefined {
  try {
    for (const { from, size } of filtersOf(table)) readBlock(table, from, size)
  } catch (error) {
    if (error instanceof RangeError) return tableProblemOf(error)
    throw error
  }
  return undefined
}

export const tableProblemOf = ({ message }: RangeError): string =>
  message === NOT_A_TABLE ? message : `is damaged: ${message}`
