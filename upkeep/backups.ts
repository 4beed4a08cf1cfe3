import { mkdir, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { RegistryError, type RegistryErrorCode } from '../registry/index.ts'
import { META_KEYS, metaOf, PRIVATE_FOLDER_MODE, systemCode, type Database } from '../storage/index.ts'
import { createBackup, type BackupSummary } from './create-backup.ts'

/** Below the data folder: where backups go when nobody says where. */
const FOLDER = 'backups'

/** The backups of an open store: one at a time, and when the last was made. */
export class Backups {
  readonly #database: Database
  readonly #version: string
  #running = false
  #lastSuccess: Date | undefined

  private constructor(database: Database, version: string, lastSuccess: Date | undefined) {
    this.#database = database
    this.#version = version
    this.#lastSuccess = lastSuccess
  }

  /** @param version - of the program, which backups say. */
  static async open(database: Database, version: string): Promise<Backups> {
    const last = await metaOf(database.level).get(META_KEYS.lastBackup)
    return new Backups(database, version, last === undefined ? undefined : new Date(last))
  }

  /** When the last backup was made that is whole, by any start of this store. */
  get lastSuccess(): Date | undefined {
    return this.#lastSuccess
  }

  /**
   * @param to - a file that is not there yet, or a folder, in which it gets a name of its own.
   * @throws {RegistryError} `ERR_BUSY` while another one is made, `ERR_CONFLICT` when the file is there,
   * `ERR_INPUT_INVALID` when it cannot be there, `ERR_STORE_UNAVAILABLE` when the disk does not take it.
   */
  async create(to: string | undefined): Promise<BackupSummary> {
    if (this.#running) throw new RegistryError('ERR_BUSY', 'Another backup is being made.')
    this.#running = true
    try {
      const file = await this.#fileFor(to)
      const summary = await createBackup(this.#database, { file, version: this.#version })
      await this.#noteSuccess(summary.createdAt)
      return summary
    } catch (error) {
      throw refusalOf(error, to) ?? error
    } finally {
      this.#running = false
    }
  }

  async #fileFor(to: string | undefined): Promise<string> {
    if (to === undefined) {
      const folder = join(this.#database.folder, FOLDER)
      await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE })
      return join(folder, nameNow())
    }
    if (!isAbsolute(to)) throw new RegistryError('ERR_INPUT_INVALID', `${to} is not an absolute path.`)
    const isFolder = await stat(to).then(
      (found) => found.isDirectory(),
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return false
        throw error
      },
    )
    return isFolder ? join(to, nameNow()) : to
  }

  /** The backup is good whether this can be written or not. */
  async #noteSuccess(createdAt: string): Promise<void> {
    this.#lastSuccess = new Date(createdAt)
    const { level, writer } = this.#database
    await writer
      .write([{ type: 'put', sublevel: metaOf(level), key: META_KEYS.lastBackup, value: createdAt }])
      .catch(() => {})
  }
}

/** `mooring-20261124T154500Z.jsonl.gz`: names sort by time. */
const nameNow = (): string => `mooring-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}.jsonl.gz`

const NO_ROOM = ['ERR_STORE_UNAVAILABLE', 'the disk does not take it'] as const
const CLOSED = ['ERR_INPUT_INVALID', 'the user that runs this may not write there'] as const
const NO_FOLDER = ['ERR_INPUT_INVALID', 'the folder that it is to be in is not there'] as const

const refusals: Readonly<Record<string, readonly [code: RegistryErrorCode, why: string]>> = {
  EEXIST: ['ERR_CONFLICT', 'it is there already'],
  ENOENT: NO_FOLDER,
  ENOTDIR: NO_FOLDER,
  EACCES: CLOSED,
  EPERM: CLOSED,
  EROFS: CLOSED,
  ENOSPC: NO_ROOM,
  EDQUOT: NO_ROOM,
  EIO: NO_ROOM,
}

function refusalOf(error: unknown, to: string | undefined): RegistryError | undefined {
  const refusal = refusals[systemCode(error) ?? '']
  if (refusal === undefined) return undefined
  const [code, why] = refusal
  const what = to === undefined ? 'The backup' : `The backup ${to}`
  return new RegistryError(code, `${what} cannot be written: ${why}.`, { cause: error })
}
