import type { Command } from 'commander'
import { connectOperator } from '../admin/index.ts'
import type { Config } from '../config.ts'
import type { RecordFault } from '../storage/index.ts'
import { repairStore, verifyStore, type Counts, type DamageReport, type ExaminedFolder } from '../upkeep/index.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { examples } from './help.ts'
import { fields, printable } from './output.ts'
import type { Run, Session } from './session.ts'

/** A store that has lost a table has lost thousands of records; a person wants to see of what kind. */
const MAX_FAULTS_SHOWN = 20

export function addStoreCommands(program: Command, run: Run): void {
  const store = program.command('store').description('the store of a server that does not run')

  store
    .command('verify')
    .description('read every file and record, and say what is damaged; changes nothing')
    .addHelpText('after', examples('mooring store verify', 'mooring store verify --data /var/lib/mooring --json'))
    .action((_options: unknown, command: Command) => run(command, verify))

  store
    .command('repair')
    .option('--yes', 'really do it')
    .description('make a store of all that can be read; the damaged one is kept beside it')
    .addHelpText('after', examples('mooring store repair --yes'))
    .action((options: { yes?: true }, command: Command) =>
      run(command, (session) => repair(session, options.yes === true)),
    )
}

async function verify(session: Session): Promise<number> {
  const { config } = session.loadConfig()
  await refuseRunning(config)
  const report = await verifyStore(examined(config))
  const { damages, faults, records } = report
  session.output.answer(report, () =>
    report.sound
      ? `sound: ${totalOf(records)} records in ${printable(config.data)}\n${countsText(records)}`
      : [
          `damaged: ${printable(config.data)}`,
          ...damages.map(damageText),
          ...faultTexts(faults),
          `  ${totalOf(records)} records can be read:`,
          countsText(records),
        ].join('\n'),
  )
  if (report.sound) return ExitCode.ok
  session.output.note('Restore a backup, or keep what can be read: mooring store repair --yes')
  return ExitCode.failure
}

async function repair(session: Session, confirmed: boolean): Promise<number> {
  if (!confirmed) {
    throw usageError(
      'a repair gives up what cannot be read, and records that are left may be older than what was acknowledged',
      'See what it is first: mooring store verify. A backup is better, when there is one. Add --yes to repair.',
    )
  }
  const { config } = session.loadConfig()
  await refuseRunning(config)
  const report = await repairStore(examined(config))
  const { repaired, damages, faults, kept, aside, left } = report
  session.output.answer(report, () =>
    repaired
      ? [
          `repaired: ${printable(config.data)}`,
          ...damages.map(damageText),
          ...faultTexts(faults),
          `  kept ${totalOf(kept)} records:`,
          countsText(kept),
          ...aside.map((file) => `  what was there before: ${printable(file)}`),
        ].join('\n')
      : `nothing to repair in ${printable(config.data)}`,
  )
  if (damages.length > 0) {
    session.output.note(
      'Where the newest of a record was lost an older one may have come back: look at devices that were disabled, ' +
        'deleted or given another secret since. Take a backup when all is well.',
    )
  }
  for (const { file, problem } of left) session.output.note(`Not repaired: ${file} ${problem}.`)
  return left.length > 0 ? ExitCode.failure : ExitCode.ok
}

async function refuseRunning({ data }: Config): Promise<void> {
  if ((await connectOperator(data)) === undefined) return
  throw new CliError(ExitCode.conflict, 'ERR_STORE_IN_USE', `a server runs on ${data}`, {
    hint: 'Stop it first: what it writes at this moment would look like damage.',
  })
}

/** Settings that make a file of the data folder superfluous. */
function examined({ data, registration }: Config): ExaminedFolder {
  const configured = new Set<string>()
  if (registration.secret !== undefined) configured.add('registration-secret')
  if (registration.issuer !== undefined) configured.add('registration-issuer')
  return { folder: data, configured }
}

const damageText = ({ file, problem, lost }: DamageReport): string => {
  const between = lost === undefined ? '' : `; lost are records from ${lost.from} to ${lost.to}`
  return `  ${printable(file)} ${problem}${printable(between)}`
}

export function faultTexts(faults: readonly RecordFault[]): string[] {
  const shown = faults
    .slice(0, MAX_FAULTS_SHOWN)
    .map(({ room, key, problem }) => printable(`  ${room} ${key}: ${problem}`))
  const more = faults.length - shown.length
  return more > 0 ? [...shown, `  and ${more} more records; all of them with --json`] : shown
}

export const countsText = (counts: Counts): string =>
  fields(Object.entries(counts).map(([room, count]) => [`    ${room}`, `${count}`]))

export const totalOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
