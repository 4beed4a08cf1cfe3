import { Level } from 'level'
import { RESTORE, StorageError, unreadable } from './errors.ts'
import { systemCode } from './files.ts'
import { findDamage } from './integrity.ts'
import type { Reached } from './witness.ts'

/** @returns why the store cannot be used, or undefined. */
export async function damageOf(store: string): Promise<StorageError | undefined> {
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

/** Level wraps what LevelDB said. */
export const causeOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? error.cause : error

export function inUse(store: string, reached: Reached | undefined, cause?: unknown): StorageError {
  const holder = reached !== undefined && isRunning(reached.pid) ? `process ${reached.pid}` : 'another process'
  return new StorageError(
    `The store ${store} is in use by ${holder}.`,
    'Stop that server first, or start this one with another folder (--data DIR).',
    { cause, code: 'ERR_STORE_IN_USE' },
  )
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}
