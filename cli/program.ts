import { Command } from 'commander'
import { examples } from './help.ts'
import { addOutputOptions } from './output-options.ts'
import type { Run } from './session.ts'

type Add = (program: Command, run: Run) => void

/** The commands, in the order of the help, by their first words. What a command line does not name is not loaded. */
export const GROUPS: readonly (readonly [words: readonly string[], load: () => Promise<Add>])[] = [
  [
    ['serve', 'demo', 'self-test', 'status', 'health', 'version'],
    async () => (await import('./server-commands.ts')).addServerCommands,
  ],
  [['token', 'tokens'], async () => (await import('./token-commands.ts')).addTokenCommands],
  [['signing-key', 'signing-keys'], async () => (await import('./signing-key-commands.ts')).addSigningKeyCommands],
  [['key', 'keys'], async () => (await import('./key-commands.ts')).addKeyCommands],
  [['device', 'devices'], async () => (await import('./device-commands.ts')).addDeviceCommands],
  [['topic', 'topics'], async () => (await import('./topic-commands.ts')).addTopicCommands],
  [['journal', 'audit'], async () => (await import('./journal-commands.ts')).addJournalCommands],
  [['explain'], async () => (await import('./explain-command.ts')).addExplainCommand],
  [['allow'], async () => (await import('./allow-commands.ts')).addAllowCommands],
  [['approval', 'approvals'], async () => (await import('./approval-commands.ts')).addApprovalCommands],
  [['recipe', 'recipes'], async () => (await import('./recipe-commands.ts')).addRecipeCommands],
  [['backup'], async () => (await import('./backup-commands.ts')).addBackupCommands],
  [['store'], async () => (await import('./store-commands.ts')).addStoreCommands],
  [['admin', 'admins', 'setup'], async () => (await import('./admin-commands.ts')).addAdminCommands],
  [['apitoken', 'apitokens'], async () => (await import('./api-token-commands.ts')).addApiTokenCommands],
  [['config'], async () => (await import('./config-commands.ts')).addConfigCommands],
  [['cert', 'certs'], async () => (await import('./certificate-commands.ts')).addCertificateCommands],
  [['doctor'], async () => (await import('./doctor.ts')).addDoctorCommand],
  [['completion'], async () => (await import('./completion.ts')).addCompletionCommands],
  [['upgrade-check'], async () => (await import('./upgrade-check.ts')).addUpgradeCheck],
  [['firmware'], async () => (await import('./firmware-commands.ts')).addFirmwareCommands],
  [['files'], async () => (await import('./file-commands.ts')).addFileCommands],
]

/**
 * The tree of commands. Parsing ends in {@link Run}, or throws a CommanderError.
 *
 * @param argv - the words that will be parsed; only their branch is built when they name one. @defaultValue all branches
 */
export async function buildProgram(parts: {
  argv?: readonly string[]
  version: string
  run: Run
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
}): Promise<Command> {
  const { argv = [], version, run, stdout, stderr } = parts
  const program = addOutputOptions(new Command('mooring'))
    .description('A self-hosted MQTT broker in which devices register themselves.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--data <dir>', 'the data folder (MOORING_DATA)')
    .option('--config <file>', 'the config file (MOORING_CONFIG; else mooring.yaml in the data folder, else here)')
    .option('--server <url>', 'ask a server elsewhere, over its admin API: https://broker.example:8443')
    .option('--api-token-file <file>', 'what is shown to it: a token of mooring apitoken create')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // Whoever catches the CommanderError prints it, in the form that was asked for.
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText('after', examples('mooring demo', 'mooring serve --data /var/lib/mooring', 'mooring token create'))
  for (const add of await groupsFor(program, argv)) add(program, run)
  return program
}

async function groupsFor(program: Command, argv: readonly string[]): Promise<Add[]> {
  const word = firstWord(program, argv)
  if (word === undefined && argv.some((one) => one === '-V' || one === '--version')) return []
  const named = GROUPS.filter(([words]) => word !== undefined && words.includes(word))
  return await Promise.all((named.length > 0 ? named : GROUPS).map(([, load]) => load()))
}

function firstWord({ options }: Command, argv: readonly string[]): string | undefined {
  const takesValue = (flag: string | undefined): boolean =>
    options.some(({ required, short, long }) => required && flag !== undefined && (flag === short || flag === long))
  return argv.find((word, at) => !word.startsWith('-') && !takesValue(argv[at - 1]))
}
