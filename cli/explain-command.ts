import type { Command } from 'commander'
import type { Operator } from '../admin/index.ts'
import { examples } from './help.ts'
import { COLUMNS, rowOf } from './journal-commands.ts'
import { fields, printable } from './output.ts'
import type { Run, Session } from './session.ts'

/** Of its entries, so many are shown to a person. */
const SHOWN_ENTRIES = 10

export function addExplainCommand(program: Command, run: Run): void {
  program
    .command('explain')
    .argument('<subject>', 'a device ID, a manufacturer ID, an access key or an IP address')
    .description('say why something cannot get in: what was tried last, and which check failed')
    .addHelpText('after', examples('mooring explain A1-0001', 'mooring explain 192.0.2.7'))
    .action((subject: string, _options: unknown, command: Command) =>
      run(command, (session) => explain(session, subject)),
    )
}

const SIGNS = { blocks: 'NO', warns: 'note', fine: 'ok' } as const

async function explain(session: Session, subject: string): Promise<void> {
  const { output } = session
  const explanation = await session.withOperator((operator) => operator.explain({ subject }))
  output.answer(explanation, () =>
    [
      ...headlineOf(explanation),
      fields(
        explanation.findings.map(({ check, verdict, text, at }) => [`${SIGNS[verdict]}  ${check}`, timed(text, at)]),
      ),
      ...(explanation.entries.length === 0
        ? []
        : ['', output.table(COLUMNS, explanation.entries.slice(0, SHOWN_ENTRIES).map(rowOf))]),
    ].join('\n'),
  )
}

const timed = (text: string, at: string | undefined): string => (at === undefined ? text : `${text} [${at}]`)

function headlineOf({ subject, findings }: Awaited<ReturnType<Operator['explain']>>): string[] {
  const reasons = findings.filter(({ verdict }) => verdict === 'blocks').map(({ check }) => check)
  const what = reasons.length === 0 ? 'nothing that is known here keeps it out' : `look at: ${reasons.join(', ')}`
  return [`${printable(subject)}: ${what}`, '']
}
