import { createHash, randomUUID } from 'node:crypto'
import { lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * Loads a native add-on from a file that stays, for file systems that know no files without a name. It is named after
 * its content, and written anew unless it holds just that.
 *
 * @throws when others could change it, the error of the file system, or that of dlopen.
 */
export function loadFromKeptFile(folder: string, name: string, bytes: Uint8Array): unknown {
  refuseForeign(folder)
  const digest = createHash('sha256').update(bytes).digest('hex')
  const path = join(folder, `mooring-${name}-${digest.slice(0, 16)}.node`)
  const kept = holds(path, bytes)
  if (!kept) write(path, bytes)
  try {
    const addon = { exports: {} }
    process.dlopen(addon, path)
    return addon.exports
  } catch (error) {
    if (!kept) rmSync(path, { force: true })
    throw error
  }
}

function refuseForeign(folder: string): void {
  const { uid, mode } = statSync(folder)
  if (uid !== userInfo().uid || (mode & 0o022) !== 0) throw new Error('others may write there')
}

function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return lstatSync(path).isFile() && readFileSync(path).equals(bytes)
  } catch {
    return false
  }
}

function write(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o700 })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
