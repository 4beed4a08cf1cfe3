import { randomUUID } from 'node:crypto'
import { link, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

export const PRIVATE_FOLDER_MODE = 0o700
export const PRIVATE_FILE_MODE = 0o600

/** What a file is to hold: a text, or whatever is written to it until the promise resolves. */
export type Content = string | ((file: FileHandle) => Promise<void>)

/** Writes the whole file or nothing of it, and returns once it is on disk. Mode 0600. */
export const writeFileDurably = (path: string, content: Content): Promise<void> => writeWhole(path, content, rename)

/**
 * The same for a file that must not be there yet, and will not be when somebody else makes it at the same moment.
 *
 * @throws with the code `EEXIST` when it is there.
 */
export const createFileDurably = (path: string, content: Content): Promise<void> =>
  writeWhole(path, content, async (temporary, name) => {
    try {
      await link(temporary, name)
    } catch (error) {
      if (!WITHOUT_LINKS.has(systemCode(error))) throw error
      return await rename(temporary, name)
    }
    await rm(temporary)
  })

/** Network and removable file systems may have no hard links; there the later of two wins. */
const WITHOUT_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

async function writeWhole(
  path: string,
  content: Content,
  putInPlace: (temporary: string, name: string) => Promise<void>,
): Promise<void> {
  // Process ids are not enough: two containers that share a folder have the same.
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'w', PRIVATE_FILE_MODE)
    try {
      if (typeof content === 'string') await file.writeFile(content)
      else await content(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await putInPlace(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** A new name is on disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** @returns the code of a failed system call, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
