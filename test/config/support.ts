import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { ConfigError, loadConfig, type LoadedConfig } from '../../config.ts'

export interface Said {
  readonly flags?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** Text of the file that `--config` names; without it there is none. */
  readonly file?: string | Uint8Array
}

/** One for all tests of a file; none of them leaves anything in it that another would read. */
const folder = mkdtempSync(join(tmpdir(), 'mooring-config-'))
after(() => rmSync(folder, { recursive: true }))

export const cwd = folder
export const FILE = join(folder, 'given.yaml')

export function load({ flags = {}, env = {}, file }: Said): LoadedConfig {
  if (file !== undefined) writeFileSync(FILE, file, { mode: 0o600 })
  return loadConfig({ flags, env, cwd, configFile: file === undefined ? undefined : FILE })
}

/** Without the path of the file, which is different every time. */
export function problemsOf(said: Said): string[] {
  try {
    load(said)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => problem.replaceAll(FILE, 'FILE'))
  }
  return []
}

/** Writes a file beside the config file; answers with its path. */
export function aFile(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode })
  return path
}
