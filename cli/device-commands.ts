import type { Command } from 'commander'
import {
  MAX_DEVICES_PER_PAGE,
  type DeviceAnswer,
  type DeviceChangeRequest,
  type DeviceFilterRequest,
  type Operator,
} from '../admin/index.ts'
import { stateOf } from '../registry/index.ts'
import { accessRows, addAccessCommand } from './device-access.ts'
import { changeSelected, changeTarget, NOT_BOTH } from './device-changes.ts'
import { addSelectionOptions, selectionOf, type SelectionOptions } from './device-selection.ts'
import { addImportCommands } from './device-import.ts'
import { durationOf, parseSeconds } from './durations.ts'
import { usageError } from './failure.ts'
import { collect, examples } from './help.ts'
import { fields, printable } from './output.ts'
import { parseLimitOf } from './parse-limit.ts'
import type { Run, Session } from './session.ts'
import { parseTag } from './tags.ts'

const DEFAULT_PAGE = 100

const EITHER_ID = 'its device ID or its manufacturer ID'

export function addDeviceCommands(program: Command, run: Run): void {
  const device = program.command('device').alias('devices').description('devices that have registered')

  addSelectionOptions(
    device
      .command('list')
      .description('list devices in the order they registered; with --prefix by their manufacturer IDs')
      .option(
        '--limit <number>',
        `how many, at most ${MAX_DEVICES_PER_PAGE}`,
        parseLimitOf(MAX_DEVICES_PER_PAGE),
        DEFAULT_PAGE,
      )
      .option('--after <device-id>', 'begin after this device, as the page before says'),
  )
    .addHelpText(
      'after',
      examples(
        'mooring device list',
        'mooring device list --state quarantined',
        'mooring device list --tag line=3 --since 7d --limit 1000 --json',
      ),
    )
    .action((options: ListOptions, command: Command) => run(command, (session) => listDevices(session, options)))

  device
    .command('get')
    .argument('<device>', EITHER_ID)
    .description('show one device')
    .addHelpText('after', examples('mooring device get A1-0001'))
    .action((id: string, _options: unknown, command: Command) => run(command, (session) => getDevice(session, id)))

  device
    .command('create')
    .argument('<manufacturer-id>', 'as the device would send it')
    .option('--recipe <name>', 'what it starts with (default: as configured)')
    .option('--tag <key=value>', 'a further tag; may be given more than once', collect)
    .description('put in a device by hand, without a token, and print its credentials, once')
    .addHelpText(
      'after',
      examples('mooring device create A1-0001', 'mooring device create A1-0001 --tag line=3 --json > credentials.json'),
    )
    .action((id: string, options: CreateOptions, command: Command) =>
      run(command, (session) => createDevice(session, id, options)),
    )

  addImportCommands(device, run)

  const simple = (kind: SimpleKind, description: string, ...lines: string[]): void => {
    const changing = bulkCommand(device, kind, description, lines)
    if (kind === 'disable') changing.alias('revoke')
    changing.action((id: string | undefined, options: ChangeOptions, command: Command) =>
      run(command, (session) => change(session, id, options, { kind })),
    )
  }
  simple(
    'disable',
    'end its connection and refuse its logins until it is enabled again',
    'mooring device disable A1-0001',
    'mooring device disable --tag line=3 --yes',
  )
  simple('enable', 'let a disabled device log in again')
  simple(
    'quarantine',
    'let it hear its commands and do nothing else, until it is released',
    'mooring device quarantine --token line-3 --since 2h --yes',
  )
  simple('release', 'end its quarantine')
  simple('disconnect', 'end its connection; it may come back at once')

  bulkCommand(device, 'rotate', 'give it a new access secret and print it, once; the old one stops working', [
    'mooring device rotate A1-0001',
    'mooring device rotate A1-0001 --overlap 1h',
    'mooring device rotate --tag line=3 --overlap 7d --yes -o csv > secrets.csv',
  ])
    .option('--overlap <duration>', 'how long the old secret stays valid (default: as configured)')
    .action((id: string | undefined, options: RotateOptions, command: Command) =>
      run(command, (session) => rotate(session, id, options)),
    )

  bulkCommand(device, 'tag', 'set and remove tags', [
    'mooring device tag A1-0001 --add line=3 --remove trial',
    'mooring device tag --prefix A1- --add line=3 --yes',
  ])
    .option('--add <key=value>', 'takes the place of all tags with this key; may be given more than once', collect)
    .option('--remove <key>', 'removes all tags with this key; may be given more than once', collect)
    .action((id: string | undefined, options: TagOptions, command: Command) =>
      run(command, (session) => change(session, id, options, tagChange(options))),
    )

  addAccessCommand(device, run)

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

  bulkCommand(device, 'delete', 'forget it; its manufacturer ID can register again', [
    'mooring device delete A1-0001 --yes',
  ]).action((id: string | undefined, options: ChangeOptions, command: Command) =>
    run(command, (session) => deleteDevices(session, id, options)),
  )
}

type SimpleKind = 'disable' | 'enable' | 'quarantine' | 'release' | 'disconnect'

function bulkCommand(device: Command, name: string, description: string, lines: readonly string[]): Command {
  const command = addSelectionOptions(
    device
      .command(name)
      .argument('[device]', `${EITHER_ID}; without it all that the options select`)
      .description(description),
  ).option('--yes', 'really do it to all that are selected; without it they are counted')
  return lines.length === 0 ? command : command.addHelpText('after', examples(...lines))
}

interface CreateOptions {
  readonly recipe?: string
  readonly tag?: readonly string[]
}

async function createDevice(session: Session, id: string, { recipe, tag = [] }: CreateOptions): Promise<void> {
  const tags = tag.map(parseTag)
  const made = await session.withOperator((operator) =>
    operator.createDevice({ manufacturerId: id, tags, ...(recipe === undefined ? {} : { recipe }) }),
  )
  showCredentials(session, made)
}

function showCredentials(
  { output }: Session,
  made: { readonly deviceId: string; readonly accessKey: string; readonly accessSecret: string },
): void {
  output.answer(made, () =>
    fields([
      ['device', made.deviceId],
      ['access key', made.accessKey],
      ['access secret', made.accessSecret],
    ]),
  )
  output.note('The secret is shown this once; only a hash of it is kept.')
}

interface ListOptions extends SelectionOptions {
  readonly limit: number
  readonly after?: string
}

interface ChangeOptions extends SelectionOptions {
  readonly yes?: true
}

interface RotateOptions extends ChangeOptions {
  readonly overlap?: string
}

interface TagOptions extends ChangeOptions {
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
}

async function listDevices(session: Session, { limit, after, ...selection }: ListOptions): Promise<void> {
  const { output } = session
  const filter = selectionOf(selection)
  const page = await session.withOperator((operator) => wholePage(operator, filter, limit, after))
  output.answer(page, () => {
    if (page.devices.length > 0) {
      return output.table(
        ['ID', 'MANUFACTURER ID', 'NAME', 'STATE', 'CONNECTED', 'REGISTERED'],
        page.devices.map(rowOf),
      )
    }
    if (after !== undefined) return 'no more devices'
    return Object.keys(filter).length > 0
      ? 'no such devices'
      : 'no devices yet; they register with a token: mooring token create'
  })
  if (page.next !== undefined) output.note(`There are more: --after ${printable(page.next)}`)
}

/** Asks until it is full: where few of many are wanted, a page of the server ends before it is. */
async function wholePage(
  operator: Operator,
  filter: DeviceFilterRequest,
  limit: number,
  after: string | undefined,
): Promise<{ devices: DeviceAnswer[]; next?: string }> {
  const devices: DeviceAnswer[] = []
  for (let from = after; ;) {
    const page = await operator.listDevices({
      ...filter,
      limit: limit - devices.length,
      ...(from === undefined ? {} : { after: from }),
    })
    devices.push(...page.devices)
    from = page.next
    if (from === undefined) return { devices }
    if (devices.length === limit) return { devices, next: from }
  }
}

const rowOf = (device: DeviceAnswer): string[] => [
  device.id,
  device.manufacturerId,
  device.name,
  stateOf(device),
  connectionOf(device),
  device.registeredAt,
]

function connectionOf({ connection }: DeviceAnswer): string {
  if (connection === undefined) return '-'
  const { connected, since, address } = connection
  return `${connected ? 'since' : 'until'} ${since} from ${address}`
}

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
      ...(device.registeredFrom === undefined ? [] : [['registered from', device.registeredFrom] as const]),
      ...(device.tokenId === undefined ? [] : [['token', device.tokenId] as const]),
      ['connected', connectionOf(device)],
      ...(device.access === undefined ? [] : accessRows(device.access)),
      ...device.tags.map(({ key, value }, index) => [index === 0 ? 'tags' : '', `${key}=${value}`] as const),
      ...device.attributes.map(
        ({ name, dataType }, index) => [index === 0 ? 'attributes' : '', `${name} (${dataType})`] as const,
      ),
    ]),
  )
}

async function change(
  session: Session,
  id: string | undefined,
  options: ChangeOptions,
  wanted: Exclude<DeviceChangeRequest, { kind: 'rotate' }>,
): Promise<void> {
  const many = { filter: selectionOf(options), confirmed: options.yes === true, change: wanted }
  await changeTarget(session, id, many, (operator, device) => {
    if (wanted.kind !== 'tag') return operator[`${wanted.kind}Device`]({ device })
    const { set, remove } = wanted
    return operator.tagDevice({
      device,
      ...(set === undefined ? {} : { set }),
      ...(remove === undefined ? {} : { remove }),
    })
  })
}

function tagChange({ add = [], remove = [] }: TagOptions): Extract<DeviceChangeRequest, { kind: 'tag' }> {
  if (add.length === 0 && remove.length === 0) throw usageError('say what is to change: --add key=value, --remove key')
  const tags = add.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw usageError(`--add ${JSON.stringify(pair)} is not of the form key=value`)
    return { key: pair.slice(0, at), value: pair.slice(at + 1) }
  })
  return { kind: 'tag', set: tags, remove: [...remove] }
}

async function rotate(session: Session, id: string | undefined, options: RotateOptions): Promise<void> {
  const { overlap, yes } = options
  const overlapSeconds = overlap === undefined ? undefined : Math.floor(durationOf('--overlap', overlap) / 1000)
  const given = overlapSeconds === undefined ? {} : { overlapSeconds }
  const filter = selectionOf(options)
  if (id === undefined) {
    return await changeSelected(session, { filter, confirmed: yes === true, change: { kind: 'rotate', ...given } })
  }
  if (Object.keys(filter).length > 0) throw usageError(NOT_BOTH)
  const credentials = await session.withOperator((operator) => operator.rotateDevice({ device: id, ...given }))
  showCredentials(session, credentials)
}

interface ReadmitOptions {
  readonly tag?: string
  readonly for: string
}

async function readmit(session: Session, id: string | undefined, options: ReadmitOptions): Promise<void> {
  const forSeconds = parseSeconds('--for', options.for)
  if ((id === undefined) === (options.tag === undefined)) throw usageError('name a device, or a --tag')
  if (id !== undefined) {
    const device = await session.withOperator((operator) => operator.readmitDevice({ device: id, forSeconds }))
    session.output.answer(device, () => `readmitted ${printable(device.manufacturerId)} (${printable(device.id)})`)
    return
  }
  const tag = parseTag(options.tag ?? '')
  const answer = await session.withOperator((operator) => operator.readmitDevices({ tag, forSeconds }))
  session.output.answer(answer, () => `readmitted ${answer.readmitted} devices`)
}

async function deleteDevices(session: Session, id: string | undefined, options: ChangeOptions): Promise<void> {
  if (id !== undefined && options.yes !== true) {
    throw usageError(
      `deleting ${JSON.stringify(id)} cannot be undone: its secret stops working, and its manufacturer ID becomes free`,
      'Add --yes to do it, or keep the device and shut it out: mooring device disable',
    )
  }
  await change(session, id, options, { kind: 'delete' })
}
