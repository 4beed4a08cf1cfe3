import { Option, type Command } from 'commander'
import { settings, type Setting } from '../config.ts'
import { LISTENERS } from './addresses.ts'
import { usageError } from './failure.ts'
import { collect } from './help.ts'

/** What a command line says about the configuration, as commander hands it over. */
export interface ConfigOptions {
  readonly data?: string
  readonly config?: string
  readonly listen?: readonly string[]
  readonly set?: readonly string[]
  /** A server elsewhere, and what is shown to it. */
  readonly server?: string
  readonly apiTokenFile?: string
  /** False: nobody may be asked. */
  readonly input?: boolean
  /** Every setting that has a flag of its own, under the name that commander gives it. */
  readonly [attribute: string]: unknown
}

/** `--data` is an option of the whole program. */
const ownFlags = (): Setting[] => settings().filter(({ path, flag }) => flag !== undefined && path !== 'data')

/** One flag for each setting, and two short ways to say several. */
export function addConfigOptions(command: Command): Command {
  command
    .option('--listen <name=address>', `a listener: ${LISTENERS.join(', ')}; may be given more than once`, collect)
    .option('--set <setting=value>', 'any setting by its name in the config file; may be given more than once', collect)
  for (const { flag, description } of ownFlags()) command.addOption(new Option(`${flag} <value>`, plain(description)))
  return command
}

/** In the manner of the other options: no marks, no full stop, no capital where it is no name. */
const plain = (description: string): string =>
  description
    .replaceAll('`', '')
    .replace(/\.$/, '')
    .replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase())

/** @returns path of a setting → its text. */
export function flagsOf(options: ConfigOptions): Record<string, string> {
  const { data, listen = [], set = [] } = options
  const said: (readonly [path: string, text: string])[] = [
    ...(data === undefined ? [] : [['data', data] as const]),
    ...ownFlags().flatMap(({ path, flag }) => {
      const value = options[new Option(`${flag} <value>`).attributeName()]
      return typeof value === 'string' ? [[path, value] as const] : []
    }),
    ...listen.map((text) => parsed('--listen', text, 'mqtt=0.0.0.0:1883', (name) => `listen.${name}`)),
    ...set.map((text) => parsed('--set', text, 'limits.connections=20000', (name) => name)),
  ]
  const flags = new Map<string, string>()
  for (const [path, text] of said) {
    if (flags.has(path)) throw usageError(`${path} is given twice on the command line`)
    flags.set(path, text)
  }
  return Object.fromEntries(flags)
}

function parsed(
  flag: string,
  text: string,
  example: string,
  pathOf: (name: string) => string,
): readonly [path: string, text: string] {
  const at = text.indexOf('=')
  if (at < 1)
    throw usageError(`${flag} ${JSON.stringify(text)} is not of the form name=value`, `For example: ${flag} ${example}`)
  return [pathOf(text.slice(0, at)), text.slice(at + 1)]
}
