import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Given } from './given.ts'
import { CONFIG_VARIABLE, settings } from './settings.ts'

const NAME = 'mooring.yaml'

export interface ChosenFile {
  readonly file?: string
  /** Who named it, for a problem: `MOORING_CONFIG: `; empty when it was only found. */
  readonly namedBy: string
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** Set when the file lies in the default data folder, which it must then not move elsewhere. */
  readonly foundInDefaultData: boolean
}

/**
 * `--config`, else `MOORING_CONFIG`, else `mooring.yaml` in the data folder, else `mooring.yaml` in the working folder.
 *
 * @param given - what flags and environment say; a data folder that the file itself names cannot help to find the file.
 */
export function chooseFile(
  from: { configFile?: string | undefined; env: NodeJS.ProcessEnv; cwd: string },
  given: readonly Given[],
): ChosenFile {
  const nothing: ChosenFile = { namedBy: '', problems: [], warnings: [], foundInDefaultData: false }
  const asked = from.configFile ?? from.env[CONFIG_VARIABLE]
  if (asked !== undefined) {
    const where = from.configFile === undefined ? CONFIG_VARIABLE : '--config'
    if (asked === '')
      return { ...nothing, problems: [`${where}: it is set but empty; give it a value or leave it out`] }
    return { ...nothing, file: resolve(from.cwd, asked), namedBy: `${where}: ` }
  }

  const named = given.findLast(({ setting }) => setting.path === 'data')?.value
  const standard = settings().find(({ path }) => path === 'data')?.default
  const data = resolve(from.cwd, typeof named === 'string' ? named : (standard ?? ''))
  const inData = join(data, NAME)
  const here = join(from.cwd, NAME)
  if (!existsSync(inData)) return { ...nothing, ...(existsSync(here) && { file: here }) }
  const hidden = here !== inData && existsSync(here)
  return {
    ...nothing,
    file: inData,
    warnings: hidden ? [`${here}: it is not read, because ${inData} comes first; choose with --config`] : [],
    foundInDefaultData: named === undefined,
  }
}

/** Read from the default data folder, a file that moves the data folder would contradict where it was found. */
export function movedDataProblem(chosen: ChosenFile, data: Given | undefined): string[] {
  if (!chosen.foundInDefaultData || chosen.file === undefined || data?.source !== 'file') return []
  const folder = dirname(chosen.file)
  if (typeof data.value !== 'string' || resolve(data.folder, data.value) === folder) return []
  return [
    `${data.where}: data: this file was found in the default data folder ${folder} and cannot name another one; start with --config '${chosen.file}', or remove the line and set MOORING_DATA`,
  ]
}
