import type { Command } from 'commander'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  configSchema,
  describeConfig,
  environmentReference,
  exampleConfig,
  settings,
  type LoadedConfig,
} from '../config.ts'
import { systemCode } from '../storage/index.ts'
import { CliError, ExitCode } from './failure.ts'
import { examples } from './help.ts'
import { printableLines, type Output } from './output.ts'
import type { Run, Session } from './session.ts'

export function addConfigCommands(program: Command, run: Run): void {
  const config = program
    .command('config')
    .description('what the program is told: flags, MOORING_… variables, mooring.yaml')

  config
    .command('show')
    .description('print every setting, its value and where it comes from')
    .action((_options: unknown, command: Command) => run(command, showConfig))

  config
    .command('validate')
    .argument('[file]', 'a config file (default: the one that serve would read)')
    .description('check a config file, and the environment with it')
    .addHelpText('after', examples('mooring config validate /etc/mooring/mooring.yaml'))
    .action((file: string | undefined, _options: unknown, command: Command) =>
      run(command, (session) => validateConfig(session, file)),
    )

  config
    .command('env')
    .description('list the environment variable of every setting')
    .action((_options: unknown, command: Command) => run(command, showEnvironment))

  config
    .command('schema')
    .description('print the JSON Schema of the config file, for editors')
    .action((_options: unknown, command: Command) => run(command, showSchema))

  config
    .command('init')
    .argument('[file]', 'where to write it', 'mooring.yaml')
    .description('write a config file in which every value is the default')
    .action((file: string, _options: unknown, command: Command) => run(command, (session) => initConfig(session, file)))
}

async function showConfig(session: Session): Promise<void> {
  const loaded = session.loadConfig()
  const { sources, warnings, file } = loaded
  session.output.answer(
    { file, settings: [...sources].map(([setting, origin]) => ({ setting, ...origin })), warnings },
    () => printableLines(describeConfig(loaded, { json: false })),
  )
  warn(session.output, loaded)
}

async function validateConfig(session: Session, given: string | undefined): Promise<void> {
  const loaded = given === undefined ? session.loadConfig() : session.loadConfig(given)
  const { file, warnings } = loaded
  session.output.answer({ valid: true, file, warnings }, () =>
    file === undefined ? 'valid (no config file; the built-in defaults)' : `${printableLines(file)}: valid`,
  )
  warn(session.output, loaded)
}

function warn(output: Output, { warnings }: LoadedConfig): void {
  for (const warning of warnings) output.note(`warning: ${printableLines(warning)}`)
}

async function showEnvironment({ output }: Session): Promise<void> {
  const variables = settings().map(({ variable, path, default: value, description }) => ({
    variable,
    setting: path,
    default: value,
    description,
  }))
  output.answer({ variables }, environmentReference)
}

async function showSchema({ output }: Session): Promise<void> {
  output.answer(configSchema(), () => JSON.stringify(configSchema(), null, 2))
}

async function initConfig({ context, output }: Session, given: string): Promise<void> {
  const file = resolve(context.cwd, given)
  try {
    // It may come to hold the registration secret.
    await writeFile(file, exampleConfig(), { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST')
      throw new CliError(ExitCode.failure, 'ERR_FAILED', messageOf(file, cause), { cause })
    throw new CliError(ExitCode.conflict, 'ERR_CONFLICT', `${file} exists already and is left as it is`, {
      hint: 'Name another file: mooring config init FILE',
      cause,
    })
  }
  output.answer({ file }, () => `wrote ${printableLines(file)}`)
}

const messageOf = (file: string, cause: unknown): string =>
  `${file} cannot be written: ${systemCode(cause) ?? 'unknown reason'}`
