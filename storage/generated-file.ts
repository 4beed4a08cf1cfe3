import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from './database.ts'
import { StorageError } from './errors.ts'
import { systemCode, writeFileDurably } from './files.ts'

/** The texts that a data folder may hold. */
export const GENERATED_FILES = ['registration-secret', 'registration-issuer'] as const

/**
 * A text that a new data folder gets by itself and keeps: read from the file `name`, or made and written when the store
 * is new. Mode 0600, on disk before it is used.
 *
 * @param setting - what gives the text instead, for the message.
 * @throws {StorageError} when an older store has lost it: another one would silently replace it.
 */
export async function generatedText(
  database: Pick<Database, 'folder' | 'created'>,
  name: (typeof GENERATED_FILES)[number],
  setting: string,
  make: () => string,
): Promise<string> {
  const path = join(database.folder, name)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new StorageError(`${path} cannot be read.`, 'Give it back to the user who runs Mooring.', { cause: error })
  })
  if (text !== undefined) {
    if (text.trim() !== '') return text.trim()
    throw new StorageError(`${path} is empty.`, `Restore it from a backup, or set ${setting}.`)
  }
  if (!database.created) {
    throw new StorageError(
      `${path} is missing, and ${setting} is not set.`,
      `Set ${setting} as it was before, or restore the file from a backup.`,
    )
  }
  const made = make()
  await writeFileDurably(path, `${made}\n`)
  return made
}
