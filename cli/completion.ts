import { RootCommand, script } from '@bomb.sh/tab'
import { Argument, type Command } from 'commander'
import { connectOperator, type Operator } from '../admin/index.ts'
import { examples } from './help.ts'
import { Session, type Run } from './session.ts'

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const

/** Somebody waits with a finger on the key. */
const PATIENCE = { connectMs: 300, answerMs: 1000 }
const MOST = 200

type Candidate = readonly [value: string, description: string]

/** What stands for an argument of this name, from the running server. */
const candidatesFor: Readonly<Record<string, (operator: Operator) => Promise<Candidate[]>>> = {
  device: async (operator) => {
    const { devices } = await operator.listDevices({ limit: MOST })
    return devices.flatMap(({ id, manufacturerId, name }): Candidate[] => [
      [manufacturerId, name],
      [id, name],
    ])
  },
  key: async (operator) =>
    (await operator.listServiceKeys({ limit: MOST })).keys.map(({ name, accessKey }) => [name, accessKey]),
  token: async (operator) => (await operator.listTokens({ limit: MOST })).tokens.map(({ name, id }) => [name, id]),
  account: async (operator) =>
    (await operator.listAccounts({ limit: MOST })).accounts.map(({ name, role }) => [name, role]),
  apitoken: async (operator) =>
    (await operator.listApiTokens({ limit: MOST })).apiTokens.map(({ name, role }) => [name, role]),
}

export function addCompletionCommands(program: Command, run: Run): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .description('print what makes a shell complete these commands, with devices from the running server')
    .addHelpText(
      'after',
      examples(
        'source <(mooring completion bash)',
        'mooring completion zsh > "${fpath[1]}/_mooring"',
        'mooring completion fish > ~/.config/fish/completions/mooring.fish',
        'mooring completion powershell | Out-String | Invoke-Expression',
      ),
    )
    .action((shell: string, _options: unknown, command: Command) =>
      // The package prints it itself.
      run(command, async () => script(shell, 'mooring', 'mooring')),
    )

  program
    .command('complete', { hidden: true })
    .argument('[words...]', 'a command line so far, after --')
    .description('print how a command line can go on; what the shells ask')
    .action((words: string[], _options: unknown, command: Command) =>
      run(command, ({ context, output }) => offer(program, words, (options) => new Session(context, output, options))),
    )
}

type Options = ConstructorParameters<typeof Session>[2]

async function offer(program: Command, words: string[], open: (options: Options) => Session): Promise<void> {
  const known = namesOf(program, words)
  const wanted = argumentsOf(commandOf(program, known)).filter((name) => Object.hasOwn(candidatesFor, name))
  const candidates = wanted.length === 0 ? new Map<string, Candidate[]>() : await ask(open(dataOf(words)), wanted)
  treeOf(program, candidates).parse(known)
}

/** Aliases become names. */
function namesOf(program: Command, words: readonly string[]): string[] {
  const alias = new Map(program.commands.flatMap((command) => command.aliases().map((one) => [one, command.name()])))
  return words.map((word) => alias.get(word) ?? word)
}

function commandOf(program: Command, words: readonly string[]): Command {
  return words.reduce((command, word) => command.commands.find((one) => one.name() === word) ?? command, program)
}

const argumentsOf = (command: Command): string[] => command.registeredArguments.map((argument) => argument.name())

/** Which server is meant stands in the words themselves. */
function dataOf(words: readonly string[]): Options {
  const after = (flag: string): object => {
    const at = words.indexOf(flag)
    const value = words[at + 1]
    return at === -1 || value === undefined ? {} : { [flag.slice(2)]: value }
  }
  return { ...after('--data'), ...after('--config') }
}

/** Nothing, when nobody answers in time: whoever types would only be disturbed. */
async function ask(session: Session, names: readonly string[]): Promise<Map<string, Candidate[]>> {
  try {
    const operator = await connectOperator(session.loadConfig().config.data, PATIENCE)
    if (operator === undefined) return new Map()
    const found = names.map(async (name) => {
      const candidates = (await candidatesFor[name]?.(operator)) ?? []
      return [name, candidates.flatMap(harmless)] as const
    })
    return new Map(await Promise.all(found))
  } catch {
    return new Map()
  }
}

/**
 * Shells expand what they are offered, and the line that it becomes a part of. Devices choose their manufacturer IDs, and
 * one that is called $(reboot) must not be run by the operator's shell: it is left out.
 */
function harmless([value, description]: Candidate): Candidate[] {
  if (!/^\w[\w@%+=:,./-]*$/.test(value)) return []
  return [[value, description.replaceAll(/[^\w @%+=,./-]/g, ' ')]]
}

/** The commands as the completion package knows them. */
function treeOf(program: Command, candidates: ReadonlyMap<string, readonly Candidate[]>): RootCommand {
  const root = new RootCommand()
  addOptions(root, program)
  addTo(program, '')
  return root

  function addTo(parent: Command, path: string): void {
    for (const command of parent.createHelp().visibleCommands(parent)) {
      const own = `${path} ${command.name()}`.trim()
      const node = root.command(own, command.description())
      addOptions(node, command)
      for (const argument of command.registeredArguments) {
        const { argChoices = [] } = argument
        const offered = candidates.get(argument.name()) ?? argChoices.map((choice): Candidate => [choice, ''])
        node.argument(
          argument.name(),
          (give) => {
            for (const [value, description] of offered) give(value, description)
          },
          argument.variadic,
        )
      }
      addTo(command, own)
    }
  }
}

function addOptions(node: ReturnType<RootCommand['command']>, command: Command): void {
  for (const { long, short, description, required, argChoices = [] } of command.createHelp().visibleOptions(command)) {
    const name = long?.slice(2)
    const alias = short?.slice(1)
    if (name === undefined) continue
    if (!required) node.option(name, description, alias)
    else {
      const giveChoices = (give: (value: string, text: string) => void): void => {
        for (const choice of argChoices) give(choice, '')
      }
      node.option(name, description, giveChoices, alias)
    }
  }
}
