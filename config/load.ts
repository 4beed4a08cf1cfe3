import { resolve } from 'node:path'
import { checkTogether } from './checks.ts'
import { chooseFile, movedDataProblem } from './choose-file.ts'
import type { Given, SourceName } from './given.ts'
import { ConfigError, shown } from './problems.ts'
import { readConfigFile } from './read-file.ts'
import { readEnvironment } from './read-environment.ts'
import { readFlags } from './read-flags.ts'
import { configOf, fileSchema, type Config } from './schema.ts'
import { settings, type Setting } from './settings.ts'

export interface ConfigSources {
  /** Path of a setting → its text on the command line. */
  readonly flags: Readonly<Record<string, string>>
  /** What `--config` names. */
  readonly configFile?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Whether a certificate that is named must be there. @defaultValue true; false for what puts one there */
  readonly needsCertificate?: boolean
}

export interface Origin {
  readonly source: SourceName
  /** `file:line:column`, the name of the variable, the flag; empty for a default. */
  readonly detail: string
  /** The value as it would be written in the file; `(set)` for a secret, empty when nothing is set. */
  readonly value: string
}

export interface LoadedConfig {
  readonly config: Config
  /** Path of a setting → where its value comes from; every setting is there. */
  readonly sources: ReadonlyMap<string, Origin>
  /** Whole lines for the operator. */
  readonly warnings: readonly string[]
  /** The config file that was read. */
  readonly file?: string
}

/** Zod would make code of the schema first, which takes longer than looking at one configuration. */
const ONCE = { jitless: true }

/**
 * Flags win over the environment, the environment over the file, the file over the defaults.
 *
 * @throws {ConfigError} with every problem of every source, also of values that another source overrides.
 */
export function load(from: ConfigSources): LoadedConfig {
  const flags = readFlags(from.flags, from.cwd)
  const environment = readEnvironment(from.env, from.cwd)
  const chosen = chooseFile(from, [...environment.given, ...flags.given])
  const readings = [
    ...(chosen.file === undefined ? [] : [readConfigFile(chosen.file, chosen.namedBy)]),
    environment,
    flags,
  ]

  const given = readings.flatMap((reading) => reading.given)
  const refusals = given.flatMap((one) => refusalOf(one))
  const refused = new Set(refusals.map(({ path }) => path))
  // The later source wins; of a setting with a refused value only its default is left to look at.
  const winners = new Map(given.map((one) => [one.setting.path, one]))
  for (const path of refused) winners.delete(path)

  const config = configOf(fileSchema.parse(nested([...winners.values()], from.cwd), ONCE))
  const together = checkTogether(config, {
    refused: (path) => refused.has(path),
    place: (path) => `${winners.get(path)?.where ?? 'default'}: ${path}: `,
    needsCertificate: from.needsCertificate ?? true,
  })

  const problems = [
    ...chosen.problems,
    ...readings.flatMap((reading) => reading.problems),
    ...refusals.map(({ problem }) => problem),
    ...movedDataProblem(chosen, winners.get('data')),
    ...together.problems,
  ]
  if (problems.length > 0) throw new ConfigError(inOrderOfLines(problems, chosen.file))
  return {
    config,
    sources: new Map(
      settings().map((setting) => [setting.path, originOf(setting, winners.get(setting.path), from.cwd)]),
    ),
    warnings: [...chosen.warnings, ...readings.flatMap((reading) => reading.warnings), ...together.warnings],
    ...(chosen.file !== undefined && { file: chosen.file }),
  }
}

/** First the file from its beginning to its end, as someone edits it; then the rest as it came. */
function inOrderOfLines(problems: readonly string[], file: string | undefined): string[] {
  const inFile = (problem: string): boolean => file !== undefined && problem.startsWith(`${file}:`)
  const { compare } = new Intl.Collator('en', { numeric: true })
  return [...problems.filter(inFile).toSorted(compare), ...problems.filter((problem) => !inFile(problem))]
}

/** What is wrong with one given value by itself: nothing, or one problem. */
function refusalOf({ setting, value, where }: Given): { path: string; problem: string }[] {
  const issue = setting.schema.safeParse(value).error?.issues[0]
  if (issue === undefined) return []
  const found = setting.kind === 'secret' ? '' : `, found ${shown(value)}`
  return [{ path: setting.path, problem: `${where}: ${setting.path}: ${issue.message}${found}` }]
}

/** The values as one file would hold them, with every path made absolute. */
function nested(given: readonly Given[], cwd: string): Record<string, unknown> {
  const top: [string, unknown][] = []
  const inGroups = new Map<string, Record<string, unknown>>()
  const byPath = new Map(given.map((one) => [one.setting.path, one]))
  for (const { path, kind, group, name, default: standard } of settings()) {
    const one = byPath.get(path)
    const written = one?.value ?? standard
    if (written === undefined) continue
    const value = kind === 'path' && typeof written === 'string' ? resolve(one?.folder ?? cwd, written) : written
    if (group === undefined) top.push([name, value])
    else inGroups.set(group, { ...inGroups.get(group), [name]: value })
  }
  return Object.fromEntries([...top, ...inGroups])
}

function originOf({ kind, default: standard = '' }: Setting, winner: Given | undefined, cwd: string): Origin {
  const written = winner === undefined ? standard : textOf(winner.value)
  const whole = kind === 'path' && written !== '' ? resolve(winner?.folder ?? cwd, written) : written
  return {
    source: winner?.source ?? 'default',
    detail: winner?.where ?? '',
    value: kind === 'secret' && winner !== undefined ? '(set)' : whole,
  }
}

/** Settings are written as text or as numbers. */
const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
