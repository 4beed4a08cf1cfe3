import { Option, type Command } from 'commander'
import { type ApiTokenSummary, wholeList } from '../admin/index.ts'
import { ROLES, type Role } from '../registry/index.ts'
import { parseExpires } from './durations.ts'
import { collect, examples } from './help.ts'
import { printable } from './output.ts'
import type { Run, Session } from './session.ts'

export function addApiTokenCommands(program: Command, run: Run): void {
  const token = program
    .command('apitoken')
    .alias('apitokens')
    .description('tokens with which programs use the admin API')

  token
    .command('create')
    .argument('<name>', 'what it is for: letters, digits, ".", "_", "@" and "-"')
    .addOption(new Option('--role <role>', 'as much as an account of this role').choices(ROLES).default('operator'))
    .option(
      '--scope <scope>',
      'only there: a first level of a path such as devices, or devices:read; may be given more than once',
      collect,
    )
    .option('--expires <duration>', 'lifetime, such as 90d or 12h (default: it never expires)')
    .description('print a token, once')
    .addHelpText(
      'after',
      examples(
        'mooring apitoken create dashboard --role viewer --expires 90d',
        'mooring apitoken create line-3 --scope devices:read --scope tokens',
      ),
    )
    .action((name: string, options: CreateOptions, command: Command) =>
      run(command, (session) => createApiToken(session, name, options)),
    )

  token
    .command('list')
    .description('list the tokens, without what they are')
    .action((_options: unknown, command: Command) => run(command, listApiTokens))

  token
    .command('revoke')
    .argument('<apitoken>', 'its name')
    .description('revoke a token; it stops working at once')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, (session) => revokeApiToken(session, name)),
    )
}

interface CreateOptions {
  readonly role: Role
  readonly scope?: readonly string[]
  readonly expires?: string
}

async function createApiToken(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { role, scope = ['*'], expires } = options
  const expiresInSeconds = expires === undefined ? undefined : parseExpires(expires)
  const answer = await session.withOperator((operator) =>
    operator.createApiToken({
      name,
      role,
      scopes: [...scope],
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    }),
  )
  session.output.answer(answer, () => answer.token)
  session.output.note('The token is shown this once; only a digest of it is kept.')
}

async function listApiTokens(session: Session): Promise<void> {
  const apiTokens = await session.withOperator((operator) =>
    wholeList(async (page) => {
      const { apiTokens: items, next } = await operator.listApiTokens(page)
      return { items, next }
    }),
  )
  const answer = { apiTokens }
  session.output.answer(answer, () => {
    if (answer.apiTokens.length === 0) return 'no API tokens; make one with: mooring apitoken create NAME'
    return session.output.table(
      ['NAME', 'ROLE', 'SCOPES', 'CREATED', 'EXPIRES', 'LAST USED'],
      answer.apiTokens.map(rowOf),
    )
  })
}

const rowOf = ({ name, role, scopes, createdAt, expiresAt, lastUsedAt }: ApiTokenSummary): string[] => [
  name,
  role,
  scopes.join(' '),
  createdAt,
  expiresAt ?? 'never',
  lastUsedAt ?? 'never',
]

async function revokeApiToken(session: Session, name: string): Promise<void> {
  const answer = await session.withOperator((operator) => operator.revokeApiToken({ name }))
  session.output.answer(answer, () => `revoked API token ${printable(answer.revoked)}`)
}
