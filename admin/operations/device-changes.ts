import { z } from 'zod'
import type { BulkChange, Device } from '../../registry/index.ts'
import {
  deviceFilter,
  deviceSecret,
  filterOf,
  overlapSeconds,
  revealed,
  tag,
  type DeviceFilterRequest,
} from './device-schemas.ts'
import { operation } from './operation.ts'

/** Half a second of hashing when all of them get new secrets. */
export const MAX_CHANGES_PER_PAGE = 500

const change = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['disable', 'enable', 'quarantine', 'release', 'disconnect', 'delete']) }),
  z.strictObject({ kind: z.literal('rotate'), overlapSeconds }),
  z.strictObject({
    kind: z.literal('tag'),
    set: z.array(tag).exactOptional(),
    remove: z.array(z.string()).exactOptional(),
  }),
])

export type DeviceChangeRequest = z.output<typeof change>

const changedDevice = z
  .object({
    id: z.string(),
    manufacturerId: z.string(),
    registeredAt: z.iso.datetime(),
    registeredFrom: z.string().exactOptional(),
  })
  .meta({ id: 'ChangedDevice' })

export const deviceChangeOperations = {
  changeDevices: operation({
    summary:
      'Do the same to a page of the devices that are meant, or count them. Ask again with `next` until there is none.',
    route: { method: 'POST', path: '/device-changes' },
    role: 'operator',
    request: z.strictObject({
      change,
      devices: z.strictObject(deviceFilter).meta({ description: 'At least one of them.' }),
      limit: z.int().min(1).max(MAX_CHANGES_PER_PAGE),
      after: z.string().exactOptional().meta({ description: 'The `next` of the page before.' }),
      dryRun: z.boolean().exactOptional().meta({ description: 'Count, and change nothing.' }),
    }),
    answer: z.object({
      matched: z.int().meta({ description: 'How many of this page are meant.' }),
      changed: z.array(changedDevice).readonly().meta({ description: 'Those that were not like that already.' }),
      secrets: z.array(deviceSecret).readonly(),
      next: z.string().exactOptional(),
    }),
    detail: ({ change: wanted, devices }) => `${whatOf(wanted)} where ${filterText(devices)}`,
    page: ({ after, dryRun = false }, { changed, next }) =>
      dryRun ? undefined : { count: changed.length, after, next },
    async call({ registry }, { change: wanted, devices, limit, after, dryRun = false }) {
      const selection = { filter: filterOf(devices), limit, ...(after === undefined ? {} : { after }) }
      const { changed, credentials, ...page } = await registry.devices.changeMany(
        selection,
        dryRun ? undefined : changeOf(wanted),
      )
      return { ...page, changed: changed.map(summaryOf), secrets: credentials.map(revealed) }
    },
  }),
}

/** `tag +line=3 -trial` */
function whatOf(wanted: DeviceChangeRequest): string {
  if (wanted.kind !== 'tag') return wanted.kind
  const set = (wanted.set ?? []).map(({ key, value }) => ` +${key}=${value}`)
  const removed = (wanted.remove ?? []).map((key) => ` -${key}`)
  return ['tag', ...set, ...removed].join('')
}

const filterText = (filter: DeviceFilterRequest): string =>
  Object.entries(filter)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

function changeOf(wanted: DeviceChangeRequest): BulkChange {
  if (wanted.kind === 'tag') return { kind: 'tag', set: wanted.set ?? [], remove: wanted.remove ?? [] }
  if (wanted.kind !== 'rotate') return { kind: wanted.kind }
  const { overlapSeconds: seconds } = wanted
  return { kind: 'rotate', ...(seconds === undefined ? {} : { overlapMs: seconds * 1000 }) }
}

const summaryOf = ({ id, manufacturerId, registeredAt, registeredFrom }: Device): z.output<typeof changedDevice> => ({
  id,
  manufacturerId,
  registeredAt,
  ...(registeredFrom === undefined ? {} : { registeredFrom }),
})
