import { cp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const MOST_ATTEMPTS = 50

/** Copies a data folder whose store is open, as a process leaves it that is killed now: no file comes or goes meanwhile. */
export async function copyAsKilled(running: string, copy: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = await filesOf(running)
    const failure = await cp(running, copy, { recursive: true }).catch((error: unknown) => ({ error }))
    if (failure === undefined && (await filesOf(running)) === before) return
    await rm(copy, { recursive: true, force: true })
    if (attempt === MOST_ATTEMPTS) throw new Error('the folder never stands still', { cause: failure?.error })
  }
}

/** Every file with its size. One that is gone while it is looked at has none. */
async function filesOf(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).toSorted()
  const sizes = names.map(async (name) => {
    const size = await stat(join(folder, name)).then(
      (found) => found.size,
      () => undefined,
    )
    return `${name} ${size}`
  })
  return (await Promise.all(sizes)).join('\n')
}
