import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { FORMAT, GENERATED_FILES, StorageError, systemCode, type StoredRecord } from '../storage/index.ts'
import {
  BACKUP_FORMAT,
  fileIn,
  headerIn,
  isHeader,
  recordIn,
  trailerIn,
  type Header,
  type KeptFile,
} from './backup-format.ts'
import type { BackupSummary } from './create-backup.ts'
import { StoreAudit } from './store-audit.ts'

/** Longer than any record, and shorter than the longest text that there can be. */
const MAX_LINE_BYTES = 256 * 1024 * 1024

const LINE_FEED = 10

/** A backup that is read once, from its beginning to its end. */
export class BackupReader {
  readonly #file: string
  readonly #hash = createHash('sha256')
  /** What it holds, to be held against each other. Without a file that was read to the end it says nothing. */
  readonly audit = new StoreAudit()
  readonly files: KeptFile[] = []
  #header: Header | undefined
  #sum: BackupSummary | undefined
  #lines = 0

  constructor(file: string) {
    this.#file = file
  }

  get header(): Header {
    if (this.#header === undefined) throw this.#damaged('is no backup of Mooring')
    return this.#header
  }

  /** Once every record was read. */
  get summary(): BackupSummary {
    if (this.#sum === undefined) throw this.#damaged('is cut short: its last line is missing')
    return this.#sum
  }

  /**
   * Its records. What comes out before the end may be of a file that turns out to be damaged.
   *
   * @throws {StorageError} when it is cut short, damaged, of a newer version or no backup at all.
   */
  async *records(): AsyncGenerator<StoredRecord> {
    for await (const line of this.#linesOf()) {
      const record = this.#take(line)
      if (record !== undefined) yield record
    }
    this.audit.conclude()
    // Whether there was an end.
    void this.summary
  }

  async *#linesOf(): AsyncGenerator<Buffer> {
    const content = createReadStream(this.#file).on('error', (error) => gunzip.destroy(error))
    const gunzip = content.pipe(createGunzip())
    let begun: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of gunzip as AsyncIterable<Buffer>) {
        let from = 0
        for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
          yield Buffer.concat([...begun, chunk.subarray(from, end + 1)])
          begun = []
          size = 0
          from = end + 1
        }
        begun.push(chunk.subarray(from))
        size += chunk.length - from
        if (size > MAX_LINE_BYTES) throw this.#damaged('holds a line without end')
      }
    } catch (error) {
      throw this.#named(error)
    } finally {
      content.destroy()
    }
    if (size > 0) throw this.#damaged('is cut short')
  }

  #take(line: Buffer): StoredRecord | undefined {
    this.#lines += 1
    if (this.#sum !== undefined) throw this.#damaged('goes on behind its last line')
    const value = this.#parse(line)
    const end = trailerIn(value)
    if (end !== undefined) return this.#end(end)
    this.#hash.update(line)
    if (this.#header === undefined) return this.#begin(value)
    const file = fileIn(value)
    if (file !== undefined) return this.#keep(file)
    const record = recordIn(value)
    if (record === undefined) throw this.#damaged(`holds something else than a record in line ${this.#lines}`)
    this.audit.see(record)
    return record
  }

  #parse(line: Buffer): Record<string, unknown> {
    try {
      return Object(JSON.parse(line.toString()))
    } catch {
      throw this.#damaged(this.#header === undefined ? 'is no backup of Mooring' : `is damaged in line ${this.#lines}`)
    }
  }

  #begin(value: Record<string, unknown>): undefined {
    if (!isHeader(value)) throw this.#damaged('is no backup of Mooring')
    const header = headerIn(value)
    if (header === undefined) throw this.#damaged('is damaged in its first line')
    if (header.format > BACKUP_FORMAT || header.storeFormat > FORMAT) {
      throw new StorageError(
        `${this.#file} was made by Mooring ${header.version}, which is newer than this one.`,
        'Use that version or a later one.',
        { code: 'ERR_BACKUP_UNUSABLE' },
      )
    }
    this.#header = header
  }

  #keep(file: KeptFile): undefined {
    const known: readonly string[] = GENERATED_FILES
    // What is written under a name from outside could be written anywhere.
    if (!known.includes(file.file)) throw this.#damaged(`holds a file of another name: ${JSON.stringify(file.file)}`)
    this.files.push(file)
  }

  #end({ records, sha256 }: Pick<BackupSummary, 'records' | 'sha256'>): undefined {
    const { createdAt, version } = this.header
    if (this.#hash.digest('hex') !== sha256) throw this.#damaged('does not match its checksum')
    const { counts } = this.audit
    for (const room of new Set([...Object.keys(records), ...Object.keys(counts)])) {
      if (records[room] === counts[room]) continue
      throw this.#damaged(`should hold ${records[room] ?? 0} of ${room}, and holds ${counts[room] ?? 0}`)
    }
    this.#sum = { file: this.#file, createdAt, version, records, files: this.files.map(({ file }) => file), sha256 }
  }

  #named(error: unknown): unknown {
    if (error instanceof StorageError) return error
    const code = systemCode(error)
    if (code === 'Z_BUF_ERROR') return this.#damaged('is cut short')
    if (code === 'Z_DATA_ERROR') {
      return this.#damaged(
        this.#header === undefined ? 'is no backup of Mooring' : `is damaged behind line ${this.#lines}`,
      )
    }
    const reason = error instanceof Error ? error.message : String(error)
    return new StorageError(`${this.#file} cannot be read: ${reason}.`, 'Look at its name and at who may read it.', {
      cause: error,
      code: 'ERR_BACKUP_UNUSABLE',
    })
  }

  #damaged(problem: string): StorageError {
    return new StorageError(`${this.#file} ${problem}.`, 'Take another backup.', { code: 'ERR_BACKUP_UNUSABLE' })
  }
}

/** What a backup holds that was read and checked to its end. */
export interface VerifiedBackup extends BackupSummary {
  readonly sound: boolean
  /** Records that go with no other: so it was in the store that it was made of. */
  readonly faults: StoreAudit['faults']
}

/** @throws {StorageError} when it is not whole. */
export async function verifyBackup(file: string): Promise<VerifiedBackup> {
  const reader = new BackupReader(file)
  // The reader looks at each.
  for await (const _ of reader.records());
  const { faults } = reader.audit
  return { ...reader.summary, sound: faults.length === 0, faults }
}
