import { closeSync, constants, openSync, writeFileSync } from 'node:fs'

/** open(2). Node names only the part of it that differs between machines. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/**
 * Loads a native add-on from a file that has no name and cannot get one: nobody can change it, and nothing is left
 * behind. So it does not matter whose the folder is, and a folder for everyone, such as /tmp, will do.
 *
 * @throws the error of the file system, or that of dlopen when the file system forbids execution.
 */
export function loadFromNamelessFile(folder: string, bytes: Uint8Array): unknown {
  const file = openSync(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o700)
  try {
    writeFileSync(file, bytes)
    const addon = { exports: {} }
    // The descriptor stays open: dlopen knows a library by its path, and would take the next one, with the same number,
    // for this.
    process.dlopen(addon, `/proc/self/fd/${file}`)
    return addon.exports
  } catch (error) {
    closeSync(file)
    throw error
  }
}
