import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  filterProblem,
  findMissingLog,
  findMissingTables,
  logNumberOf,
  MANIFEST,
  readCurrent,
  readManifest,
  tableNumberOf,
  tableProblemOf,
  type Damage,
} from './integrity.ts'
import { readLog } from './log-batches.ts'
import type { Version } from './manifest.ts'
import { MergedEntries, type EntrySource } from './merged-entries.ts'
import {
  BLOCK_TRAILER_BYTES,
  blocksOf,
  entriesOf,
  findBlocks,
  inOrder,
  readBlock,
  type BlockPlace,
  type Entry,
} from './table.ts'

/** From `gte` on, and below `lt`. */
export interface KeyBounds {
  readonly gte?: Buffer
  readonly lt?: Buffer
}

export type StoredRecord = readonly [key: Buffer, value: Buffer]

/** About how much of a table is in memory at a time. */
const READ_BYTES = 262_144

/**
 * Reads a store that nobody has open without LevelDB, so that nothing is changed, every checksum is looked at, and what
 * lies beside a damage is still read. Memory holds the places of the blocks and the logs, which are small.
 *
 * Where a damage took the newest version of a record an older one may show, and one that was deleted may be back.
 */
export class SalvagedStore {
  /** Every file that is missing or damaged, and what was lost with it where that is known. */
  readonly damages: readonly Damage[]
  readonly #tables: readonly TablePlaces[]
  readonly #logged: readonly Entry[]

  private constructor(damages: readonly Damage[], tables: readonly TablePlaces[], logged: readonly Entry[]) {
    this.damages = damages
    this.#tables = tables
    this.#logged = logged
  }

  static async open(store: string): Promise<SalvagedStore> {
    const names = (await readdir(store)).toSorted()
    const { version, damages } = await readVersion(store, names)
    const tables: TablePlaces[] = []
    const logged: Entry[] = []
    for (const name of names) {
      const file = join(store, name)
      if (isTable(name, version)) tables.push(await placesIn(file, version, damages))
      if (isLog(name, version)) {
        const { entries, damagedAt } = readLog(await readFile(file))
        for (const entry of entries) logged.push(entry)
        damages.push(...damagedAt.map((at) => ({ file, problem: `holds a damaged record at byte ${at}` })))
      }
    }
    return new SalvagedStore(damages, tables, logged.toSorted(inOrder))
  }

  /** The newest version of each record that can be read, in the order of the keys. */
  async *records(bounds: KeyBounds = {}): AsyncGenerator<StoredRecord> {
    const sources = this.#tables.map((table) => entriesOfTable(table, bounds))
    const entries = new MergedEntries([...sources, this.#entriesLogged(bounds)])
    let previous: Buffer | undefined
    for (let entry = await entries.next(); entry !== undefined; entry = await entries.next()) {
      if (bounds.lt !== undefined && entry.key.compare(bounds.lt) >= 0) return
      const isNewest = previous === undefined || !previous.equals(entry.key)
      previous = entry.key
      if (!isNewest || entry.value === undefined) continue
      if (bounds.gte === undefined || entry.key.compare(bounds.gte) >= 0) yield [entry.key, entry.value]
    }
  }

  async *#entriesLogged({ gte }: KeyBounds): EntrySource {
    yield gte === undefined ? this.#logged : this.#logged.filter(({ key }) => key.compare(gte) >= 0)
  }
}

/** What belongs to the store; undefined when nothing says so, and everything that lies there has to be taken. */
async function readVersion(
  store: string,
  names: readonly string[],
): Promise<{ version: Version | undefined; damages: Damage[] }> {
  const damages: Damage[] = []
  const current = await readCurrent(store, names)
  if ('problem' in current) damages.push(current)
  // Without CURRENT the newest manifest is the one that it named: LevelDB keeps no other for long.
  const manifest = 'manifest' in current ? current.manifest : names.findLast((name) => MANIFEST.test(name))
  if (manifest === undefined) return { version: undefined, damages }
  const version = await readManifest(join(store, manifest))
  if ('problem' in version) return { version: undefined, damages: [...damages, version] }
  const log = findMissingLog(store, names, version)
  const missing = [...findMissingTables(store, names, version), ...(log === undefined ? [] : [log])]
  // A manifest that lost its end names files that are gone, and does not name those that came after them.
  return { version: missing.length === 0 ? version : undefined, damages: [...damages, ...missing] }
}

function isTable(name: string, version: Version | undefined): boolean {
  const number = tableNumberOf(name)
  return number !== undefined && (version === undefined || version.tables.has(number))
}

function isLog(name: string, version: Version | undefined): boolean {
  const number = logNumberOf(name)
  return number !== undefined && number >= (version?.logNumber ?? 0)
}

interface TablePlaces {
  readonly file: string
  readonly blocks: readonly BlockPlace[]
}

/** Where the sound blocks of a table are. The others are put to the damages. */
async function placesIn(file: string, version: Version | undefined, damages: Damage[]): Promise<TablePlaces> {
  const table = await readFile(file)
  const all = version?.tables.get(tableNumberOf(file.slice(file.lastIndexOf('/') + 1)) ?? -1)
  let places: BlockPlace[]
  try {
    places = blocksOf(table)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const blocks = findBlocks(table)
    const from = blocks.at(-1)?.last ?? all?.from
    const lost = from === undefined || all === undefined ? {} : { lost: { from, to: all.to } }
    damages.push({ file, problem: tableProblemOf(error), ...lost })
    return { file, blocks }
  }
  const blocks: BlockPlace[] = []
  let before = all?.from ?? Buffer.alloc(0)
  for (const place of places) {
    try {
      entriesOf(readBlock(table, place.from, place.size))
      blocks.push(place)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      damages.push({ file, problem: tableProblemOf(error), lost: { from: before, to: place.last } })
    }
    before = place.last
  }
  // No record is lost with one.
  const problem = filterProblem(table)
  if (problem !== undefined) damages.push({ file, problem })
  return { file, blocks }
}

async function* entriesOfTable({ file, blocks }: TablePlaces, { gte, lt }: KeyBounds): EntrySource {
  const first = gte === undefined ? 0 : blocks.findIndex(({ last }) => last.compare(gte) >= 0)
  if (first === -1) return
  let previous: Buffer | undefined
  for (const run of runsOf(blocks.slice(first))) {
    if (lt !== undefined && previous !== undefined && previous.compare(lt) >= 0) return
    const start = run[0]?.from ?? 0
    const bytes = await readPart(file, start, endOf(run.at(-1)) - start)
    for (const { from, size, last } of run) {
      yield entriesOf(readBlock(bytes, from - start, size))
      previous = last
    }
  }
}

const endOf = (place: BlockPlace | undefined): number =>
  place === undefined ? 0 : place.from + place.size + BLOCK_TRAILER_BYTES

/** Blocks that are read together. */
function* runsOf(blocks: readonly BlockPlace[]): Generator<BlockPlace[]> {
  let run: BlockPlace[] = []
  for (const block of blocks) {
    const [first] = run
    if (first !== undefined && endOf(block) - first.from > READ_BYTES) {
      yield run
      run = []
    }
    run.push(block)
  }
  if (run.length > 0) yield run
}

async function readPart(path: string, from: number, size: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
