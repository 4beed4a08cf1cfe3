import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { ask, type Answer } from '../api.ts'
import { withGaps } from '../gaps.ts'
import { changes, latest, rates, stats, type LiveEvent } from '../live.ts'
import { Chart } from '../parts/chart.tsx'
import { Choice } from '../parts/form.tsx'
import { Badge, Card, Empty, Page, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { bytesText, clockText, countText, durationText, inWords } from '../words.ts'

type Overview = Answer<'overview'>

const SPANS = [
  ['1h', 'the last hour'],
  ['24h', 'the last 24 hours'],
] as const

const STEP_SECONDS = { '1h': 10, '24h': 300 }

const REREAD_MS = 10_000

export function OverviewPage() {
  const span = useSignal<'1h' | '24h'>('1h')
  const overview = useLoaded(() => ask('overview'), [changes.value])
  const history = useLoaded(() => ask('history', { span: span.value }), [span.value])
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return
      history.reload()
      overview.reload()
    }, REREAD_MS)
    return () => clearInterval(timer)
  }, [history.reload, overview.reload])
  const facts = overview.value.value
  return (
    <Page
      title="Overview"
      actions={
        facts === undefined ? null : (
          <p class="muted">
            Mooring {facts.version}, up {durationText((Date.now() - Date.parse(facts.startedAt)) / 1000)}
          </p>
        )
      }
    >
      <Trouble of={overview} />
      <Tiles facts={facts} />
      {facts?.devices === 0 ? <FirstDevice /> : null}
      <div class="split">
        <Attention checks={facts?.checks} />
        <Card title="What happens now">
          <Happenings events={latest.value} />
        </Card>
      </div>
      <Card
        title="Traffic"
        aside={
          <Choice
            label="Show"
            name="span"
            isInline
            options={SPANS}
            value={span.value}
            onChange={(value) => (span.value = value === '24h' ? '24h' : '1h')}
          />
        }
      >
        <Trouble of={history} />
        <Traffic history={history.value.value} step={STEP_SECONDS[span.value]} />
      </Card>
    </Page>
  )
}

function Tiles({ facts }: { facts: Overview | undefined }) {
  const connected = stats.value?.connectedClients ?? facts?.connectedClients
  return (
    <div class="tiles">
      <Tile name="Connected" value={countOf(connected)} note="clients now" />
      <Tile name="Devices" href="/devices" value={countOf(facts?.devices)} note="registered" />
      <Tile
        name="Registrations, 24 h"
        href="/registration"
        value={countOf(facts?.registrations.accepted)}
        note={facts === undefined ? '' : `${countText(facts.registrations.refused)} refused`}
      />
      <Tile
        name="Messages in"
        value={countOf(rates.value?.messagesReceived)}
        unit="/s"
        note={totalOf(stats.value?.messagesReceived)}
      />
      <Tile
        name="Messages out"
        value={countOf(rates.value?.messagesSent)}
        unit="/s"
        note={totalOf(stats.value?.messagesSent)}
      />
      <Tile
        name="Disk free"
        href="/system"
        value={facts === undefined ? '–' : bytesText(facts.disk.freeBytes)}
        note={facts === undefined ? '' : `store: ${bytesText(facts.disk.storeBytes)}`}
      />
      {facts?.certificate === undefined ? null : <CertificateTile certificate={facts.certificate} />}
    </div>
  )
}

const countOf = (value: number | undefined): string => (value === undefined ? '–' : countText(value))
const totalOf = (value: number | undefined): string => (value === undefined ? '' : `${countText(value)} in all`)

const Tile = (props: { name: string; value: string; unit?: string; note: ComponentChildren; href?: string }) => (
  <div class="tile">
    <p class="tile-name">{props.href === undefined ? props.name : <a href={props.href}>{props.name}</a>}</p>
    <p class="tile-value">
      {props.value}
      {props.unit === undefined ? null : <small> {props.unit}</small>}
    </p>
    <p class="tile-note">{props.note || ' '}</p>
  </div>
)

function CertificateTile({ certificate }: { certificate: NonNullable<Overview['certificate']> }) {
  const seconds = (Date.parse(certificate.notAfter) - Date.now()) / 1000
  return (
    <Tile
      name="TLS certificate"
      href="/security"
      value={seconds < 0 ? 'Expired' : durationText(seconds)}
      note={seconds < 0 ? certificate.subject : 'until it expires'}
    />
  )
}

const FirstDevice = () => (
  <Card>
    <Empty title="No device has registered yet.">
      <p>A token, one request and one message: it takes two minutes.</p>
      <p>
        <a class="button primary" href="/registration?first=1">
          Connect your first device
        </a>
      </p>
    </Empty>
  </Card>
)

function Attention({ checks }: { checks: Overview['checks'] | undefined }) {
  const open = checks?.filter(({ state }) => state !== 'ok')
  return (
    <Card title="Needs attention" aside={<a href="/system">All checks</a>}>
      {open === undefined ? (
        <p class="muted">Looking…</p>
      ) : open.length === 0 ? (
        <Empty title="Nothing.">
          <p>All {checks?.length} checks are fine.</p>
        </Empty>
      ) : (
        <ul class="attention">
          {open.map(({ check, state, text, hint }) => (
            <li key={`${check} ${text}`}>
              <Badge kind={state === 'error' ? 'bad' : 'warn'}>{check}</Badge>
              <div>
                <p>{text}</p>
                {hint === undefined ? null : <p class="fix">{hint}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

const NOTHING = { times: [], connected: [], messagesIn: [], messagesOut: [], registrations: [], refused: [] }

/** Drawn before there is anything to draw, so that nothing moves when there is. */
function Traffic({ history, step }: { history: Answer<'history'> | undefined; step: number }) {
  const { times, ...columns } = useMemo(() => withGaps(history ?? NOTHING, step), [history])
  return (
    <div class="charts">
      <Chart
        label="Messages a second"
        times={times}
        series={[
          { label: 'in', colour: '--series-1', values: columns.messagesIn },
          { label: 'out', colour: '--series-2', values: columns.messagesOut },
        ]}
      />
      <Chart
        label="Clients"
        times={times}
        series={[{ label: 'connected', colour: '--series-1', values: columns.connected }]}
      />
      <Chart
        label="Registrations"
        times={times}
        series={[
          { label: 'accepted', colour: '--series-1', values: columns.registrations },
          { label: 'refused', colour: '--series-3', values: columns.refused },
        ]}
      />
    </div>
  )
}

const WORDS: Readonly<Record<string, string>> = {
  'device-registered': 'registered',
  'device-returned': 'came back',
  'registration-refused': 'registration refused',
  'client-connected': 'connected',
  'client-disconnected': 'disconnected',
  changed: 'operator',
}

function Happenings({ events }: { events: readonly LiveEvent[] }) {
  return (
    <div class="happenings" tabIndex={0} role="region" aria-label="What happens now">
      {events.length === 0 ? (
        <Empty title="Quiet.">
          <p>Devices that connect, register or are refused appear here as it happens.</p>
        </Empty>
      ) : (
        <ol>
          {events.map(({ number, type, at, data }) => (
            <li key={number}>
              <time>{clockText(new Date(at))}</time>
              <span>{WORDS[type] ?? type}</span>
              <Subject data={data} />
            </li>
          ))}
        </ol>
      )}
    </div>
  )
}

function Subject({ data }: { data: LiveEvent['data'] }) {
  const text = [
    data['operation'] === undefined ? undefined : inWords(data['operation']),
    data['manufacturerId'] ?? data['clientId'] ?? data['target'] ?? data['result'],
  ]
    .filter(Boolean)
    .join(' ')
  const id = data['deviceId'] ?? data['id']
  if (id === undefined) return <span class="mono">{text}</span>
  return (
    <a class="mono" href={`/devices/${encodeURIComponent(id)}`}>
      {text}
    </a>
  )
}
