import {
  MAX_CHANGES_PER_PAGE,
  type DeviceAnswer,
  type DeviceChangeRequest,
  type DeviceFilterRequest,
  type Operator,
} from '../admin/index.ts'
import { usageError } from './failure.ts'
import { printable, type Output } from './output.ts'
import type { Session } from './session.ts'

const DONE = {
  disable: 'disabled',
  enable: 'enabled',
  quarantine: 'quarantined',
  release: 'released',
  disconnect: 'disconnected',
  delete: 'deleted',
  rotate: 'given new secrets',
  tag: 'tagged',
} as const satisfies Record<DeviceChangeRequest['kind'], string>

export const NOT_BOTH = 'name one device, or say which ones are meant, and not both'

/** The change of one device, named by either ID, or of those that are selected. */
export async function changeTarget(
  session: Session,
  id: string | undefined,
  many: Many,
  one: (operator: Operator, id: string) => Promise<DeviceAnswer>,
): Promise<void> {
  if (id === undefined) return await changeSelected(session, many)
  if (Object.keys(many.filter).length > 0) throw usageError(NOT_BOTH)
  const { kind } = many.change
  const device = await session.withOperator((operator) => one(operator, id))
  session.output.answer(device, () => `${DONE[kind]} ${printable(device.manufacturerId)} (${printable(device.id)})`)
}

export async function changeSelected(session: Session, many: Many): Promise<void> {
  if (Object.keys(many.filter).length === 0) {
    throw usageError('name a device, or say which ones are meant: --tag, --token, --since, --prefix, --state')
  }
  await session.withOperator((operator) => changeMany(session.output, operator, many))
}

export interface Many {
  readonly filter: DeviceFilterRequest
  /** Unless it is they are counted. */
  readonly confirmed: boolean
  readonly change: DeviceChangeRequest
  /** What else the answer says to a program. */
  readonly told?: object
}

/** Page after page. What was done stays done when the command is ended in between; it can be given again. */
export async function changeMany(
  output: Output,
  operator: Operator,
  { filter, confirmed, change, told = {} }: Many,
): Promise<void> {
  let matched = 0
  for await (const page of pages(operator, { change, devices: filter, dryRun: true })) matched += page.matched
  const done = DONE[change.kind]
  if (!confirmed) {
    output.answer({ matched, changed: 0, ...told }, () => `${counted(matched)} would be ${done}; nothing was changed`)
    output.note('Add --yes to do it.')
    return
  }
  let seen = 0
  let changed = 0
  // Each at once, and not at the end: nobody can show them again.
  const secrets = output.rows<Secret>('secrets', ({ deviceId, accessKey, accessSecret }) =>
    [deviceId, accessKey, accessSecret].join('  '),
  )
  try {
    for await (const page of pages(operator, { change, devices: filter })) {
      seen += page.matched
      changed += page.changed.length
      for (const secret of page.secrets) secrets.add(secret)
      if (page.next !== undefined) output.progress(`${seen} of ${matched}`)
    }
  } finally {
    output.progress('')
    if (change.kind === 'rotate') secrets.end({ matched: seen, changed, ...told })
  }
  if (change.kind === 'rotate')
    output.note(`${counted(changed)} ${done}: device ID, access key, access secret. They are shown this once.`)
  else {
    const answer = { matched: seen, changed, ...told }
    output.answer(answer, () => `${counted(changed)} ${done}${unchanged(seen - changed)}`)
  }
}

type Secret = Awaited<ReturnType<Operator['changeDevices']>>['secrets'][number]

async function* pages(
  operator: Operator,
  request: Omit<Parameters<Operator['changeDevices']>[0], 'limit' | 'after'>,
): AsyncGenerator<Awaited<ReturnType<Operator['changeDevices']>>> {
  for (let after: string | undefined; ;) {
    const page = await operator.changeDevices({
      ...request,
      limit: MAX_CHANGES_PER_PAGE,
      ...(after === undefined ? {} : { after }),
    })
    yield page
    after = page.next
    if (after === undefined) return
  }
}

const counted = (count: number): string => (count === 1 ? '1 device' : `${count} devices`)

const unchanged = (count: number): string => (count === 0 ? '' : `; ${count} were so already`)
