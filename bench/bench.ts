import { join } from 'node:path'
import type { Cores } from './machine.ts'
import type { Fleet } from './fleet.ts'

/** What every suite is given. */
export interface Bench {
  /** Temporary, and gone with the run. */
  readonly folder: string
  readonly cores: Cores
  readonly repeats: number
  readonly fleet: Fleet
  /** Tells whoever waits what is going on. */
  readonly say: (text: string) => void
}

let files = 0

/** A name in the folder of the run that nobody else uses. */
export const newPath = (folder: string, name: string): string => join(folder, `${name}-${++files}`)
