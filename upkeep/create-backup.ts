import { createHash } from 'node:crypto'
import { readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import {
  chunksOf,
  createFileDurably,
  FORMAT,
  GENERATED_FILES,
  META,
  META_KEYS,
  metaOf,
  systemCode,
  type Database,
  type KeyBounds,
  type StoredRecord,
} from '../storage/index.ts'
import { BACKUP_FORMAT, lineOf, type Header, type KeptFile, type Trailer } from './backup-format.ts'
import { inOrderOfAudit, placeOf, type Counts } from './store-audit.ts'

export interface BackupSummary {
  /** Absolute path. */
  readonly file: string
  readonly createdAt: string
  /** Of the program that wrote it. */
  readonly version: string
  /** Records by kind. */
  readonly records: Counts
  /** Files of the data folder that are in it: whoever has them can register devices. */
  readonly files: readonly string[]
  /** Of its content. */
  readonly sha256: string
}

/** Serving goes before size: more would cost several times the processor for some percent. */
const GZIP_LEVEL = 1

/** Records that are made into lines in one turn of the event loop. */
const PART_ENTRIES = 100
const PART_BYTES = 131_072

type BackedUp = Pick<Database, 'level' | 'folder'>

/**
 * Writes all that the store holds at this moment to `file`, which must not be there yet, and returns once it is on the
 * disk. The store may be written meanwhile; memory holds a part of it at a time.
 *
 * @throws with the code `EEXIST` when the file is there.
 */
export async function createBackup(
  database: BackedUp,
  { file, version }: { file: string; version: string },
): Promise<BackupSummary> {
  const snapshot = database.level.snapshot()
  try {
    const header = await headerOf(database, version, snapshot)
    const files = await keptFiles(database.folder)
    const lines = new BackupLines(header, files, (bounds) => recordsOf(database, bounds, snapshot))
    await createFileDurably(file, (handle) => writeCompressed(lines, handle))
    const { createdAt } = header
    return { file, createdAt, version, files: files.map((kept) => kept.file), ...lines.sum }
  } finally {
    await snapshot.close()
  }
}

type Snapshot = ReturnType<Database['level']['snapshot']>

async function headerOf({ level }: BackedUp, version: string, snapshot: Snapshot): Promise<Header> {
  const [boot, commit] = await metaOf(level).getMany([META_KEYS.boot, META_KEYS.commit], { snapshot })
  return {
    mooring: 'backup',
    format: BACKUP_FORMAT,
    storeFormat: FORMAT,
    version,
    createdAt: new Date().toISOString(),
    boot: Number(boot),
    commit: Number(commit),
  }
}

/** Those that are there: a folder whose settings say the same has none. */
async function keptFiles(folder: string): Promise<KeptFile[]> {
  const files: KeptFile[] = []
  for (const file of GENERATED_FILES) {
    try {
      files.push({ file, text: await readFile(join(folder, file), 'utf8') })
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
  return files
}

async function* recordsOf({ level }: BackedUp, bounds: KeyBounds, snapshot: Snapshot): AsyncGenerator<StoredRecord> {
  // The last is classic-level's own option.
  const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', highWaterMarkBytes: PART_BYTES } as const
  const iterator = level.iterator<Buffer, Buffer>({ ...bounds, ...options, snapshot })
  for await (const entries of chunksOf(iterator, PART_ENTRIES)) yield* entries
}

const writeCompressed = (lines: BackupLines, file: FileHandle): Promise<void> =>
  pipeline(
    Readable.from(inParts(lines.all())),
    createGzip({ level: GZIP_LEVEL }),
    async (compressed: AsyncIterable<Buffer>): Promise<void> => {
      for await (const part of compressed) await file.appendFile(part)
    },
  )

/** Each part is a turn of the thread pool to compress it, so a line of its own would cost more than what is in it. */
async function* inParts(lines: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let part: Buffer[] = []
  let size = 0
  for await (const line of lines) {
    part.push(line)
    size += line.length
    if (size < PART_BYTES) continue
    yield Buffer.concat(part)
    part = []
    size = 0
  }
  yield Buffer.concat(part)
}

/** The lines of a backup, counted and hashed as they go out. */
class BackupLines {
  readonly #header: Header
  readonly #files: readonly KeptFile[]
  readonly #records: (bounds: KeyBounds) => AsyncIterable<StoredRecord>
  readonly #counts = new Map<string, number>()
  readonly #hash = createHash('sha256')
  /** Once all have gone out. */
  sum: Trailer['end'] = { records: {}, sha256: '' }

  constructor(header: Header, files: readonly KeptFile[], records: (bounds: KeyBounds) => AsyncIterable<StoredRecord>) {
    this.#header = header
    this.#files = files
    this.#records = records
  }

  async *all(): AsyncGenerator<Buffer> {
    yield this.#line(this.#header)
    for (const file of this.#files) yield this.#line(file)
    for await (const record of inOrderOfAudit(this.#records)) {
      const { room } = placeOf(record[0])
      // The store that is made of it says its own.
      if (room === META) continue
      this.#counts.set(room, (this.#counts.get(room) ?? 0) + 1)
      yield this.#line(lineOf(record))
    }
    this.sum = { records: Object.fromEntries(this.#counts), sha256: this.#hash.copy().digest('hex') }
    yield this.#line({ end: this.sum })
  }

  #line(value: object): Buffer {
    const line = Buffer.from(`${JSON.stringify(value)}\n`)
    this.#hash.update(line)
    return line
  }
}
