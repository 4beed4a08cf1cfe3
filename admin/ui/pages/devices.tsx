import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, PREFIX, type Answer } from '../api.ts'
import type { Filter } from '../change-all.ts'
import { comebacks, onEvents, type LiveEvent } from '../live.ts'
import { goTo, here } from '../location.ts'
import { Choice, Field, Filters } from '../parts/form.tsx'
import { Badge, Card, Empty, Page, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { several } from '../words.ts'
import { BulkActions } from './bulk-actions.tsx'
import { TagList } from './device-tags.tsx'

const PAGE = 50
const STATES = [
  ['', 'Any'],
  ['active', 'Active'],
  ['quarantined', 'Quarantined'],
  ['disabled', 'Disabled'],
] as const

type Device = Answer<'listDevices'>['devices'][number]

/** What the address of the page says; a bookmark shows the same devices again. */
interface Search {
  readonly prefix?: string
  readonly tag?: string
  readonly token?: string
  readonly state?: string
  readonly after?: string
}

function filterOf({ prefix, tag, token, state }: Search): Filter {
  return {
    ...(prefix ? { prefix } : {}),
    ...(tag ? { tag } : {}),
    ...(token ? { token } : {}),
    ...(state === 'active' || state === 'quarantined' || state === 'disabled' ? { state } : {}),
  }
}

const queryOf = (search: Readonly<Record<string, string | undefined>>): string =>
  new URLSearchParams(Object.entries(search).flatMap(([name, value]) => (value ? [[name, value]] : []))).toString()

export function DevicesPage() {
  const { query } = here()
  const search: Search = query
  const filter = filterOf(search)
  const isFiltered = Object.keys(filter).length > 0
  const page = useLoaded(
    () => ask('listDevices', { limit: PAGE, ...filter, ...(search.after ? { after: search.after } : {}) }),
    [JSON.stringify(query), comebacks.value],
  )
  const arrived = useSignal(0)
  useEffect(
    () =>
      onEvents((events) => {
        arrived.value += events.filter(({ type }) => type === 'device-registered').length
        page.value.value = withPresence(page.value.value, events)
      }),
    [],
  )
  const go = (wanted: Readonly<Record<string, string | undefined>>): void => {
    const text = queryOf(wanted)
    goTo(text === '' ? '/devices' : `/devices?${text}`)
  }
  const showNew = (): void => {
    arrived.value = 0
    page.reload()
  }
  const found = page.value.value
  return (
    <Page
      title="Devices"
      actions={
        <a class="button" href={`${PREFIX}/devices.csv?${queryOf({ ...filter })}`} download="devices.csv">
          Download {isFiltered ? 'these' : 'all'} as CSV
        </a>
      }
    >
      <Card>
        <Filters values={{ ...query }} apply={go} {...(isFiltered ? { clear: () => go({}) } : {})}>
          <Field label="ID begins with" name="prefix" autoComplete="off" spellcheck={false} />
          <Field label="Tag" name="tag" placeholder="site=berlin" autoComplete="off" spellcheck={false} />
          <Field label="Token ID" name="token" autoComplete="off" spellcheck={false} />
          <Choice label="State" name="state" options={STATES} />
        </Filters>
      </Card>
      <Trouble of={page} />
      <Card
        title={isFiltered ? 'Devices that match' : 'All devices'}
        aside={
          <div class="actions" role="status">
            {arrived.value === 0 ? null : (
              <button type="button" class="small" onClick={showNew}>
                {several(arrived.value, 'device')} registered since: show
              </button>
            )}
          </div>
        }
      >
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.devices.length === 0 ? (
          <NoDevices isFiltered={isFiltered} hasMore={found.next !== undefined} />
        ) : (
          <DeviceTable devices={found.devices} />
        )}
        <Pager isFirst={!search.after} next={found?.next} go={(after) => go({ ...search, after })} />
      </Card>
      {may('operator') ? <BulkActions filter={filter} isFiltered={isFiltered} done={page.reload} /> : null}
    </Page>
  )
}

const DeviceTable = ({ devices }: { devices: readonly Device[] }) => (
  <Table
    label="Devices"
    rows={devices}
    keyOf={({ id }) => id}
    columns={[
      {
        head: 'Manufacturer ID',
        cell: ({ id, manufacturerId }) => (
          <a class="mono" href={`/devices/${id}`}>
            {manufacturerId}
          </a>
        ),
      },
      { head: 'Connection', cell: (device) => <Presence device={device} /> },
      { head: 'State', cell: (device) => <StateBadge device={device} /> },
      { head: 'Tags', cell: ({ tags }) => <TagList tags={tags} /> },
      {
        head: 'Registered from',
        cell: ({ registeredFrom }) => <span class="mono tight">{registeredFrom ?? '–'}</span>,
      },
      { head: 'Registered', cell: ({ registeredAt }) => <Time at={registeredAt} /> },
    ]}
  />
)

const NoDevices = ({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }) =>
  hasMore ? (
    <Empty title="None on this page; there are more behind it." />
  ) : isFiltered ? (
    <Empty title="No device matches.">
      <p>
        <a href="/devices">Show all devices</a>
      </p>
    </Empty>
  ) : (
    <Empty title="No device has registered yet.">
      <p>
        <a class="button primary" href="/registration?first=1">
          Connect your first device
        </a>
      </p>
    </Empty>
  )

export const StateBadge = ({ device }: { device: Pick<Device, 'disabled' | 'quarantined'> }) =>
  device.disabled ? (
    <Badge kind="bad">Disabled</Badge>
  ) : device.quarantined === true ? (
    <Badge kind="warn">Quarantined</Badge>
  ) : (
    <Badge kind="plain">Active</Badge>
  )

export const Presence = ({ device: { connection } }: { device: Pick<Device, 'connection'> }) =>
  connection?.connected === true ? (
    <Badge kind="good">Connected</Badge>
  ) : (
    <span class="muted">{connection === undefined ? 'Not seen' : 'Offline'}</span>
  )

/** The same rows in the same places; only who is connected changes. */
function withPresence(
  page: Answer<'listDevices'> | undefined,
  events: readonly LiveEvent[],
): Answer<'listDevices'> | undefined {
  const latest = new Map<unknown, LiveEvent>()
  for (const event of events) if (event.type.startsWith('client-')) latest.set(event.data['deviceId'], event)
  if (page === undefined || !page.devices.some(({ id }) => latest.has(id))) return page
  return {
    ...page,
    devices: page.devices.map((device) => {
      const event = latest.get(device.id)
      if (event === undefined) return device
      const connection = {
        connected: event.type === 'client-connected',
        address: event.data['address'] ?? '',
        transport: device.connection?.transport ?? '',
        since: new Date(event.at).toISOString(),
      }
      return { ...device, connection }
    }),
  }
}
