import { getAsset } from 'node:sea'
import { addonFolders, FOLDER_VARIABLE } from './addon-folders.ts'
import { loadFromKeptFile } from './kept-file.ts'
import { loadFromMemory } from './memory-file.ts'
import { loadFromNamelessFile } from './nameless-file.ts'
import { unpack } from './unpack.ts'

/** What open(2) says of O_TMPFILE where it is not known: by the file system, or by the kernel. */
const KNOWS_NO_NAMELESS_FILES: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'EISDIR'])

/**
 * The native add-on of that name, out of the single executable, in which it takes the place of `node-gyp-build`.
 * Add-ons are loaded before any code of ours runs; so when one cannot be, this ends the process with the reason.
 */
export function nativeAddon(name: string): unknown {
  try {
    return loadAddon(name, unpack(getAsset(`native/${name}.node`)), process.env)
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    return process.exit(1)
  }
}

/**
 * Tries one place after the other: a file without a name in each folder, where there are none a file that stays, then
 * memory.
 *
 * @throws {Error} that lists every attempt, and says what to do.
 */
export function loadAddon(name: string, bytes: Uint8Array, env: NodeJS.ProcessEnv): unknown {
  const failures: string[] = []
  for (const folder of addonFolders(env)) {
    try {
      return loadFromNamelessFile(folder, bytes)
    } catch (error) {
      failures.push(`a file without a name in ${folder}: ${reasonOf(error)}`)
      if (!KNOWS_NO_NAMELESS_FILES.has(codeOf(error))) continue
    }
    try {
      return loadFromKeptFile(folder, name, bytes)
    } catch (error) {
      failures.push(`a file in ${folder}: ${reasonOf(error)}`)
    }
  }
  try {
    return loadFromMemory(name, bytes)
  } catch (error) {
    failures.push(`memory: ${reasonOf(error)}`)
  }
  throw new Error(
    `The native part ${name} found no place to be loaded from. Tried were\n` +
      failures.map((failure) => `       - ${failure}\n`).join('') +
      `       Name a folder that this user may write to, on a file system without noexec: ${FOLDER_VARIABLE}=/path`,
  )
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim()
