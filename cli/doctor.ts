import type { Command } from 'commander'
import { connectOperator, type Operator } from '../admin/index.ts'
import { accountFinding, configuredFindings, fileFindings, type Finding } from '../checks.ts'
import type { Config, LoadedConfig } from '../config.ts'
import { ExitCode, usageError } from './failure.ts'
import { printableLines } from './output.ts'
import type { Run, Session } from './session.ts'

const MARK = { ok: '✓', warning: '!', error: '✗' } as const
const COLOUR = { ok: 'green', warning: 'yellow', error: 'red' } as const

export function addDoctorCommand(program: Command, run: Run): void {
  program
    .command('doctor')
    .option('--strict', 'end with 1 also when there are only warnings')
    .description('look for what is wrong, or soon will be, and say what to do')
    .action((options: { strict?: true }, command: Command) =>
      run(command, (session) => examine(session, options.strict === true)),
    )
}

async function examine(session: Session, strict: boolean): Promise<number> {
  if (session.server !== undefined)
    throw usageError('mooring doctor looks at this machine: run it on the one of the server')
  const loaded = session.loadConfig()
  const { config } = loaded
  const operator = await connectOperator(config.data)
  const findings = [
    configFinding(loaded),
    await serverFinding(operator),
    ...(await configuredFindings(config)),
    ...(await serverFindings(config, operator)),
  ]
  const { output } = session
  output.answer({ findings }, () =>
    findings
      .map(({ check, state, text, hint }) => {
        const line = `${output.styled(COLOUR[state], MARK[state])} ${check.padEnd(11)} ${printableLines(text)}`
        return hint === undefined ? line : `${line}\n${' '.repeat(14)}→ ${printableLines(hint)}`
      })
      .join('\n'),
  )
  const failed = findings.some(({ state }) => state === 'error' || (strict && state === 'warning'))
  return failed ? ExitCode.failure : ExitCode.ok
}

function configFinding({ file, sources, warnings }: LoadedConfig): Finding {
  const own = [...sources.values()].filter(({ source }) => source !== 'default').length
  const where = file ?? 'no file'
  if (warnings.length > 0) return { check: 'config', state: 'warning', text: `${where}: ${warnings.join('; ')}` }
  return { check: 'config', state: 'ok', text: `${where}: valid, ${own} settings are not the defaults` }
}

async function serverFinding(operator: Operator | undefined): Promise<Finding> {
  if (operator === undefined) {
    return { check: 'server', state: 'warning', text: 'none runs with this data folder', hint: 'mooring serve' }
  }
  const { version, pid, uptimeSeconds, connectedClients } = await operator.status()
  const text = `mooring ${version}, pid ${pid}, up ${Math.round(uptimeSeconds)} s, ${connectedClients} clients connected`
  return { check: 'server', state: 'ok', text }
}

async function serverFindings({ limits, admin }: Config, operator: Operator | undefined): Promise<Finding[]> {
  if (operator === undefined) return await fileFindings({ limits }, 'self')
  const files = await fileFindings({ limits }, (await operator.status()).pid)
  if (admin.access === 'off') return files
  return [...files, accountFinding((await operator.listAccounts({ limit: 1 })).accounts.length > 0)]
}
