import { InvalidArgumentError, type Command } from 'commander'
import { type Operator, type TokenSummary, wholeList } from '../admin/index.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { fields, printable } from './output.ts'
import type { Run, Session } from './session.ts'
import { parseCount } from './token-options.ts'

const EITHER = 'its ID (jti) or its name; legacy stands for all that were signed elsewhere'

/** What is kept of tokens, beside the tokens themselves. */
export function addTokenRecordCommands(token: Command, run: Run): void {
  token
    .command('list')
    .description('list the tokens that were made, revoked ones too')
    .action((_options: unknown, command: Command) => run(command, listTokens))

  token
    .command('get')
    .argument('<token>', EITHER)
    .description('show what a token permits and what was done with it')
    .addHelpText('after', examples('mooring token get line-3', 'mooring token get legacy'))
    .action((name: string, _options: unknown, command: Command) =>
      run(command, (session) => show(session, undefined, (operator) => operator.getToken({ token: name }))),
    )

  token
    .command('limit')
    .argument('<token>', EITHER)
    .option('--max-registrations <number>', 'how many devices it makes at most, or none', parseLimit)
    .option('--per-hour <number>', 'how many within an hour, or none', parseLimit)
    .description('change how often a token can be used, from the next request on')
    .addHelpText(
      'after',
      examples('mooring token limit line-3 --max-registrations 600', 'mooring token limit legacy --per-hour none'),
    )
    .action((name: string, options: LimitOptions, command: Command) =>
      run(command, (session) => limitToken(session, name, options)),
    )

  token
    .command('revoke')
    .argument('<token>', EITHER)
    .description('refuse a token from the next request on; the devices it made stay')
    .addHelpText('after', examples('mooring token revoke line-3', 'mooring token revoke legacy'))
    .action((name: string, _options: unknown, command: Command) =>
      run(command, (session) => show(session, 'revoked', (operator) => operator.revokeToken({ token: name }))),
    )

  token
    .command('reopen')
    .argument('<token>', 'legacy; another token that was revoked stays so')
    .description('accept the tokens that were signed elsewhere again')
    .addHelpText('after', examples('mooring token reopen legacy'))
    .action((name: string, _options: unknown, command: Command) =>
      run(command, (session) => show(session, 'reopened', (operator) => operator.reopenToken({ token: name }))),
    )
}

interface LimitOptions {
  readonly maxRegistrations?: number | 'none'
  readonly perHour?: number | 'none'
}

function parseLimit(text: string): number | 'none' {
  if (text === 'none') return text
  try {
    return parseCount(text)
  } catch {
    throw new InvalidArgumentError('It must be a number from 1, or none.')
  }
}

const numberOf = (limit: number | 'none'): number | null => (limit === 'none' ? null : limit)

async function limitToken(session: Session, token: string, { maxRegistrations, perHour }: LimitOptions): Promise<void> {
  if (maxRegistrations === undefined && perHour === undefined) {
    throw usageError('say what to change: --max-registrations or --per-hour')
  }
  await show(session, 'changed', (operator) =>
    operator.limitToken({
      token,
      ...(maxRegistrations === undefined ? {} : { maxRegistrations: numberOf(maxRegistrations) }),
      ...(perHour === undefined ? {} : { registrationsPerHour: numberOf(perHour) }),
    }),
  )
}

async function listTokens(session: Session): Promise<void> {
  const { output } = session
  const tokens = await session.withOperator((operator) =>
    wholeList(async (page) => {
      const { tokens: items, next } = await operator.listTokens(page)
      return { items, next }
    }),
  )
  const answer = { tokens }
  output.answer(answer, () =>
    output.table(['NAME', 'ID', 'STATE', 'USES', 'LAST USED', 'REFUSALS', 'EXPIRES'], answer.tokens.map(rowOf)),
  )
}

const rowOf = (token: TokenSummary): string[] => [
  token.name,
  token.id,
  token.state,
  usesOf(token),
  token.lastUsedAt ?? 'never',
  String(token.refusals.count),
  token.expiresAt ?? 'never',
]

const usesOf = ({ uses, maxRegistrations }: TokenSummary): string =>
  maxRegistrations === undefined ? String(uses) : `${uses} of ${maxRegistrations}`

/** @param done - the change that was made, for the first line. */
async function show(
  session: Session,
  done: string | undefined,
  work: (operator: Operator) => Promise<TokenSummary>,
): Promise<void> {
  const token = await session.withOperator(work)
  session.output.answer(token, () =>
    done === undefined ? describe(token) : `${done} ${printable(token.name)} (${printable(token.id)})`,
  )
}

function describe(token: TokenSummary): string {
  const { count, lastAt, lastCode } = token.refusals
  return fields([
    ['name', token.name],
    ['id', token.id],
    ['state', token.state],
    ['created', token.createdAt],
    ['expires', token.expiresAt ?? 'never'],
    ...only('revoked', token.revokedAt),
    ...only('signing key', token.signingKey),
    ['uses', usesOf(token)],
    ['last used', token.lastUsedAt ?? 'never'],
    ['refusals', lastAt === undefined ? `${count}` : `${count} since the start, the last ${lastCode} at ${lastAt}`],
    ...only('per hour', token.registrationsPerHour?.toString()),
    ...only('manufacturer IDs', token.manufacturerIds?.join(' ')),
    ...only('networks', token.networks?.join(' ')),
    ...only('recipe', token.recipe),
    ...only('tags', token.tags?.map(({ key, value }) => `${key}=${value}`).join(' ')),
    ...only('mode', token.mode),
    ...only('coming back', token.comingBack),
  ])
}

const only = (name: string, value: string | undefined): (readonly [string, string])[] =>
  value === undefined ? [] : [[name, value]]
