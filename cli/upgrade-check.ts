import type { Command } from 'commander'
import { resolve } from 'node:path'
import { connectOperator } from '../admin/index.ts'
import { checkFolder, type FolderCheck } from '../storage/index.ts'
import { CliError, ExitCode } from './failure.ts'
import { examples } from './help.ts'
import { printableLines } from './output.ts'
import type { Run, Session } from './session.ts'

export function addUpgradeCheck(program: Command, run: Run): void {
  program
    .command('upgrade-check')
    .argument('<dir>', 'a data folder, or a copy of one')
    .description('say whether this version can open a data folder, and what it would change first; touches nothing')
    .addHelpText('after', examples('mooring upgrade-check /var/lib/mooring'))
    .action((dir: string, _options: unknown, command: Command) => run(command, (session) => upgradeCheck(session, dir)))
}

async function upgradeCheck({ context, output }: Session, given: string): Promise<void> {
  const folder = resolve(context.cwd, given)
  const check = await checkFolder(folder)
  if (check === undefined) {
    throw new CliError(ExitCode.notFound, 'ERR_NOT_FOUND', `${folder} holds no data of Mooring's`, {
      hint: 'Name the folder that mooring config show calls data.',
    })
  }
  const running = (await connectOperator(folder)) !== undefined
  output.answer({ folder, version: context.version, ...check, running }, () =>
    printableLines(describe(folder, context.version, check)),
  )
  if (running) output.note('A server runs on it. Stop it before the new version is started.')
}

function describe(folder: string, version: string, { format, migrations }: FolderCheck): string {
  const can = `Mooring ${version} can open ${folder} (format ${format}).`
  if (migrations.length === 0) return `${can} Nothing in it has to change.`
  const steps = migrations.map((what, index) => `  to format ${format + index + 1}: ${what}`)
  return [`${can} Its first start makes a backup inside it, and then changes the store:`, ...steps].join('\n')
}
