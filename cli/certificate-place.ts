import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import { PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, syncFolder, systemCode, writeFileDurably } from '../storage/index.ts'
import { CliError, ExitCode } from './failure.ts'

/** Where certificates lie when nobody said where. */
export const tlsFolder = ({ data }: Pick<Config, 'data'>): string => join(data, 'tls')

const PUBLIC_FILE_MODE = 0o644

export interface PlacedFile {
  readonly path: string
  readonly text: string
  /** Others may read it. */
  readonly isPublic: boolean
}

/**
 * All files are written and on the disk before the first of them takes its name, so that one that cannot be written
 * changes none. A server that looks in between finds two that do not belong together, and keeps what it has.
 */
export async function placeFiles(files: readonly PlacedFile[]): Promise<void> {
  const written: { readonly path: string; readonly temporary: string }[] = []
  try {
    for (const { path, text, isPublic } of files) {
      const temporary = `${path}.${randomUUID()}.new`
      written.push({ path, temporary })
      await makeFolder(dirname(path))
      await writeFileDurably(temporary, text)
      await belongsLike(path, temporary, isPublic ? PUBLIC_FILE_MODE : PRIVATE_FILE_MODE)
    }
    for (const { path, temporary } of written) await rename(temporary, path)
  } catch (cause) {
    for (const { temporary } of written) await rm(temporary, { force: true }).catch(() => {})
    const code = systemCode(cause)
    if (code === undefined) throw cause
    const message = `${written.at(-1)?.path} cannot be written: ${code}`
    throw new CliError(ExitCode.failure, 'ERR_FAILED', message, { hint: 'Nothing was changed.', cause })
  }
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await syncFolder(folder)
}

/** Root may do this for a server that is somebody else: what it makes belongs to whoever has the folder around it. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE })
  if (first === undefined) return
  const { uid, gid } = await stat(dirname(first))
  await chown(folder, uid, gid).catch(ignoreDenied)
}

/** The mode and owner of the file whose place it takes. A link is replaced, not what it leads to. */
async function belongsLike(path: string, temporary: string, mode: number): Promise<void> {
  const before = await stat(path).catch(() => undefined)
  const { uid, gid } = before ?? (await stat(dirname(path)))
  await chmod(temporary, before === undefined ? mode : before.mode & 0o777)
  await chown(temporary, uid, gid).catch(ignoreDenied)
}

function ignoreDenied(error: unknown): void {
  if (systemCode(error) !== 'EPERM') throw error
}
