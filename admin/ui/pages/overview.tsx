import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, type Answer } from '../api.ts'
import { changes, latest, rates, stats, type LiveEvent } from '../live.ts'
import { Chart } from '../parts/chart.tsx'
import { Choice } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'

const SPANS = [
  ['1h', 'The last hour'],
  ['24h', 'The last 24 hours'],
] as const

const REREAD_MS = 30_000

export function OverviewPage() {
  const span = useSignal<'1h' | '24h'>('1h')
  const overview = useLoaded(() => ask('overview'), [changes.value])
  const history = useLoaded(() => ask('history', { span: span.value }), [span.value])
  useEffect(() => {
    const timer = setInterval(() => {
      history.reload()
      overview.reload()
    }, REREAD_MS)
    return () => clearInterval(timer)
  }, [history.reload, overview.reload])

  const now = stats.value
  const facts = overview.value.value
  return (
    <Page title="Overview">
      {overview.error.value === undefined ? null : <Alert>{overview.error.value}</Alert>}
      <div class="tiles">
        <Tile name="Connected" value={now?.connectedClients ?? facts?.connectedClients} />
        <Tile name="Devices" value={facts?.devices} href="/devices" />
        <Tile name="Registered since start" value={now?.registrations} />
        <Tile name="Refused since start" value={now?.registrationsRefused} href="/journal?kind=registration&result=refused" />
        <Tile name="Messages in / s" value={rates.value.messagesReceived} />
        <Tile name="Messages out / s" value={rates.value.messagesSent} />
      </div>
      {facts === undefined ? null : <Attention checks={facts.checks} />}
      {facts?.devices === 0 ? (
        <Card>
          <Empty title="No device has registered yet">
            <p>
              <a class="button primary" href="/registration?first=1">
                Connect your first device
              </a>
            </p>
          </Empty>
        </Card>
      ) : null}
      <Card
        title="Traffic"
        aside={
          <Choice
            label="Span"
            name="span"
            options={SPANS}
            value={span.value}
            onChange={(value) => (span.value = value === '24h' ? '24h' : '1h')}
          />
        }
      >
        {history.value.value === undefined ? <div class="plot" /> : <Traffic history={history.value.value} />}
      </Card>
      <Card title="What happens now">
        <Happenings events={latest.value} />
      </Card>
    </Page>
  )
}

const Tile = ({ name, value, href }: { name: string; value: number | undefined; href?: string }) => (
  <div class="tile">
    <p class="tile-name">{href === undefined ? name : <a href={href}>{name}</a>}</p>
    <p class="tile-value">{value === undefined ? '–' : value.toLocaleString()}</p>
  </div>
)

function Attention({ checks }: { checks: Answer<'overview'>['checks'] }) {
  const open = checks.filter(({ state }) => state !== 'ok')
  return (
    <Card title="Needs attention">
      {open.length === 0 ? (
        <p class="muted">Nothing. All {checks.length} checks are fine.</p>
      ) : (
        <ul class="attention">
          {open.map(({ name, state, text, fix }) => (
            <li key={name}>
              <Badge kind={state === 'bad' ? 'bad' : 'warn'}>{state === 'bad' ? 'Problem' : 'Note'}</Badge>
              <div>
                <p>{text}</p>
                {fix === undefined ? null : <code>{fix}</code>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Traffic({ history: { times, connected, messagesIn, messagesOut, registrations, refused } }: { history: Answer<'history'> }) {
  return (
    <div class="charts">
      <Chart
        label="Messages a second"
        times={times}
        series={[
          { label: 'Messages in /s', colour: '--series-1', values: messagesIn },
          { label: 'Messages out /s', colour: '--series-2', values: messagesOut },
        ]}
      />
      <Chart
        label="Connected clients"
        times={times}
        series={[{ label: 'Connected', colour: '--series-1', values: connected }]}
      />
      <Chart
        label="Registrations"
        times={times}
        series={[
          { label: 'Registered', colour: '--series-1', values: registrations },
          { label: 'Refused', colour: '--series-3', values: refused },
        ]}
      />
    </div>
  )
}

const WORDS: Readonly<Record<string, string>> = {
  'device-registered': 'registered',
  'registration-refused': 'registration refused',
  'client-connected': 'connected',
  'client-disconnected': 'disconnected',
  changed: 'changed by an operator',
}

const SHOWN = 12

function Happenings({ events }: { events: readonly LiveEvent[] }) {
  if (events.length === 0) return <Empty title="Quiet. Events appear here as they happen." />
  return (
    <ol class="happenings">
      {events.slice(0, SHOWN).map(({ type, at, data }, index) => (
        <li key={`${at} ${index}`}>
          <time>{new Date(at).toLocaleTimeString()}</time>
          <span>{WORDS[type] ?? type}</span>
          <span class="mono">{subjectOf(data)}</span>
        </li>
      ))}
    </ol>
  )
}

const subjectOf = (data: LiveEvent['data']): string =>
  String(data['manufacturerId'] ?? data['clientId'] ?? data['target'] ?? data['result'] ?? data['operation'] ?? '')
