import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { RESTORE, StorageError, unreadable } from './errors.ts'
import { PRIVATE_FILE_MODE, systemCode } from './files.ts'

/** What the store had reached, kept beside it: LevelDB itself does not notice that its newest log was lost. */
export interface Reached {
  /** The number of the last start. */
  readonly boot: number
  /** The number of the last commit. */
  readonly commit: number
  /** The process that started then. */
  readonly pid: number
}

/** Its name in the data folder. */
export const WITNESS_FILE = 'witness'

// Constant width, so that one small write in place replaces one value by the next and is never half of both.
export const witnessText = ({ boot, commit, pid }: Reached): string =>
  `boot ${`${boot}`.padStart(10, '0')} commit ${`${commit}`.padStart(16, '0')} pid ${`${pid}`.padStart(10, '0')}\n`

const LINE = /^boot (\d{10}) commit (\d{16}) pid (\d{10})\n$/

/** @returns undefined when the text is empty: the operator accepts the store as it is. */
export function parseWitness(text: string): Reached | 'unreadable' | undefined {
  if (text === '') return undefined
  const [, boot, commit, pid] = LINE.exec(text) ?? []
  if (boot === undefined || commit === undefined || pid === undefined) return 'unreadable'
  return { boot: Number(boot), commit: Number(commit), pid: Number(pid) }
}

/**
 * The file that says how far the store had come. It follows each commit without an fsync of its own: after a crash of
 * the process it is exact, after a crash of the machine it may be behind, and it is never ahead.
 */
export class Witness {
  readonly #file: number

  constructor(path: string, flags: 'r' | 'r+') {
    this.#file = openSync(path, flags)
  }

  /** @returns undefined when the file is empty. */
  read(): Reached | 'unreadable' | undefined {
    const bytes = Buffer.alloc(128)
    return parseWitness(bytes.toString('latin1', 0, readSync(this.#file, bytes, 0, bytes.length, 0)))
  }

  write(reached: Reached): void {
    writeSync(this.#file, witnessText(reached), 0)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** An empty one, unless it is there. @throws {StorageError} when it cannot be made. */
export async function createWitness(path: string): Promise<void> {
  try {
    await writeFile(path, '', { flag: 'a', mode: PRIVATE_FILE_MODE })
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** @throws {StorageError} when it is missing or cannot be opened. */
export function openWitness(path: string, flags: 'r' | 'r+' = 'r+'): Witness {
  try {
    return new Witness(path, flags)
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw unreadable(path, cause)
    throw new StorageError(
      `${path} is missing: without it nobody can tell whether the store beside it is the newest.`,
      `${RESTORE} If nothing else was lost, accept the store as it is with: touch ${path}`,
      { cause },
    )
  }
}

/** @throws {StorageError} when it does not hold what was written. */
export function readWitness(witness: Witness, path: string): Reached | undefined {
  const reached = witness.read()
  if (reached !== 'unreadable') return reached
  throw new StorageError(
    `${path} is damaged.`,
    `${RESTORE} If nothing else was lost, accept the store as it is with: truncate -s 0 ${path}`,
  )
}
