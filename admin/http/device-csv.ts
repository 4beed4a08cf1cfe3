import { stringify } from 'csv-stringify/sync'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { stateOf, type Device, type DeviceFilter, type Log } from '../../registry/index.ts'
import { deviceFilter, filterOf, shown } from '../operations/device-schemas.ts'
import { believed, MAX_DEVICES_PER_PAGE, type OperatorParts } from '../operations/index.ts'
import type { HttpRoute } from './route.ts'

const COLUMNS = [
  'manufacturerId',
  'id',
  'name',
  'state',
  'connected',
  'since',
  'address',
  'registeredAt',
  'registeredFrom',
  'token',
  'tags',
] as const

/** Devices choose much of what stands in it, and a spreadsheet would take what begins like a formula for one. */
const AS_TEXT = { escape_formulas: true, record_delimiter: 'windows' } as const

const request = z.strictObject(deviceFilter)

/** Every device that is meant, as a file for a spreadsheet. A page at a time, as fast as it is read. Source: RFC 4180. */
export const deviceCsvRoute = (parts: OperatorParts, log: Log): HttpRoute => ({
  method: 'GET',
  path: '/devices.csv',
  name: 'exportDevices',
  summary: 'Download the devices as CSV: all of them, or those that are meant.',
  access: 'viewer',
  request,
  idempotencyKey: false,
  mediaType: 'text/csv',
  async handle(given, ctx) {
    const filter = filterOf(believed({ request }, given))
    // Asked before anything is sent, so that what is wrong with the request can still be said.
    const first = await parts.registry.devices.list({ filter, limit: MAX_DEVICES_PER_PAGE })
    ctx.set('Content-Type', 'text/csv; charset=utf-8; header=present')
    ctx.set('Content-Disposition', 'attachment; filename="devices.csv"')
    return Readable.from(told(textOf(parts, filter, first), log), { objectMode: false })
  },
})

/** In the midst of an answer nobody can be told any more but whoever reads the log. */
async function* told(text: AsyncGenerator<string>, log: Log): AsyncGenerator<string> {
  try {
    yield* text
  } catch (error) {
    log.error({ event: 'admin-fault', operation: 'exportDevices', error }, 'An admin request failed.')
    throw error
  }
}

type DeviceRows = Awaited<ReturnType<OperatorParts['registry']['devices']['list']>>

async function* textOf(parts: OperatorParts, filter: DeviceFilter, first: DeviceRows): AsyncGenerator<string> {
  yield stringify([[...COLUMNS]], AS_TEXT)
  for (let page = first; ;) {
    // A page may hold none and not be the last.
    if (page.devices.length > 0)
      yield stringify(
        page.devices.map((device) => rowOf(device, parts)),
        AS_TEXT,
      )
    if (page.next === undefined) return
    page = await parts.registry.devices.list({ filter, limit: MAX_DEVICES_PER_PAGE, after: page.next })
  }
}

function rowOf(device: Device, parts: OperatorParts): string[] {
  const { connection } = shown(device, parts)
  const row: Readonly<Record<(typeof COLUMNS)[number], string | undefined>> = {
    manufacturerId: device.manufacturerId,
    id: device.id,
    name: device.name,
    state: stateOf(device),
    connected: connection === undefined ? undefined : String(connection.connected),
    since: connection?.since,
    address: connection?.address,
    registeredAt: device.registeredAt,
    registeredFrom: device.registeredFrom,
    token: device.tokenId,
    tags: device.tags.map(({ key, value }) => `${key}=${value}`).join(';'),
  }
  return COLUMNS.map((name) => row[name] ?? '')
}
