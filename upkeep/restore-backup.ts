import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  buildStore,
  FORMAT,
  IDENTITY_FILE,
  PRIVATE_FOLDER_MODE,
  STORE_FOLDER,
  StorageError,
  syncFolder,
  systemCode,
  textOf,
  WITNESS_FILE,
  witnessText,
  writeFileDurably,
} from '../storage/index.ts'
import { BackupReader, type VerifiedBackup } from './read-backup.ts'

export interface RestoredFolder extends VerifiedBackup {
  readonly data: string
}

/**
 * Makes the data folder `folder` of a backup. It is made beside, and gets its name when all of it is on the disk: whatever
 * happens before, there is no folder of that name that a server would take for one.
 *
 * @throws {StorageError} when the folder holds something, or the backup is not whole.
 */
export async function restoreBackup(file: string, folder: string): Promise<RestoredFolder> {
  await refuseFilled(folder)
  await mkdir(dirname(folder), { recursive: true })
  const beside = `${folder}.restoring-${randomUUID()}`
  try {
    const restored = await fill(beside, file)
    await putInPlace(beside, folder)
    return { ...restored, data: folder }
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

async function refuseFilled(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return new Array<string>()
    throw filled(folder, 'is not a folder')
  })
  if (names.length > 0) throw filled(folder, `is not empty: it holds ${names.toSorted().slice(0, 3).join(', ')}`)
}

const filled = (folder: string, problem: string): StorageError =>
  new StorageError(`${folder} ${problem}.`, 'Restore into a folder that is not there yet, with --data DIR.', {
    code: 'ERR_FOLDER_IN_USE',
  })

async function fill(folder: string, file: string): Promise<VerifiedBackup> {
  await mkdir(folder, { mode: PRIVATE_FOLDER_MODE })
  const reader = new BackupReader(file)
  const storeId = randomUUID()
  const records = reader.records()
  // The first lines say how far the store had come, which goes into the new one behind all records.
  await buildStore(join(folder, STORE_FOLDER), records, () => ({ ...progressOf(reader), storeId }))
  for (const kept of reader.files) await writeFileDurably(join(folder, kept.file), kept.text)
  await writeFileDurably(join(folder, WITNESS_FILE), witnessText({ ...progressOf(reader), pid: 0 }))
  // Last: without it the folder is not whole, and no server starts in it.
  await writeFileDurably(join(folder, IDENTITY_FILE), textOf({ format: FORMAT, storeId, state: 'ready' }))
  const { faults } = reader.audit
  return { ...reader.summary, sound: faults.length === 0, faults }
}

const progressOf = ({ header: { boot, commit } }: BackupReader): { boot: number; commit: number } => ({ boot, commit })

async function putInPlace(beside: string, folder: string): Promise<void> {
  try {
    // Over an empty folder too; one that was filled meanwhile stays.
    await rename(beside, folder)
  } catch (cause) {
    const code = systemCode(cause)
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw filled(folder, 'was filled meanwhile')
    if (code !== 'EBUSY' && code !== 'EXDEV') throw cause
    throw new StorageError(
      `${folder} cannot be replaced: another file system is mounted there.`,
      `Restore into a folder below it, and start the server with that: --data ${join(folder, 'data')}`,
      { cause, code: 'ERR_FOLDER_IN_USE' },
    )
  }
  await syncFolder(dirname(folder))
}
