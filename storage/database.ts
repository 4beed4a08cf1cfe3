import { Level } from 'level'
import { chmod, mkdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { causeOf, damageOf, inUse, isHeld } from './condition.ts'
import { messageOf, RESTORE, StorageError } from './errors.ts'
import { PRIVATE_FOLDER_MODE, syncFolder, systemCode, writeFileDurably } from './files.ts'
import { identify, newerFormat, STORE_FOLDER, writeIdentity } from './data-folder.ts'
import { IDENTITY_FILE, type Identity } from './identity.ts'
import { COMMIT_KEY, META_KEYS, metaOf } from './meta.ts'
import { formatAfter, migrate, MIGRATIONS, type Migrated, type Migration } from './migrations.ts'
import { createWitness, openWitness, readWitness, WITNESS_FILE, type Reached } from './witness.ts'
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
  /** How an older store becomes a new one. @defaultValue those of this version */
  readonly migrations?: readonly Migration[]
  /** Hears that the store was brought to a newer format. */
  readonly onMigrated?: (migrated: Migrated) => void
}

/**
 * Opens the store below `folder`, and makes it when the folder is missing or new.
 *
 * @throws {StorageError} when the store is in use, damaged, incomplete or of a newer format. Never starts as new over
 * old data.
 */
export async function openDatabase(folder: string, options: DatabaseOptions = {}): Promise<Database> {
  const { migrations = MIGRATIONS } = options
  const newest = formatAfter(migrations)
  await prepareFolder(folder)
  const identity = await identify(folder, newest)
  const store = join(folder, STORE_FOLDER)
  const witnessPath = join(folder, WITNESS_FILE)
  const created = identity.state === 'creating'

  if (created) await createWitness(witnessPath)
  const witness = openWitness(witnessPath)
  try {
    const reached = readWitness(witness, witnessPath)
    if (!created) await refuseDamage(store, reached)
    const level = await openLevel(store, created, reached, options)
    try {
      const meta = await readMeta(level, identity, folder, newest)
      if (!created) refuseLoss(meta, reached, store, witnessPath)
      if (!created && meta.format < newest) {
        const announce = () => writeIdentity(folder, { ...identity, format: newest })
        const migrated = await migrate(level, meta.format, { folder, migrations, announce })
        options.onMigrated?.(migrated)
      }

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
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.format, value: `${newest}` },
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.storeId, value: identity.storeId },
        { type: 'put', sublevel: metaOf(level), key: META_KEYS.boot, value: `${bootNumber}` },
      ])
      if (created) {
        await syncFolder(store)
        await options.furnish?.({ folder, created })
        await writeIdentity(folder, { ...identity, format: newest, state: 'ready' })
      }
      return {
        level,
        writer,
        folder,
        bootNumber,
        created,
        close: async () => {
          await writer.close()
          await emptyLog(level)
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

async function refuseDamage(store: string, reached: Reached | undefined): Promise<void> {
  if ((await damageOf(store)) === undefined) return
  // Another process that writes there now looks like damage to one that only reads along.
  if (await isHeld(store)) throw inUse(store, reached)
  const damage = await damageOf(store)
  if (damage !== undefined) throw damage
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
  // Every room hears when it was opened anew, and there are more of them than Node's guess of a leak.
  level.setMaxListeners(0)
  try {
    await level.open({ createIfMissing: created })
    return level
  } catch (error) {
    const cause = causeOf(error)
    if (systemCode(cause) === 'LEVEL_LOCKED') throw inUse(store, reached, cause)
    throw new StorageError(`The store ${store} does not open: ${messageOf(cause)}.`, RESTORE, { cause })
  }
}

interface Compacting {
  compactRange(start: string, end: string): Promise<void>
  getProperty(name: 'leveldb.stats'): string
}

const isCompacting = (level: object): level is Compacting => 'compactRange' in level

/** Two full memory tables, in megabytes as LevelDB counts them. */
const MUCH_UNSORTED = 64

/**
 * Makes a table of what stands in the log alone, which the next start would do else, before it could do anything. LevelDB
 * does that first when it is asked to compact, and no key is in this range. But it then waits for the compaction that is
 * under way, which a close would break off: after much was written that is more than a slow disk can do in the time of a
 * stop, and reading the log is cheaper.
 */
async function emptyLog(level: StoreLevel): Promise<void> {
  if (level.status !== 'open' || !isCompacting(level) || unsortedOf(level) >= MUCH_UNSORTED) return
  // Nothing is lost when it fails: the log stays, and is read at the next start.
  await level.compactRange('', '').catch(() => {})
}

/** How many megabytes wait to be sorted in: the size of level 0, in the third column. Source: LevelDB db/db_impl.cc. */
function unsortedOf(level: Compacting): number {
  const [, megabytes = '0'] = /^ *0 +\d+ +(\d+) /m.exec(level.getProperty('leveldb.stats')) ?? []
  return Number(megabytes)
}

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

async function readMeta(
  level: StoreLevel,
  identity: Identity,
  folder: string,
  newest: number,
): Promise<Reached & { readonly format: number }> {
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
  if (format !== undefined && Number(format) > newest) {
    throw newerFormat(`${join(folder, STORE_FOLDER)} has format ${format}`, newest)
  }
  return { format: Number(format ?? 1), boot: Number(boot ?? 0), commit: Number(commit ?? 0), pid: 0 }
}

function refuseLoss(meta: Reached, reached: Reached | undefined, store: string, witnessPath: string): void {
  if (reached === undefined || (meta.boot >= reached.boot && meta.commit >= reached.commit)) return
  throw new StorageError(
    `${store} has lost its newest records: it ends at commit ${meta.commit} of start ${meta.boot}, ` +
      `and ${witnessPath} saw commit ${reached.commit} of start ${reached.boot}.`,
    `${RESTORE} To go on without the lost records: truncate -s 0 ${witnessPath}`,
  )
}
