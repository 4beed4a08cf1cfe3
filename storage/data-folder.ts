import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RESTORE, StorageError, unreadable } from './errors.ts'
import { createFileDurably, systemCode, writeFileDurably } from './files.ts'
import { GENERATED_FILES } from './generated-file.ts'
import { IDENTITY_FILE, parseIdentity, textOf, type Identity } from './identity.ts'
import { WITNESS_FILE } from './witness.ts'

/** The folder of LevelDB. */
export const STORE_FOLDER = 'store'

/** Written by Mooring, so that a folder that holds one of them is not new, whatever else it lacks. */
const OWN_FILES = [WITNESS_FILE, ...GENERATED_FILES]

const pathIn = (folder: string): string => join(folder, IDENTITY_FILE)

/**
 * What the folder is, and makes it a new one when it is nothing yet.
 *
 * @throws {StorageError} when it is not whole, or newer than `format`.
 */
export async function identify(folder: string, format: number): Promise<Identity> {
  return (await readIdentity(folder, format)) ?? (await startNew(folder, format))
}

/**
 * The same without touching anything.
 *
 * @returns undefined when the folder holds no data of Mooring's.
 */
export async function readIdentity(folder: string, format: number): Promise<Identity | undefined> {
  const path = pathIn(folder)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw unreadable(path, error)
  })
  const names = await namesIn(folder)
  if (text === undefined) {
    // Made since it was looked for: another process starts here at this moment.
    if (names.includes(IDENTITY_FILE)) return await readIdentity(folder, format)
    const old = [STORE_FOLDER, ...OWN_FILES].find((name) => names.includes(name))
    if (old === undefined) return undefined
    throw new StorageError(`${path} is missing, but ${join(folder, old)} is there: the folder is not whole.`, RESTORE)
  }

  const identity = parseIdentity(text)
  if (identity === undefined) {
    throw new StorageError(`${path} is damaged: it does not hold format, storeId and state.`, RESTORE)
  }
  if (identity.format > format) throw newerFormat(`${path} says format ${identity.format}`, format)
  if (identity.state === 'ready' && !names.includes(STORE_FOLDER)) {
    throw new StorageError(`${join(folder, STORE_FOLDER)} is missing, and ${path} says that it was there.`, RESTORE)
  }
  return identity
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw unreadable(folder, error)
  }
}

async function startNew(folder: string, format: number): Promise<Identity> {
  const identity: Identity = { format, storeId: randomUUID(), state: 'creating' }
  try {
    await createFileDurably(pathIn(folder), textOf(identity))
    return identity
  } catch (error) {
    // Another process starts in the same folder at this moment, and was first. One of the two will find the store in use.
    if (systemCode(error) === 'EEXIST') return await identify(folder, format)
    throw error
  }
}

export const writeIdentity = (folder: string, identity: Identity): Promise<void> =>
  writeFileDurably(pathIn(folder), textOf(identity))

export const newerFormat = (what: string, format: number): StorageError =>
  new StorageError(
    `${what}; this version of Mooring knows formats up to ${format}.`,
    'Start the newer version of Mooring that wrote it, or restore a backup made before the upgrade.',
  )
