import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { ask, type Answer } from '../api.ts'
import { changeAll, type BulkChange } from '../change-all.ts'
import { onEvents } from '../live.ts'
import { Choice, Confirm, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'

const PAGE = 50
const STATES = [
  ['', 'Any state'],
  ['active', 'Active'],
  ['disabled', 'Disabled'],
  ['quarantined', 'Quarantined'],
] as const

type Device = Answer<'listDevices'>['devices'][number]
type State = 'active' | 'disabled' | 'quarantined'

/** What the address of the page says; a bookmark shows the same devices again. */
interface Search {
  readonly prefix?: string
  readonly tag?: string
  readonly token?: string
  readonly state?: string
  readonly after?: string
}

const filterOf = ({ prefix, tag, token, state }: Search) => ({
  ...(prefix ? { prefix } : {}),
  ...(tag ? { tag } : {}),
  ...(token ? { token } : {}),
  ...(state ? { state: state as State } : {}),
})

const pathOf = (search: Search): string => {
  const given = Object.entries(search).filter(([, value]) => value)
  return given.length === 0 ? '/devices' : `/devices?${new URLSearchParams(given as [string, string][])}`
}

export function DevicesPage() {
  const { query, route } = useLocation()
  const search: Search = query
  const filter = filterOf(search)
  const isFiltered = Object.keys(filter).length > 0
  const page = useLoaded(
    () => ask('listDevices', { limit: PAGE, ...filter, ...(search.after ? { after: search.after } : {}) }),
    [JSON.stringify(query)],
  )
  const bulk = useSignal<Bulk | undefined>(undefined)
  const arrived = useSignal(0)
  useEffect(
    () =>
      onEvents((events) => {
        arrived.value += events.filter(({ type }) => type === 'device-registered').length
        page.value.value = withPresence(page.value.value, events)
      }),
    [],
  )
  const found = page.value.value
  return (
    <Page
      title="Devices"
      actions={
        <a class="button" href={`/admin/ui/devices.csv?${new URLSearchParams(filter as Record<string, string>)}`} download="devices.csv">
          Download CSV
        </a>
      }
    >
      <Card>
        <Form
          key={JSON.stringify(query)}
          submit="Search"
          onSubmit={async (values) => route(pathOf(values))}
        >
          <div class="filters">
            <Field label="Manufacturer ID begins with" name="prefix" defaultValue={search.prefix ?? ''} />
            <Field label="Tag" name="tag" placeholder="site=berlin" defaultValue={search.tag ?? ''} />
            <Field label="Token ID" name="token" defaultValue={search.token ?? ''} />
            <Choice label="State" name="state" options={STATES} value={search.state ?? ''} />
          </div>
        </Form>
      </Card>
      {page.error.value === undefined ? null : <Alert>{page.error.value}</Alert>}
      <p class="news" role="status">
        {arrived.value === 0 ? null : (
          <button
            type="button"
            onClick={() => {
              arrived.value = 0
              page.reload()
            }}
          >
            {arrived.value} registered since: show
          </button>
        )}
      </p>
      <Card>
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.devices.length === 0 ? (
          <NoDevices isFiltered={isFiltered} hasMore={found.next !== undefined} />
        ) : (
          <Table
            label="Devices"
            rows={found.devices}
            keyOf={({ id }) => id}
            columns={[
              { head: 'Manufacturer ID', cell: ({ id, manufacturerId }) => <a href={`/devices/${id}`}>{manufacturerId}</a> },
              { head: 'State', cell: (device) => <StateBadge device={device} /> },
              { head: 'Connected', cell: (device) => <Presence device={device} /> },
              { head: 'Tags', cell: ({ tags }) => <Tags tags={tags} /> },
              { head: 'Registered', cell: ({ registeredAt }) => <Time at={registeredAt} /> },
            ]}
          />
        )}
        <Pager
          isFirst={!search.after}
          next={found?.next}
          go={(after) => route(pathOf({ ...search, ...(after === undefined ? { after: '' } : { after }) }))}
        />
      </Card>
      {isFiltered && may('operator') ? (
        <Card title="All that match">
          <div class="actions">
            {BULK.map((one) => (
              <button key={one.kind} type="button" class={one.danger ? 'danger' : ''} onClick={() => (bulk.value = one)}>
                {one.verb} all that match
              </button>
            ))}
          </div>
        </Card>
      ) : null}
      {bulk.value === undefined ? null : (
        <BulkDialog
          bulk={bulk.value}
          filter={filter}
          close={() => {
            bulk.value = undefined
            page.reload()
          }}
        />
      )}
    </Page>
  )
}

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

interface Bulk {
  readonly kind: BulkChange
  readonly verb: string
  readonly danger: boolean
  readonly what: string
}

const BULK: readonly Bulk[] = [
  { kind: 'disable', verb: 'Disable', danger: true, what: 'Their connections end and their logins are refused until they are enabled again.' },
  { kind: 'enable', verb: 'Enable', danger: false, what: 'They can log in again.' },
  { kind: 'quarantine', verb: 'Quarantine', danger: true, what: 'They may connect and hear their commands, and do nothing else.' },
  { kind: 'release', verb: 'Release', danger: false, what: 'Their quarantine ends.' },
]

/** Counts first, then does it: page by page, so that no request lasts for minutes. */
function BulkDialog({ bulk, filter, close }: { bulk: Bulk; filter: ReturnType<typeof filterOf>; close: () => void }) {
  const count = useLoaded(() => changeAll(bulk.kind, filter, { dryRun: true }), [])
  const done = useSignal(0)
  const run = () => changeAll(bulk.kind, filter, { told: (changed) => (done.value = changed) })
  const found = count.value.value
  const noun = found === 1 ? 'device' : 'devices'
  return (
    <Confirm title={`${bulk.verb} all that match`} submit={`${bulk.verb} ${found ?? ''} ${noun}`} act={run} close={close}>
      <p>
        {found === undefined ? 'Counting…' : `${found.toLocaleString()} ${noun} match.`} {bulk.what}
      </p>
      {done.value === 0 ? null : <p role="status">{done.value} done</p>}
    </Confirm>
  )
}

export const StateBadge = ({ device }: { device: Pick<Device, 'disabled' | 'quarantined'> }) =>
  device.disabled ? (
    <Badge kind="bad">Disabled</Badge>
  ) : device.quarantined ? (
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

const Tags = ({ tags }: { tags: Device['tags'] }) => (
  <ul class="tags">
    {tags
      .filter(({ key }) => key !== 'manufacturerId' && key !== 'DeviceRecipe')
      .map(({ key, value }) => (
        <li key={`${key}=${value}`}>{`${key}=${value}`}</li>
      ))}
  </ul>
)

type Events = Parameters<Parameters<typeof onEvents>[0]>[0]

/** The same rows in the same places; only who is connected changes. */
function withPresence(page: Answer<'listDevices'> | undefined, events: Events): Answer<'listDevices'> | undefined {
  const latest = new Map<unknown, (typeof events)[number]>()
  for (const event of events) if (event.type.startsWith('client-')) latest.set(event.data['deviceId'], event)
  if (page === undefined || !page.devices.some(({ id }) => latest.has(id))) return page
  return {
    ...page,
    devices: page.devices.map((device) => {
      const event = latest.get(device.id)
      if (event === undefined) return device
      const connection = {
        connected: event.type === 'client-connected',
        address: String(event.data['address'] ?? ''),
        transport: device.connection?.transport ?? '',
        since: new Date(event.at).toISOString(),
      }
      return { ...device, connection }
    }),
  }
}
