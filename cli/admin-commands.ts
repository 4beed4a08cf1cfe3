import { Option, type Command } from 'commander'
import { type AccountSummary, wholeList } from '../admin/index.ts'
import { ROLES, type Role } from '../registry/index.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import { readSecret } from './secret-input.ts'
import type { Run, Session } from './session.ts'

const ROLE = (): Option => new Option('--role <role>', 'what it may do').choices(ROLES)
const PASSWORD_FILE = ['--password-file <file>', 'take the password from a file instead of asking for it'] as const
const FROM_STDIN = '\nThe password is asked for on a terminal, and read from stdin elsewhere.\n'

export function addAdminCommands(program: Command, run: Run): void {
  const admin = program.command('admin').alias('admins').description('accounts of the admin API and its page')

  admin
    .command('create')
    .argument('<name>', 'letters, digits, ".", "_", "@" and "-"')
    .addOption(ROLE().default('admin'))
    .option(...PASSWORD_FILE)
    .description('create an account')
    .addHelpText(
      'after',
      FROM_STDIN + examples('mooring admin create ops', 'mooring admin create night-shift --role viewer < password'),
    )
    .action((name: string, options: CreateOptions, command: Command) =>
      run(command, (session) => createAccount(session, name, options)),
    )

  admin
    .command('list')
    .description('list the accounts')
    .action((_options: unknown, command: Command) => run(command, listAccounts))

  admin
    .command('passwd')
    .argument('<account>', 'its name')
    .option(...PASSWORD_FILE)
    .description('give an account another password, and end its sessions')
    .addHelpText('after', FROM_STDIN + examples('mooring admin passwd ops'))
    .action((name: string, options: PasswordOptions, command: Command) =>
      run(command, (session) => setPassword(session, name, options)),
    )

  admin
    .command('role')
    .argument('<account>', 'its name')
    .argument('<role>', ROLES.join(', '), parseRole)
    .description('give an account another role, and end its sessions')
    .action((name: string, role: Role, _options: unknown, command: Command) =>
      run(command, (session) => setRole(session, name, role)),
    )

  admin
    .command('remove')
    .argument('<account>', 'its name')
    .description('remove an account, and end its sessions')
    .action((name: string, _options: unknown, command: Command) =>
      run(command, (session) => removeAccount(session, name)),
    )

  for (const [parent, name] of [
    [admin, 'setup-url'],
    [program, 'setup'],
  ] as const) {
    parent
      .command(name)
      .description('make a code that is good for one account with the role admin, and print where to enter it')
      .action((_options: unknown, command: Command) => run(command, makeSetupCode))
  }
}

interface PasswordOptions {
  readonly passwordFile?: string
}

interface CreateOptions extends PasswordOptions {
  readonly role: Role
}

function parseRole(text: string): Role {
  const role = ROLES.find((one) => one === text)
  if (role === undefined) throw usageError(`${JSON.stringify(text)} is no role; there are ${ROLES.join(', ')}`)
  return role
}

async function createAccount(session: Session, name: string, { role, passwordFile }: CreateOptions): Promise<void> {
  const password = await readPassword(session, passwordFile)
  const account = await session.withOperator((operator) => operator.createAccount({ name, role, password }))
  session.output.answer(account, () => `account ${printable(name)} created, with the role ${role}`)
}

const readPassword = (session: Session, file: string | undefined): Promise<string> =>
  readSecret(session, '--password-file', file, 'Password (at least 12 characters)')

async function listAccounts(session: Session): Promise<void> {
  const accounts = await session.withOperator((operator) =>
    wholeList(async (page) => {
      const { accounts: items, next } = await operator.listAccounts(page)
      return { items, next }
    }),
  )
  const answer = { accounts }
  session.output.answer(answer, () => {
    if (answer.accounts.length === 0) return 'no accounts; make one with: mooring admin create NAME'
    return session.output.table(['NAME', 'ROLE', 'CREATED', 'PASSWORD SINCE'], answer.accounts.map(rowOf))
  })
}

const rowOf = ({ name, role, createdAt, passwordChangedAt }: AccountSummary): string[] => [
  name,
  role,
  createdAt,
  passwordChangedAt,
]

async function setPassword(session: Session, name: string, { passwordFile }: PasswordOptions): Promise<void> {
  const password = await readPassword(session, passwordFile)
  const account = await session.withOperator((operator) => operator.setAccountPassword({ name, password }))
  session.output.answer(account, () => `account ${printable(name)} has a new password; its sessions ended`)
}

async function setRole(session: Session, name: string, role: Role): Promise<void> {
  const account = await session.withOperator((operator) => operator.setAccountRole({ name, role }))
  session.output.answer(account, () => `account ${printable(name)} has the role ${role}; its sessions ended`)
}

async function removeAccount(session: Session, name: string): Promise<void> {
  const account = await session.withOperator((operator) => operator.removeAccount({ name }))
  session.output.answer(account, () => `account ${printable(name)} removed`)
}

async function makeSetupCode(session: Session): Promise<void> {
  const hint = 'The code is good at a running server. Without one: mooring admin create NAME'
  const operator = await session.needServer(hint)
  const answer = await operator.createSetupCode()
  session.output.answer(answer, () => [`setup code  ${answer.code}`, ...answer.urls].join('\n'))
  session.output.note(`Good for one account, until ${answer.expiresAt}. The code before is void.`)
  if (answer.urls.length === 0) session.output.note('The admin API is off: admin.access or listen.admin turns it on.')
}
