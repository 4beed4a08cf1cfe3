import { Option, type Command } from 'commander'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { PRIVATE_FILE_MODE, systemCode } from '../storage/index.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import { secretOfFile } from './secret-input.ts'
import type { Run, Session } from './session.ts'
import { tokenProblem } from './token-inspect.ts'

interface Sample {
  /** Of the program, by their names there. */
  readonly files: readonly string[]
  /** Where the token goes. */
  readonly source: string
  readonly run: string
}

const SAMPLES = {
  node: {
    files: ['index.js', 'package.json'],
    source: 'index.js',
    run: 'npm install && MANUFACTURER_ID=A1-0001 node index.js',
  },
  c: { files: ['device.c', 'Makefile'], source: 'device.c', run: 'make && MANUFACTURER_ID=A1-0001 ./device' },
} as const satisfies Record<string, Sample>

type Language = keyof typeof SAMPLES

/** What stands in the samples for whoever copies them. */
const TOKEN_PLACE = 'paste the output of `mooring token create` here'

export function addFirmwareCommands(program: Command, run: Run): void {
  const firmware = program.command('firmware').description('devices to copy from')

  firmware
    .command('init')
    .addOption(
      new Option('--lang <language>', 'what it is written in').choices(Object.keys(SAMPLES)).makeOptionMandatory(),
    )
    .option('--dir <folder>', 'where to; made when it is not there', 'firmware')
    .option('--token-file <file>', 'a registration token, which goes into its place')
    .description('write the source of a device that registers itself, reports its state and hears its commands')
    .addHelpText(
      'after',
      examples(
        'mooring token create --name line-3 > line-3.jwt',
        'mooring firmware init --lang node --token-file line-3.jwt --dir pump',
      ),
    )
    .action((options: InitOptions, command: Command) => run(command, (session) => initFirmware(session, options)))
}

interface InitOptions {
  readonly lang: Language
  readonly dir: string
  readonly tokenFile?: string
}

async function initFirmware(session: Session, { lang, dir, tokenFile }: InitOptions): Promise<void> {
  const { context, output } = session
  const { files, source, run } = SAMPLES[lang]
  const token = tokenFile === undefined ? undefined : await tokenOf(session, tokenFile)
  const texts = files.map((name) => {
    const text = context.packagedFiles.read(`firmware-sample/${lang}/${name}`)
    return [name, name === source && token !== undefined ? text.replace(TOKEN_PLACE, () => token) : text] as const
  })
  const folder = resolve(context.cwd, dir)
  await makeEmptyFolder(folder)
  for (const [name, text] of texts) {
    // What holds a token is not for everybody.
    const mode = name === source ? PRIVATE_FILE_MODE : 0o644
    await writeFile(join(folder, name), text, { flag: 'wx', mode })
  }
  output.answer({ folder, files, hasToken: token !== undefined }, () =>
    files.map((name) => printable(join(folder, name))).join('\n'),
  )
  const at = printable(relative(context.cwd, folder) || '.')
  if (token === undefined) {
    output.note(`It has no token yet. Put one into ${source}, or into TOKEN: mooring token create`)
  }
  output.note(`Next: cd ${at} && ${run}`)
}

/** Only what cannot end the text that it stands in. */
async function tokenOf({ context }: Session, file: string): Promise<string> {
  const token = (await secretOfFile(context, '--token-file', file)).trim()
  const problem = tokenProblem(token)
  if (problem !== undefined) {
    throw usageError(`${file} holds no registration token: ${problem}`, 'Make one with: mooring token create')
  }
  return token
}

async function makeEmptyFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 })
    if ((await readdir(folder)).length === 0) return
  } catch (cause) {
    throw new CliError(ExitCode.failure, 'ERR_FAILED', `${folder} cannot be made: ${systemCode(cause)}`, { cause })
  }
  throw new CliError(ExitCode.conflict, 'ERR_CONFLICT', `${folder} is not empty, and is left as it is`, {
    hint: 'Name another folder: --dir DIR',
  })
}
