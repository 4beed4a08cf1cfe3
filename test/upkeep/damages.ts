import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Something that happens to a data folder, and how it is told. */
export interface Damaging {
  readonly name: string
  readonly damage: (folder: string) => Promise<unknown>
  /** A damage that must be named: the end of its file, and what is wrong with it. */
  readonly says: { readonly file: RegExp; readonly problem: RegExp }
  /** Whether every record can be read all the same. */
  readonly harmless: boolean
}

export async function storeFile(folder: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(join(folder, 'store'))).toSorted().find((one) => pattern.test(one))
  assert.ok(name !== undefined, `a file like ${pattern} is there`)
  return join(folder, 'store', name)
}

export async function flip(file: string, part: number): Promise<void> {
  const bytes = await readFile(file)
  const at = Math.floor(bytes.length * part)
  bytes[at] = (bytes[at] ?? 0) ^ 0x08
  await writeFile(file, bytes)
}

async function halve(file: string): Promise<void> {
  await truncate(file, Math.floor((await stat(file)).size / 2))
}

const ways = {
  missing: (file: string) => rm(file),
  emptied: (file: string) => truncate(file, 0),
  cut: halve,
  'changed by a bit': (file: string) => flip(file, 0.4),
}
type Way = keyof typeof ways

interface DamagedFile {
  readonly file: string
  readonly find: (folder: string) => Promise<string>
  readonly harmless: boolean
  readonly says: Readonly<Record<Way, readonly [file: RegExp, problem: RegExp]>>
}

const inFolder = (name: string) => async (folder: string) => join(folder, name)
const inStore = (pattern: RegExp) => (folder: string) => storeFile(folder, pattern)

const lostNewest = [/store$/, /has lost its newest records: it ends at commit \d+ of start \d/] as const
const unlikeIdentity = [/mooring\.json$/, /does not hold format, storeId and state/] as const

const files: readonly DamagedFile[] = [
  {
    file: 'CURRENT',
    find: inStore(/^CURRENT$/),
    harmless: true,
    says: {
      missing: [/CURRENT$/, /is missing/],
      emptied: [/CURRENT$/, /does not name a manifest/],
      cut: [/CURRENT$/, /does not name a manifest/],
      'changed by a bit': [/CURRENT$/, /does not name a manifest/],
    },
  },
  {
    file: 'the manifest',
    find: inStore(/^MANIFEST/),
    harmless: true,
    says: {
      missing: [/MANIFEST-\d+$/, /is missing, and CURRENT names it/],
      emptied: [/MANIFEST-\d+$/, /is empty/],
      // What is whole of it tells of an older store.
      cut: [/MANIFEST-\d+$/, /is damaged: it ends before it names a log/],
      'changed by a bit': [/MANIFEST-\d+$/, /holds a damaged record at byte \d+/],
    },
  },
  {
    file: 'the log',
    find: inStore(/\.log$/),
    harmless: false,
    says: {
      missing: [/\.log$/, /is missing, and the manifest names it/],
      emptied: lostNewest,
      cut: lostNewest,
      'changed by a bit': [/\.log$/, /holds a damaged record at byte \d+/],
    },
  },
  {
    file: 'a table',
    find: inStore(/\.ldb$/),
    harmless: false,
    says: {
      missing: [/\.ldb$/, /is missing, and the manifest names it/],
      emptied: [/\.ldb$/, /is cut short or is not a table/],
      cut: [/\.ldb$/, /is cut short or is not a table/],
      'changed by a bit': [/\.ldb$/, /is damaged: the block at byte \d+ does not match its checksum/],
    },
  },
  {
    file: 'mooring.json',
    find: inFolder('mooring.json'),
    harmless: true,
    says: {
      missing: [/mooring\.json$/, /is missing/],
      emptied: unlikeIdentity,
      cut: unlikeIdentity,
      'changed by a bit': [/store$/, /do not belong together/],
    },
  },
  {
    file: 'the witness',
    find: inFolder('witness'),
    harmless: true,
    says: {
      missing: [/witness$/, /is missing: nobody can tell whether the store is the newest/],
      // The way in which an operator accepts the store as it is.
      emptied: [/^$/, /^$/],
      cut: [/witness$/, /is damaged/],
      'changed by a bit': [/witness$/, /is damaged/],
    },
  },
]

/** Each file in each way. */
export const damagings: readonly Damaging[] = files.flatMap(({ file, find, harmless, says }) =>
  Object.entries(ways)
    .map(([way, harm]) => ({
      name: `${file} ${way}`,
      damage: async (folder: string) => harm(await find(folder)),
      says: { file: says[way as Way][0], problem: says[way as Way][1] },
      harmless,
    }))
    .filter(({ name }) => name !== 'the witness emptied'),
)
