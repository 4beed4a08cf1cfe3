import { chunksOf } from './chunks-of.ts'
import { Level } from 'level'
import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PRIVATE_FOLDER_MODE, syncFolder } from './files.ts'
import { STORE_FOLDER } from './data-folder.ts'
import { GENERATED_FILES } from './generated-file.ts'
import { IDENTITY_FILE } from './identity.ts'
import { WITNESS_FILE } from './witness.ts'
import type { StoreLevel } from './writer.ts'

/** Everything of a data folder that belongs to its store; sockets and the operator's own files stay where they are. */
const BESIDE_THE_STORE = [IDENTITY_FILE, WITNESS_FILE, ...GENERATED_FILES]

const BATCH_OPERATIONS = 1000

const RAW = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/**
 * Copies the data folder into a folder inside it, unless an earlier start has done so. Read through the open store,
 * whose lock keeps everyone else out meanwhile.
 *
 * @returns the folder, which is whole as soon as it has its name.
 */
export async function keepBackup(level: StoreLevel, folder: string, format: number): Promise<string> {
  const name = `backup-of-format-${format}`
  const names = await readdir(folder)
  const backup = join(folder, name)
  if (names.includes(name)) return backup
  // Of starts that were cut off.
  for (const left of names.filter((one) => one.startsWith(`${name}.`)))
    await rm(join(folder, left), { recursive: true })

  const partial = `${backup}.${randomUUID()}.partial`
  try {
    await mkdir(partial, { mode: PRIVATE_FOLDER_MODE })
    for (const file of BESIDE_THE_STORE.filter((one) => names.includes(one))) {
      await copyDurably(join(folder, file), join(partial, file))
    }
    await copyStore(level, join(partial, STORE_FOLDER))
    await syncFolder(partial)
    await rename(partial, backup)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
  await syncFolder(folder)
  return backup
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  const copy = await open(to, 'r+')
  try {
    await copy.sync()
  } finally {
    await copy.close()
  }
}

async function copyStore(level: StoreLevel, location: string): Promise<void> {
  const copy = new Level<Buffer, Buffer>(location, { ...RAW, compression: false })
  await copy.open({ errorIfExists: true })
  try {
    for await (const some of chunksOf(level.iterator<Buffer, Buffer>(RAW), BATCH_OPERATIONS)) {
      await copy.batch(some.map(([key, value]) => ({ type: 'put', key, value })))
    }
    // One that is synced is behind all others in the same log.
    await copy.batch([{ type: 'del', key: Buffer.of(0) }], { sync: true })
  } finally {
    await copy.close()
  }
  await syncFolder(location)
}
