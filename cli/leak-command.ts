import type { Command } from 'commander'
import { MAX_DEVICES_PER_PAGE, type DeviceAnswer, type DeviceFilterRequest, type Operator } from '../admin/index.ts'
import { stateOf } from '../registry/index.ts'
import { changeMany } from './device-changes.ts'
import { selectionOf } from './device-selection.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import type { Run, Session } from './session.ts'

export const addLeakCommand = (token: Command, run: Run): Command =>
  token
    .command('leak')
    .argument('<token>', 'the ID or the name of the token that others have')
    .description('revoke a token which leaked, list the devices that registered with it, and shut them out')
    .option(
      '--since <time>',
      'only those that registered since then: 2026-01-31, an ISO 8601 time, or how long ago, as 2h',
    )
    .option('--list', 'list them with the addresses they came from, and change nothing')
    .option('--quarantine', 'revoke it, list them, and let them hear their commands and nothing else')
    .option('--rotate', 'revoke it, list them, and give them new secrets, which are printed once')
    .option('--yes', 'really do it; without it they are listed and counted')
    .addHelpText(
      'after',
      examples(
        'mooring token leak line-3 --since 2h --list',
        'mooring token leak line-3 --since 2h --quarantine --yes',
      ),
    )
    .action((id: string, options: LeakOptions, command: Command) =>
      run(command, (session) => leak(session, id, options)),
    )

interface LeakOptions {
  readonly since?: string
  readonly list?: true
  readonly quarantine?: true
  readonly rotate?: true
  readonly yes?: true
}

async function leak(session: Session, token: string, options: LeakOptions): Promise<void> {
  const { since, list, quarantine, rotate, yes } = options
  if ([list, quarantine, rotate].filter((chosen) => chosen).length !== 1) {
    throw usageError('say what is to be done: one of --list, --quarantine and --rotate')
  }
  await session.withOperator(async (operator) => {
    const { id, state } = await operator.getToken({ token })
    // First of all: while the devices are listed others may still register with it.
    if (yes && !list && state !== 'revoked') await operator.revokeToken({ token: id })
    const filter = selectionOf({ token: id, ...(since === undefined ? {} : { since }) })
    const devices = await listAll(session, operator, filter, list === true)
    if (list) return
    const change = { kind: rotate ? 'rotate' : 'quarantine' } as const
    await changeMany(session.output, operator, { filter, confirmed: yes === true, change, told: { devices } })
  })
}

/** @param isAnswer - whether a program that asks gets the list too. */
async function listAll(
  session: Session,
  operator: Operator,
  filter: DeviceFilterRequest,
  isAnswer: boolean,
): Promise<readonly DeviceAnswer[]> {
  const { output } = session
  const devices: DeviceAnswer[] = []
  for (let after: string | undefined; ;) {
    const page = await operator.listDevices({
      ...filter,
      limit: MAX_DEVICES_PER_PAGE,
      ...(after === undefined ? {} : { after }),
    })
    devices.push(...page.devices)
    after = page.next
    if (after === undefined) break
  }
  const text = (): string =>
    devices.length === 0
      ? 'no device registered with it'
      : output.table(['ID', 'MANUFACTURER ID', 'STATE', 'REGISTERED', 'FROM'], devices.map(rowOf))
  if (isAnswer) output.answer({ devices }, text)
  else output.line(text())
  return devices
}

const rowOf = (device: DeviceAnswer): string[] => [
  device.id,
  device.manufacturerId,
  stateOf(device),
  device.registeredAt,
  device.registeredFrom ?? '-',
]
