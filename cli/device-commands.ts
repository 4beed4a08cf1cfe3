import { InvalidArgumentError, type Command } from 'commander'
import { MAX_DEVICES_PER_PAGE, type Operator } from '../admin/index.ts'
import type { Device } from '../registry/index.ts'
import { parseSeconds } from './durations.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { fields, printable } from './output.ts'
import type { Run, Session } from './session.ts'
import { parseTag } from './token-options.ts'

const DEFAULT_PAGE = 100

const EITHER_ID = 'its device ID or its manufacturer ID'

export function addDeviceCommands(program: Command, run: Run): void {
  const device = program.command('device').alias('devices').description('devices that have registered')

  device
    .command('list')
    .description('list devices in the order they registered')
    .option('--limit <number>', `how many, at most ${MAX_DEVICES_PER_PAGE}`, parseLimit, DEFAULT_PAGE)
    .option('--after <device-id>', 'begin after this device')
    .addHelpText('after', examples('mooring device list', 'mooring device list --limit 1000 --json'))
    .action((options: ListOptions, command: Command) => run(command, (session) => listDevices(session, options)))

  device
    .command('get')
    .argument('<device>', EITHER_ID)
    .description('show one device')
    .addHelpText('after', examples('mooring device get A1-0001'))
    .action((id: string, _options: unknown, command: Command) => run(command, (session) => getDevice(session, id)))

  device
    .command('disable')
    .argument('<device>', EITHER_ID)
    .description('end its connection and refuse its logins until it is enabled again')
    .action((id: string, _options: unknown, command: Command) =>
      run(command, (session) => change(session, 'disabled', (operator) => operator.disableDevice({ device: id }))),
    )

  device
    .command('enable')
    .argument('<device>', EITHER_ID)
    .description('let a disabled device log in again')
    .action((id: string, _options: unknown, command: Command) =>
      run(command, (session) => change(session, 'enabled', (operator) => operator.enableDevice({ device: id }))),
    )

  device
    .command('rotate')
    .argument('<device>', EITHER_ID)
    .description('give it a new access secret and print it, once; the old one stops working')
    .action((id: string, _options: unknown, command: Command) => run(command, (session) => rotateDevice(session, id)))

  device
    .command('readmit')
    .argument('[device]', EITHER_ID)
    .option('--tag <key=value>', 'every device with this tag instead')
    .requiredOption('--for <duration>', 'how long, at most 30d')
    .description('let it register again and keep its ID, until it has logged in with what it got')
    .addHelpText(
      'after',
      examples('mooring device readmit A1-0001 --for 30m', 'mooring device readmit --tag line=3 --for 12h'),
    )
    .action((id: string | undefined, options: ReadmitOptions, command: Command) =>
      run(command, (session) => readmit(session, id, options)),
    )

  device
    .command('delete')
    .argument('<device>', EITHER_ID)
    .option('--yes', 'really do it')
    .description('forget a device; its manufacturer ID can register again')
    .addHelpText('after', examples('mooring device delete A1-0001 --yes'))
    .action((id: string, options: { yes?: true }, command: Command) =>
      run(command, (session) => deleteDevice(session, id, options.yes === true)),
    )
}

interface ListOptions {
  readonly limit: number
  readonly after?: string
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_DEVICES_PER_PAGE) return limit
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_DEVICES_PER_PAGE}.`)
}

async function listDevices(session: Session, { limit, after }: ListOptions): Promise<void> {
  const { output } = session
  const page = await session.withOperator((operator) =>
    operator.listDevices({ limit, ...(after === undefined ? {} : { after }) }),
  )
  output.answer(page, () => {
    if (page.devices.length > 0)
      return output.table(['ID', 'MANUFACTURER ID', 'NAME', 'STATE', 'REGISTERED'], page.devices.map(rowOf))
    return after === undefined ? 'no devices yet; they register with a token: mooring token create' : 'no more devices'
  })
  if (page.next !== undefined) output.note(`There are more: --after ${printable(page.next)}`)
}

const stateOf = ({ disabled }: Device): string => (disabled ? 'disabled' : 'active')

const rowOf = (device: Device): string[] => [
  device.id,
  device.manufacturerId,
  device.name,
  stateOf(device),
  device.registeredAt,
]

async function getDevice(session: Session, id: string): Promise<void> {
  const device = await session.withOperator((operator) => operator.getDevice({ device: id }))
  session.output.answer(device, () =>
    fields([
      ['id', device.id],
      ['manufacturer ID', device.manufacturerId],
      ['name', device.name],
      ['class', device.deviceClass],
      ['description', device.description],
      ['state', stateOf(device)],
      ['registered', device.registeredAt],
      ...device.tags.map(({ key, value }, index) => [index === 0 ? 'tags' : '', `${key}=${value}`] as const),
      ...device.attributes.map(
        ({ name, dataType }, index) => [index === 0 ? 'attributes' : '', `${name} (${dataType})`] as const,
      ),
    ]),
  )
}

async function change(session: Session, done: string, work: (operator: Operator) => Promise<Device>): Promise<void> {
  const device = await session.withOperator(work)
  session.output.answer(device, () => `${done} ${printable(device.manufacturerId)} (${printable(device.id)})`)
}

async function rotateDevice(session: Session, id: string): Promise<void> {
  const credentials = await session.withOperator((operator) => operator.rotateDevice({ device: id }))
  session.output.answer(credentials, () =>
    fields([
      ['device', credentials.deviceId],
      ['access key', credentials.accessKey],
      ['access secret', credentials.accessSecret],
    ]),
  )
  session.output.note('The secret is shown this once; only a hash of it is kept.')
}

interface ReadmitOptions {
  readonly tag?: string
  readonly for: string
}

async function readmit(session: Session, id: string | undefined, options: ReadmitOptions): Promise<void> {
  const forSeconds = parseSeconds('--for', options.for)
  if ((id === undefined) === (options.tag === undefined)) throw usageError('name a device, or a --tag')
  if (id !== undefined) {
    await change(session, 'readmitted', (operator) => operator.readmitDevice({ device: id, forSeconds }))
    return
  }
  const tag = parseTag(options.tag ?? '')
  const answer = await session.withOperator((operator) => operator.readmitDevices({ tag, forSeconds }))
  session.output.answer(answer, () => `readmitted ${answer.readmitted} devices`)
}

async function deleteDevice(session: Session, id: string, confirmed: boolean): Promise<void> {
  if (!confirmed) {
    throw usageError(
      `deleting ${JSON.stringify(id)} cannot be undone: its secret stops working, and its manufacturer ID becomes free`,
      'Add --yes to do it, or keep the device and shut it out: mooring device disable',
    )
  }
  await change(session, 'deleted', (operator) => operator.deleteDevice({ device: id }))
}
