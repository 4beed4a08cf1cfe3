import { systemCode } from './files.ts'
import { META_KEYS, metaOf } from './meta.ts'
import { keepBackup } from './migration-backup.ts'
import { StorageError } from './errors.ts'
import type { StoreLevel, WriteOperation } from './writer.ts'

/** One step from a layout of the store to the next. Forward only: the way back is the backup that is made first. */
export interface Migration {
  /** What it changes, in words for an operator. */
  readonly what: string
  /**
   * Each batch is put down whole, with `reached`. After a start that was cut off the next one goes on behind the last
   * `reached` that was put down.
   */
  batches(level: StoreLevel, reached: string | undefined): AsyncIterable<MigrationBatch>
}

export interface MigrationBatch {
  readonly operations: readonly WriteOperation[]
  readonly reached: string
}

/** In order: the first leads from format 1 to format 2. */
export const MIGRATIONS: readonly Migration[] = []

/** The layout of the data folder that a program with these migrations reads and writes. */
export const formatAfter = (migrations: readonly Migration[]): number => 1 + migrations.length

/** What a migration did, for the log. */
export interface Migrated {
  readonly from: number
  readonly to: number
  /** Holds the data folder as it was. */
  readonly backup: string
}

/**
 * Brings the open store from the format it has to the newest, after it was copied.
 *
 * @param announce - is called when the backup is there and nothing has changed: from then on older versions must not
 * open the folder.
 * @throws {StorageError} when the backup cannot be made. A migration that fails is begun again, where it was, by the
 * next start.
 */
export async function migrate(
  level: StoreLevel,
  from: number,
  parts: { readonly folder: string; readonly migrations: readonly Migration[]; readonly announce: () => Promise<void> },
): Promise<Migrated> {
  const { folder, migrations, announce } = parts
  const backup = await backUp(level, folder, from)
  await announce()
  for (const [index, migration] of migrations.entries()) {
    const to = index + 2
    if (to > from) await carryOut(level, migration, to)
  }
  return { from, to: formatAfter(migrations), backup }
}

async function carryOut(level: StoreLevel, migration: Migration, to: number): Promise<void> {
  const meta = metaOf(level)
  // Abstract-level types only what every database knows; `sync` is LevelDB's own.
  const durably: object = { sync: true }
  const reached = await meta.get(META_KEYS.migration)
  for await (const batch of migration.batches(level, reached)) {
    const mark: WriteOperation = { type: 'put', sublevel: meta, key: META_KEYS.migration, value: batch.reached }
    await level.batch([...batch.operations, mark], durably)
  }
  await level.batch(
    [
      { type: 'put', sublevel: meta, key: META_KEYS.format, value: `${to}` },
      { type: 'del', sublevel: meta, key: META_KEYS.migration },
    ],
    durably,
  )
}

async function backUp(level: StoreLevel, folder: string, format: number): Promise<string> {
  try {
    return await keepBackup(level, folder, format)
  } catch (cause) {
    throw new StorageError(
      `The store has format ${format} and must be brought to a newer one, but the backup that is made first cannot be ` +
        `written: ${systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause))}.`,
      `Nothing was changed. Make as much room below ${folder} as the store takes, and start again.`,
      { cause },
    )
  }
}
