import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RESTORE, StorageError, unreadable } from './errors.ts'
import { createFileDurably, systemCode, writeFileDurably } from './files.ts'

/** `mooring.json`: says what the folder is. `creating` until the first start has come through. */
export interface Identity {
  /** Versions that do not know it must leave the folder alone. */
  readonly format: number
  readonly storeId: string
  readonly state: 'creating' | 'ready'
}

export const WITNESS = 'witness'
/** Written by Mooring, so that a folder that holds one of them is not new, whatever else it lacks. */
const OWN_FILES = [WITNESS, 'registration-secret', 'registration-issuer']

const pathIn = (folder: string): string => join(folder, 'mooring.json')

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
    if (names.includes('mooring.json')) return await readIdentity(folder, format)
    const old = ['store', ...OWN_FILES].find((name) => names.includes(name))
    if (old === undefined) return undefined
    throw new StorageError(`${path} is missing, but ${join(folder, old)} is there: the folder is not whole.`, RESTORE)
  }

  const identity = parseIdentity(text)
  if (identity === undefined) {
    throw new StorageError(`${path} is damaged: it does not hold format, storeId and state.`, RESTORE)
  }
  if (identity.format > format) throw newerFormat(`${path} says format ${identity.format}`, format)
  if (identity.state === 'ready' && !names.includes('store')) {
    throw new StorageError(`${join(folder, 'store')} is missing, and ${path} says that it was there.`, RESTORE)
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

const textOf = (identity: Identity): string => `${JSON.stringify(identity)}\n`

function parseIdentity(text: string): Identity | undefined {
  try {
    const { format, storeId, state }: Record<string, unknown> = Object(JSON.parse(text))
    if (!Number.isSafeInteger(format) || typeof storeId !== 'string') return undefined
    if (state !== 'creating' && state !== 'ready') return undefined
    return { format: Number(format), storeId, state }
  } catch {
    return undefined
  }
}
