import type { Command } from 'commander'
import { type ServiceKeySummary, wholeList } from '../admin/index.ts'
import { collect, examples } from './help.ts'
import { fields, printable } from './output.ts'
import { secretOfFile } from './secret-input.ts'
import type { Run, Session } from './session.ts'

export function addKeyCommands(program: Command, run: Run): void {
  const key = program.command('key').alias('keys').description('service keys: MQTT access for your own software')

  key
    .command('create')
    .description('create a service key and print its secret, once')
    .requiredOption('--service <name>', 'what the key is for: letters, digits, ".", "_" and "-"')
    .option('--publish <filter>', 'a topic filter it may publish to; may be given more than once', collect)
    .option('--subscribe <filter>', 'a topic filter it may subscribe to; may be given more than once', collect)
    .option('--deny <filter>', 'a topic filter it may not reach; wins over the others', collect)
    .option('--address <network>', 'where it may log in from, such as 10.0.0.0/8; may be given more than once', collect)
    .option('--secret-file <file>', 'take the secret from a file instead of making one')
    .addHelpText(
      'after',
      '\nWithout --publish and --subscribe the key reaches everything under the topic root.\n' +
        examples(
          'mooring key create --service dashboard --subscribe "losant/+/state"',
          'mooring key create --service backend --deny "losant/+/private/#" --json',
        ),
    )
    .action((options: CreateOptions, command: Command) => run(command, (session) => createKey(session, options)))

  key
    .command('list')
    .description('list the service keys, without their secrets')
    .action((_options: unknown, command: Command) => run(command, listKeys))

  key
    .command('delete')
    .argument('<key>', 'the name or the access key')
    .description('delete a service key and end its connections')
    .addHelpText('after', examples('mooring key delete dashboard'))
    .action((name: string, _options: unknown, command: Command) => run(command, (session) => deleteKey(session, name)))
}

interface CreateOptions {
  readonly service: string
  readonly publish?: readonly string[]
  readonly subscribe?: readonly string[]
  readonly deny?: readonly string[]
  readonly address?: readonly string[]
  readonly secretFile?: string
}

async function createKey(session: Session, options: CreateOptions): Promise<void> {
  const { service: name, publish, subscribe, deny, address, secretFile } = options
  const secret = secretFile === undefined ? undefined : await secretOfFile(session.context, '--secret-file', secretFile)
  // An absent list means the default, an empty one would mean nothing at all.
  const rules = {
    ...(publish === undefined ? {} : { publish: [...publish] }),
    ...(subscribe === undefined ? {} : { subscribe: [...subscribe] }),
    ...(deny === undefined ? {} : { deny: [...deny] }),
  }
  const credentials = await session.withOperator((operator) =>
    operator.createServiceKey({
      name,
      rules,
      ...(address === undefined ? {} : { addresses: [...address] }),
      ...(secret === undefined ? {} : { secret }),
    }),
  )
  session.output.answer(credentials, () =>
    fields([
      ['name', credentials.name],
      ['access key', credentials.accessKey],
      ['access secret', secret === undefined ? credentials.accessSecret : `(the one in ${secretFile})`],
    ]),
  )
  if (secret === undefined) session.output.note('The secret is shown this once; only a hash of it is kept.')
}

async function listKeys(session: Session): Promise<void> {
  const keys = await session.withOperator((operator) =>
    wholeList(async (page) => {
      const { keys: items, next } = await operator.listServiceKeys(page)
      return { items, next }
    }),
  )
  const answer = { keys }
  session.output.answer(answer, () => {
    if (answer.keys.length === 0) return 'no service keys; make one with: mooring key create --service NAME'
    return session.output.table(
      ['NAME', 'ACCESS KEY', 'PUBLISH', 'SUBSCRIBE', 'DENY', 'CREATED'],
      answer.keys.map(rowOf),
    )
  })
}

const rowOf = ({ name, accessKey, rules, createdAt }: ServiceKeySummary): string[] => [
  name,
  accessKey,
  listed(rules.publish),
  listed(rules.subscribe),
  listed(rules.deny),
  createdAt,
]

const listed = (filters: readonly string[]): string => (filters.length === 0 ? '-' : filters.join(' '))

async function deleteKey(session: Session, key: string): Promise<void> {
  const answer = await session.withOperator((operator) => operator.deleteServiceKey({ key }))
  session.output.answer(answer, () => `deleted service key ${printable(answer.deleted)}`)
}
