import { Level } from 'level'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from './errors.ts'
import {
  createFileDurably,
  PRIVATE_FILE_MODE,
  PRIVATE_FOLDER_MODE,
  syncFolder,
  systemCode,
  writeFileDurably,
} from './files.ts'
import { GENERATED_FILES } from './generated-file.ts'
import { FORMAT, IDENTITY_FILE, parseIdentity, textOf, type Identity } from './identity.ts'
import { findDamage } from './integrity.ts'
import { COMMIT_KEY, META_KEYS, metaOf } from './meta.ts'
import { Witness, WITNESS_FILE, type Reached } from './witness.ts'
import { Writer, type Durability, type StoreLevel } from './writer.ts'

/** The open store. One process has it at a time. */
export interface Database {
  readonly level: StoreLevel
  readonly writer: Writer
  readonly folder: string
  /** Counts the starts, from 1. */
  readonly bootNumber: number
  /** Whether this start made the store. */
  readonly created: boolean
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly durability?: Durability
  /**
   * Puts what belongs beside a new store into its folder. A start that is cut off before it is done is begun again by the
   * next; from then on whatever is missing is missed.
   */
  readonly furnish?: (database: Pick<Database, 'folder' | 'created'>) => Promise<unknown>
  /** Makes what is opened; tests put faults beneath the store with it. */
  readonly makeLevel?: (location: string, options: typeof LEVEL_OPTIONS) => Level
}

/** The folder of LevelDB. */
export const STORE_FOLDER = 'store'

/** Written by Mooring, so that a folder that holds one of them is not new, whatever else it lacks. */
const OWN_FILES = [WITNESS_FILE, ...GENERATED_FILES]

/**
 * Opens the store below `folder`, and makes it when the folder is missing or new.
 *
 * @throws {StorageError} when the store is in use, damaged, incomplete or of a newer format. Never starts as new over
 * old data.
 */
export async function openDatabase(folder: string, options: DatabaseOptions = {}): Promise<Database> {
  await prepareFolder(folder)
  const identity = await identify(folder)
  const store = join(folder, STORE_FOLDER)
  const witnessPath = join(folder, WITNESS_FILE)
  const created = identity.state === 'creating'

  const witness = await openWitness(witnessPath, created)
  try {
    const reached = readWitness(witness, witnessPath)
    if (!created) await refuseDamage(store, reached)
    const level = await openLevel(store, created, reached, options)
    try {
      const meta = await readMeta(level, identity, folder)
      if (!created) refuseLoss(meta, reached, store, witnessPath)

      const bootNumber = meta.boot + 1
      const writer = new Writer({
        level,
        lastCommit: meta.commit,
        commitKey: COMMIT_KEY,
        synced: (commit) => witness.write({ boot: bootNumber, commit, pid: process.pid }),
        mend: async () => {
          await refuseWithoutRoom(folder)
          await level.close()
          await level.open({ createIfMissing: false })
        },
        ...(options.durability === undefined ? {} : { durability: options.durability }),
      })
      await writer.write([
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.format, value: `${FORMAT}` },
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.storeId, value: identity.storeId },
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.boot, value: `${bootNumber}` },
      ])
      if (created) {
        await syncFolder(store)
        await options.furnish?.({ folder, created })
        await writeFileDurably(join(folder, IDENTITY_FILE), textOf({ ...identity, state: 'ready' }))
      }
      return {
        level,
        writer,
        folder,
        bootNumber,
        created,
        close: async () => {
          await writer.close()
          await level.close()
          witness.close()
        },
      }
    } catch (error) {
      await level.close()
      throw error
    }
  } catch (error) {
    witness.close()
    throw error
  }
}

async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE })
    // Also for a folder that was there before: what it will hold is for its owner alone.
    if (((await stat(folder)).mode & 0o777) !== PRIVATE_FOLDER_MODE) await chmod(folder, PRIVATE_FOLDER_MODE)
  } catch (cause) {
    throw new StorageError(
      `The data folder ${folder} cannot be used: ${messageOf(cause)}.`,
      'Give a folder that this user owns, with --data DIR or MOORING_DATA.',
      { cause },
    )
  }
}

async function identify(folder: string): Promise<Identity> {
  const path = join(folder, IDENTITY_FILE)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw unreadable(path, error)
  })
  if (text === undefined) return await startNew(folder, path)

  const identity = parseIdentity(text)
  if (identity === undefined) {
    throw new StorageError(`${path} is damaged: it does not hold format, storeId and state.`, RESTORE)
  }
  if (identity.format > FORMAT) {
    throw new StorageError(
      `${path} says format ${identity.format}; this version of Mooring knows formats up to ${FORMAT}.`,
      'Start the newer version of Mooring that wrote it, or restore a backup made before the upgrade.',
    )
  }
  if (identity.state === 'ready' && !(await readdir(folder)).includes(STORE_FOLDER)) {
    throw new StorageError(`${join(folder, STORE_FOLDER)} is missing, and ${path} says that it was there.`, RESTORE)
  }
  return identity
}

async function startNew(folder: string, path: string): Promise<Identity> {
  const names = await readdir(folder)
  // Made since it was looked for: another process starts here at this moment.
  if (names.includes(IDENTITY_FILE)) return await identify(folder)
  const old = [STORE_FOLDER, ...OWN_FILES].find((name) => names.includes(name))
  if (old !== undefined) {
    throw new StorageError(`${path} is missing, but ${join(folder, old)} is there: the folder is not whole.`, RESTORE)
  }
  const identity: Identity = { format: FORMAT, storeId: randomUUID(), state: 'creating' }
  try {
    await createFileDurably(path, textOf(identity))
    return identity
  } catch (error) {
    // Another process starts in the same folder at this moment, and was first. One of the two will find the store in use.
    if (systemCode(error) === 'EEXIST') return await identify(folder)
    throw error
  }
}

async function openWitness(path: string, created: boolean): Promise<Witness> {
  try {
    if (created) await writeFile(path, '', { flag: 'a', mode: PRIVATE_FILE_MODE })
    return new Witness(path)
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw unreadable(path, cause)
    throw new StorageError(
      `${path} is missing: without it nobody can tell whether the store beside it is the newest.`,
      `${RESTORE} If nothing else was lost, accept the store as it is with: touch ${path}`,
      { cause },
    )
  }
}

function readWitness(witness: Witness, path: string): Reached | undefined {
  const reached = witness.read()
  if (reached !== 'unreadable') return reached
  throw new StorageError(
    `${path} is damaged.`,
    `${RESTORE} If nothing else was lost, accept the store as it is with: truncate -s 0 ${path}`,
  )
}

async function refuseDamage(store: string, reached: Reached | undefined): Promise<void> {
  if ((await damageOf(store)) === undefined) return
  // Another process that writes there now looks like damage to one that only reads along.
  if (await isHeld(store)) throw inUse(store, reached)
  const damage = await damageOf(store)
  if (damage !== undefined) throw damage
}

async function damageOf(store: string): Promise<StorageError | undefined> {
  try {
    const damage = await findDamage(store)
    return damage && new StorageError(`The store is damaged: ${damage.file} ${damage.problem}.`, RESTORE)
  } catch (error) {
    return unreadable(store, error)
  }
}

/** Asks LevelDB for its lock and nothing else: a store that is there is an error to it, one that is not is none of its business. */
export async function isHeld(store: string): Promise<boolean> {
  const level = new Level(store)
  try {
    await level.open({ createIfMissing: false, errorIfExists: true })
    await level.close()
    return false
  } catch (error) {
    return systemCode(causeOf(error)) === 'LEVEL_LOCKED'
  }
}

/**
 * A larger memory table: what is acknowledged soon after it was stored never becomes a file. No compression: what lies in
 * the store is small or encoded already, and it would cost more than writing it does.
 */
export const LEVEL_OPTIONS = { writeBufferSize: 33_554_432, compression: false }

async function openLevel(
  store: string,
  created: boolean,
  reached: Reached | undefined,
  { makeLevel = (location, options) => new Level(location, options) }: DatabaseOptions,
): Promise<StoreLevel> {
  const level: Level = makeLevel(store, LEVEL_OPTIONS)
  try {
    await level.open({ createIfMissing: created })
    return level
  } catch (error) {
    const cause = causeOf(error)
    if (systemCode(cause) === 'LEVEL_LOCKED') throw inUse(store, reached, cause)
    throw new StorageError(`The store ${store} does not open: ${messageOf(cause)}.`, RESTORE, { cause })
  }
}

/** Level wraps what LevelDB said. */
const causeOf = (error: unknown): unknown => (error instanceof Error && error.cause !== undefined ? error.cause : error)

/** What LevelDB needs before it can go on: a new log, and its memory table as a file. */
const ROOM_BYTES = 2 * LEVEL_OPTIONS.writeBufferSize

/**
 * After a failed write LevelDB may have half a record at the end of its log, and would lose what follows it. Opened
 * anew it drops the half record and begins another log; but while the disk is full it would not come up again, and
 * reads are served as long as it is left alone.
 */
async function refuseWithoutRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < ROOM_BYTES) throw new Error(`less than ${ROOM_BYTES} bytes are free in ${folder}`)
  await writeFileDurably(join(folder, 'probe'), '')
  await rm(join(folder, 'probe'))
}

async function readMeta(level: StoreLevel, identity: Identity, folder: string): Promise<Reached> {
  const [format, storeId, boot, commit] = await metaOf(level).getMany([
    META_KEYS.format,
    META_KEYS.storeId,
    META_KEYS.boot,
    META_KEYS.commit,
  ])
  if (identity.state === 'ready' && storeId !== identity.storeId) {
    throw new StorageError(
      `${join(folder, STORE_FOLDER)} and ${join(folder, IDENTITY_FILE)} do not belong together.`,
      storeId === undefined ? `The store has lost its records. ${RESTORE}` : RESTORE,
    )
  }
  if (format !== undefined && Number(format) > FORMAT) {
    throw new StorageError(
      `${join(folder, STORE_FOLDER)} has format ${format}; this version of Mooring knows formats up to ${FORMAT}.`,
      'Start the newer version of Mooring that wrote it, or restore a backup made before the upgrade.',
    )
  }
  return { boot: Number(boot ?? 0), commit: Number(commit ?? 0), pid: 0 }
}

function refuseLoss(meta: Reached, reached: Reached | undefined, store: string, witnessPath: string): void {
  if (reached === undefined || (meta.boot >= reached.boot && meta.commit >= reached.commit)) return
  throw new StorageError(
    `${store} has lost its newest records: it ends at commit ${meta.commit} of start ${meta.boot}, ` +
      `and ${witnessPath} saw commit ${reached.commit} of start ${reached.boot}.`,
    `${RESTORE} To go on without the lost records: truncate -s 0 ${witnessPath}`,
  )
}

const RESTORE = 'Restore the whole data folder from a backup, or start with another folder (--data DIR).'

function inUse(store: string, reached: Reached | undefined, cause?: unknown): StorageError {
  const holder = reached !== undefined && isRunning(reached.pid) ? `process ${reached.pid}` : 'another process'
  return new StorageError(
    `The store ${store} is in use by ${holder}.`,
    'Stop that server first, or start this one with another folder (--data DIR).',
    { cause, code: 'ERR_STORE_IN_USE' },
  )
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

const unreadable = (path: string, cause: unknown): StorageError =>
  new StorageError(
    `${path} cannot be read: ${messageOf(cause)}.`,
    'Start Mooring as the user who owns the data folder, or give that user the folder back (chown -R).',
    { cause },
  )

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
