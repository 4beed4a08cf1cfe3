import type { Command } from 'commander'
import { resolve } from 'node:path'
import { restoreBackup, verifyBackup, type BackupSummary, type VerifiedBackup } from '../upkeep/index.ts'
import { ExitCode } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import type { Run, Session } from './session.ts'
import { countsText, faultTexts, totalOf } from './store-commands.ts'

export function addBackupCommands(program: Command, run: Run): void {
  const backup = program.command('backup').description('copies of the store, taken while the server runs')

  backup
    .command('create')
    .option('--to <path>', 'a file that is not there yet, or a folder (else backups/ in the data folder)')
    .description('write all that the store holds at this moment to one file')
    .addHelpText('after', examples('mooring backup create', 'mooring backup create --to /mnt/nas/'))
    .action((options: { to?: string }, command: Command) => run(command, (session) => create(session, options.to)))

  backup
    .command('verify')
    .argument('<file>')
    .description('read a backup to its end, and say whether it is whole')
    .addHelpText('after', examples('mooring backup verify /mnt/nas/mooring-20261124T154500Z.jsonl.gz'))
    .action((file: string, _options: unknown, command: Command) => run(command, (session) => verify(session, file)))

  backup
    .command('restore')
    .argument('<file>')
    .description('make a data folder of a backup; it must not hold anything yet')
    .addHelpText('after', examples('mooring backup restore mooring-20261124T154500Z.jsonl.gz --data restored'))
    .action((file: string, _options: unknown, command: Command) => run(command, (session) => restore(session, file)))
}

async function create(session: Session, to: string | undefined): Promise<void> {
  // The server may have another working folder.
  const request = to === undefined ? {} : { to: resolve(session.context.cwd, to) }
  const summary = await session.withOperator((operator) => operator.createBackup(request))
  session.output.answer(summary, () => `backed up: ${textOf(summary)}`)
  noteSecrets(session, summary)
}

function noteSecrets(session: Session, { files }: BackupSummary): void {
  if (files.length === 0) return
  session.output.note(
    `It holds ${files.join(' and ')}: whoever has it can register devices. Keep it as safe as the data folder.`,
  )
}

async function verify(session: Session, file: string): Promise<number> {
  const backup = await verifyBackup(resolve(session.context.cwd, file))
  session.output.answer(backup, () => [`whole: ${textOf(backup)}`, ...faultTexts(backup.faults)].join('\n'))
  return soundness(session, backup)
}

function soundness(session: Session, { sound }: VerifiedBackup): number {
  if (sound) return ExitCode.ok
  session.output.note('The store that it was made of was damaged. Restore it, and then: mooring store repair')
  return ExitCode.failure
}

async function restore(session: Session, file: string): Promise<number> {
  const { config } = session.loadConfig()
  const restored = await restoreBackup(resolve(session.context.cwd, file), config.data)
  session.output.answer(restored, () =>
    [`restored ${printable(restored.data)} from: ${textOf(restored)}`, ...faultTexts(restored.faults)].join('\n'),
  )
  session.output.note('recipes/ and mooring.yaml are not in a backup: copy yours into it before the server starts.')
  return soundness(session, restored)
}

const textOf = ({ file, createdAt, version, records, sha256 }: BackupSummary): string =>
  [
    `${printable(file)}, ${totalOf(records)} records of ${createdAt}, by Mooring ${printable(version)}`,
    countsText(records),
    `  sha256 ${sha256}`,
  ].join('\n')
