import { ask } from '../api.ts'
import { changes } from '../live.ts'
import { Alert, Badge, Card, Facts, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'

const STATES = { ok: 'good', warn: 'warn', bad: 'bad' } as const

export function SystemPage() {
  const status = useLoaded(() => ask('status'), [])
  const overview = useLoaded(() => ask('overview'), [changes.value])
  const config = useLoaded(() => ask('effectiveConfig'), [])
  const facts = status.value.value
  return (
    <Page title="System">
      {status.error.value === undefined ? null : <Alert>{status.error.value}</Alert>}
      {facts === undefined ? null : (
        <Card title="Server">
          <Facts
            rows={[
              ['Version', facts.version],
              ['Node.js', facts.node],
              ['Started', <Time at={facts.startedAt} />],
              ['Data folder', <code>{facts.data}</code>],
              ...Object.entries(facts.listeners).map(([name, address]) => [`Listener ${name}`, <code>{address}</code>] as const),
            ]}
          />
        </Card>
      )}
      <Card title="Checks">
        {overview.value.value === undefined ? (
          <p class="muted">{overview.error.value ?? 'Looking…'}</p>
        ) : (
          <ul class="attention">
            {overview.value.value.checks.map(({ name, state, text, fix }) => (
              <li key={name}>
                <Badge kind={STATES[state]}>{name}</Badge>
                <div>
                  <p>{text}</p>
                  {fix === undefined ? null : <code>{fix}</code>}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <Card title="Configuration in effect">
        {config.value.value === undefined ? (
          <p class="muted">{config.error.value}</p>
        ) : (
          <Table
            label="Settings"
            rows={config.value.value.settings}
            keyOf={({ path }) => path}
            columns={[
              { head: 'Setting', cell: ({ path }) => <code>{path}</code> },
              { head: 'Value', cell: ({ value }) => value ?? <span class="muted">not set</span> },
              { head: 'From', cell: ({ source }) => (source === 'default' ? <span class="muted">default</span> : source) },
            ]}
          />
        )}
      </Card>
      <Card title="Backups">
        <p>
          A backup is made while the server runs: <code>mooring backup create --to FOLDER</code>. It holds everything, the signing
          secret too; <code>mooring backup verify FILE</code> says whether it is whole.
        </p>
      </Card>
    </Page>
  )
}
