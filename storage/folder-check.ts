import { join } from 'node:path'
import { damageOf, inUse, isRunning } from './condition.ts'
import { readIdentity, STORE_FOLDER } from './data-folder.ts'
import { formatAfter, MIGRATIONS, type Migration } from './migrations.ts'
import { openWitness, readWitness, WITNESS_FILE } from './witness.ts'

/** Whether this version can open a data folder, and what it would do to it first. */
export interface FolderCheck {
  /** Of the folder. */
  readonly format: number
  /** Of this version. */
  readonly newestFormat: number
  /** What would be changed in the store, in words, before it is used. */
  readonly migrations: readonly string[]
}

/**
 * Looks at a data folder without changing it, and without LevelDB, which writes when it only opens.
 *
 * @returns undefined when the folder holds no data of Mooring's.
 * @throws {StorageError} why this version cannot open it. What shows only when the store is open is not looked at.
 */
export async function checkFolder(
  folder: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<FolderCheck | undefined> {
  const newestFormat = formatAfter(migrations)
  const identity = await readIdentity(folder, newestFormat)
  if (identity === undefined) return undefined
  const { format, state } = identity
  // A first start that was cut off is begun again by the next one.
  if (state === 'ready') await refuseUnusable(folder)
  return { format, newestFormat, migrations: migrations.slice(format - 1).map(({ what }) => what) }
}

async function refuseUnusable(folder: string): Promise<void> {
  const path = join(folder, WITNESS_FILE)
  const witness = openWitness(path, 'r')
  try {
    const reached = readWitness(witness, path)
    const damage = await damageOf(join(folder, STORE_FOLDER))
    if (damage === undefined) return
    // A server that writes there now looks like damage to one that only reads along.
    throw reached !== undefined && isRunning(reached.pid) ? inUse(join(folder, STORE_FOLDER), reached) : damage
  } finally {
    witness.close()
  }
}
