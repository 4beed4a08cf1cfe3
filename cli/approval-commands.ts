import type { Command } from 'commander'
import { MAX_ROWS_PER_PAGE } from '../admin/index.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import { parseLimitOf } from './parse-limit.ts'
import type { Run, Session } from './session.ts'

const STATES = ['waiting', 'approved', 'refused'] as const

export function addApprovalCommands(program: Command, run: Run): void {
  const approval = program
    .command('approval')
    .alias('approvals')
    .description('devices that asked to register and wait for you (registration.mode: approve)')

  approval
    .command('list')
    .description('list who waits, or what was decided')
    .option('--state <state>', STATES.join(', '), 'waiting')
    .option('--limit <number>', `how many, at most ${MAX_ROWS_PER_PAGE}`, parseLimitOf(MAX_ROWS_PER_PAGE), 100)
    .option('--after <manufacturer-id>', 'begin after this one')
    .action((options: ListOptions, command: Command) => run(command, (session) => listApprovals(session, options)))

  for (const [verb, decision, what] of [
    ['approve', 'approved', 'let devices register the next time they ask'],
    ['refuse', 'refused', 'refuse devices, now and whenever they ask again'],
  ] as const) {
    approval
      .command(verb)
      .argument('[manufacturer-id...]')
      .description(what)
      .option('--all', 'everyone who waits now')
      .addHelpText('after', examples(`mooring approval ${verb} A1-0001 A1-0002`, `mooring approval ${verb} --all`))
      .action((ids: readonly string[], options: { all?: true }, command: Command) =>
        run(command, (session) => decide(session, decision, ids, options.all === true)),
      )
  }
}

interface ListOptions {
  readonly state: string
  readonly limit: number
  readonly after?: string
}

async function listApprovals(session: Session, { state: text, limit, after }: ListOptions): Promise<void> {
  const { output } = session
  const state = STATES.find((one) => one === text)
  if (state === undefined) throw usageError(`--state ${JSON.stringify(text)} is none of ${STATES.join(', ')}`)
  const page = await session.withOperator((operator) =>
    operator.listApprovals({ state, limit, ...(after === undefined ? {} : { after }) }),
  )
  output.answer(page, () => {
    if (page.approvals.length === 0) return state === 'waiting' ? 'nobody waits' : 'none'
    return output.table(
      ['MANUFACTURER ID', 'STATE', 'ASKED', 'FROM', 'DECIDED'],
      page.approvals.map((one) => [one.manufacturerId, one.state, one.askedAt, one.address, one.decidedAt ?? '-']),
    )
  })
  if (page.next !== undefined) output.note(`There are more: --after ${printable(page.next)}`)
}

async function decide(
  session: Session,
  decision: 'approved' | 'refused',
  ids: readonly string[],
  all: boolean,
): Promise<void> {
  if (all === ids.length > 0) throw usageError('give manufacturer IDs, or --all for everyone who waits')
  const answer = await session.withOperator((operator) =>
    operator.decideApprovals({ decision, manufacturerIds: all ? 'all' : [...ids] }),
  )
  session.output.answer(answer, () => `${decision}: ${answer.decided}`)
}
