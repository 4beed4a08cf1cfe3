import { existsSync, readFileSync, readdirSync, statSync, openSync, writeSync } from 'node:fs'
import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { FaultyLevel } from '../support/faulty-level.ts'

/** Writes lines where a kill of this process does not take them away. */
export function reportTo(path: string): (line: string) => void {
  const file = openSync(path, 'a')
  return (line) => void writeSync(file, `${line}\n`)
}

/** A database that reports how much of its logs is fsynced, which is all of them when a synced write has returned. */
export class ReportingLevel extends FaultyLevel {
  readonly #location: string
  readonly #report: (line: string) => void

  constructor(location: string, options: object, report: (line: string) => void) {
    super(location, options)
    this.#location = location
    this.#report = report
  }

  override batch(): never {
    const chained = super.batch() as { write(options: { sync?: boolean }): Promise<void> }
    const write = chained.write.bind(chained)
    chained.write = async (options) => {
      await write(options)
      if (options.sync !== true) return
      for (const name of readdirSync(this.#location).filter((one) => one.endsWith('.log'))) {
        this.#report(`synced ${name} ${statSync(join(this.#location, name)).size}`)
      }
    }
    return chained as never
  }
}

/** What was reported; a last line that a kill has cut does not count. */
export const reported = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []

/** As a power cut leaves the store at worst: of each log only what an fsync has seen. */
export async function cutToLastSync(folder: string, report: readonly string[]): Promise<void> {
  const synced = new Map<string, number>()
  for (const line of report) {
    const [word, name = '', size = ''] = line.split(' ')
    if (word === 'synced') synced.set(name, Number(size))
  }
  const store = join(folder, 'store')
  for (const name of (await readdir(store)).filter((one) => one.endsWith('.log'))) {
    const path = join(store, name)
    await truncate(path, Math.min(synced.get(name) ?? 0, (await stat(path)).size))
  }
}
