import { resolve } from 'node:path'
import type { Given, Reading } from './given.ts'
import { CONFIG_VARIABLE, settings } from './settings.ts'
import { didYouMean } from './suggest.ts'
import { readTextFile, UnreadableFile } from './text-file.ts'

const PREFIX = 'MOORING_'
/** No setting: the single executable looks at it before any can be read. */
const NATIVE_FOLDER_VARIABLE = 'MOORING_NATIVE_DIR'
const MOST_BYTES = 64 * 1024

/** Reads every setting from `MOORING_…` and `MOORING_…_FILE`. */
export function readEnvironment(env: NodeJS.ProcessEnv, cwd: string): Reading {
  const given: Given[] = []
  const problems: string[] = []
  for (const setting of settings()) {
    const { variable, path } = setting
    const file = `${variable}_FILE`
    if (env[variable] !== undefined && env[file] !== undefined) {
      problems.push(`${variable}: ${path}: ${file} is set too; remove one of them`)
      continue
    }
    const where = env[file] === undefined ? variable : file
    if (env[where] === undefined) continue
    if (env[where] === '') {
      problems.push(`${where}: ${path}: it is set but empty; give it a value or unset it`)
      continue
    }
    try {
      const value = where === file ? contentsOf(resolve(cwd, env[where])) : env[where]
      given.push({ setting, value, source: 'environment', where, folder: cwd })
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error
      problems.push(`${where}: ${path}: ${resolve(cwd, env[where])}: ${error.message}`)
    }
  }
  return { given, problems, warnings: unknownVariables(env) }
}

/** Editors and `echo` end a file with a line break that is not part of the value. */
function contentsOf(file: string): string {
  const value = readTextFile(file, MOST_BYTES).replace(/\r?\n$/, '')
  if (value === '') throw new UnreadableFile('it is empty')
  return value
}

function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const variables = settings().map(({ variable }) => variable)
  const known = new Set([
    CONFIG_VARIABLE,
    NATIVE_FOLDER_VARIABLE,
    ...variables,
    ...variables.map((variable) => `${variable}_FILE`),
  ])
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.has(name))
    .toSorted()
    .map((name) => {
      const meant = name.endsWith('_FILE') ? [...known] : [CONFIG_VARIABLE, ...variables]
      return `${name}: no setting has this variable; it is ignored${didYouMean(name, meant)}`
    })
}
