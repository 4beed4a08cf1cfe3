import { useSignal } from '@preact/signals'
import { ask, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Facts, Page, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { countText, durationText, several } from '../words.ts'

const STATES = { ok: 'good', warning: 'warn', error: 'bad' } as const

export function SystemPage() {
  const status = useLoaded(() => ask('status'), [])
  const overview = useLoaded(() => ask('overview'), [changes.value])
  const facts = status.value.value
  return (
    <Page title="System">
      <Trouble of={status} />
      <Card title="Checks">
        {overview.value.value === undefined ? (
          <p class="muted">{overview.error.value ?? 'Looking…'}</p>
        ) : (
          <ul class="attention">
            {overview.value.value.checks.map(({ check, state, text, hint }) => (
              <li key={`${check} ${text}`}>
                <Badge kind={STATES[state]}>{check}</Badge>
                <div>
                  <p>{text}</p>
                  {hint === undefined ? null : <p class="fix">{hint}</p>}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <div class="split">
        <Card title="Server">
          {facts === undefined ? (
            <p class="muted">Loading…</p>
          ) : (
            <Facts
              rows={[
                ['Version', facts.version],
                ['Node.js', facts.node],
                [
                  'Started',
                  <>
                    <Time at={facts.startedAt} /> <span class="muted">({durationText(facts.uptimeSeconds)} ago)</span>
                  </>,
                ],
                ['Process', String(facts.pid)],
                ['Data folder', <code>{facts.data}</code>],
                ...Object.entries(facts.listeners).map(
                  ([name, address]) => [`Listener ${name}`, <code>{address}</code>] as const,
                ),
              ]}
            />
          )}
        </Card>
        <Backups />
      </div>
      {may('admin') ? <Configuration /> : null}
    </Page>
  )
}

function Backups() {
  const made = useSignal<Answer<'createBackup'> | undefined>(undefined)
  return (
    <Card title="Backups">
      <p>
        A backup is written on the machine of the server while that runs. It holds everything, the signing secret too:
        whoever has it can register devices.
      </p>
      {may('admin') ? (
        <Form
          submit="Make a backup now"
          onSubmit={async () => {
            made.value = undefined
            made.value = await ask('createBackup', {})
          }}
        >
          <div role="status">
            {made.value === undefined ? null : (
              <Alert kind="good">
                {several(
                  Object.values(made.value.records).reduce((sum, count) => sum + count, 0),
                  'record',
                )}{' '}
                in <code>{made.value.file}</code>
              </Alert>
            )}
          </div>
        </Form>
      ) : null}
      <p class="hint">
        <code>mooring backup verify FILE</code> says whether one is whole; <code>mooring backup restore FILE</code>{' '}
        brings it back, with the server stopped.
      </p>
    </Card>
  )
}

/** What is in force, and who said so: the answer to “why does it not do what my file says”. */
function Configuration() {
  const config = useLoaded(() => ask('effectiveConfig'), [])
  const wanted = useSignal('')
  const settings = config.value.value?.settings
  const shown = settings?.filter(({ path }) => path.toLowerCase().includes(wanted.value.toLowerCase()))
  const changed = settings?.filter(({ source }) => source !== 'default').length ?? 0
  return (
    <Card
      title="Configuration in effect"
      aside={settings === undefined ? null : <span class="muted">{countText(changed)} set, the others by default</span>}
    >
      <Trouble of={config} />
      <Field
        label="Settings whose name holds"
        type="search"
        placeholder="listen"
        onInput={(event) => (wanted.value = event.currentTarget.value)}
      />
      <Table
        label="Settings"
        rows={shown ?? []}
        keyOf={({ path }) => path}
        columns={[
          { head: 'Setting', cell: ({ path }) => <code>{path}</code> },
          {
            head: 'Value',
            cell: ({ value }) => (value === undefined ? <span class="muted">not set</span> : <code>{value}</code>),
          },
          { head: 'From', cell: ({ source }) => (source === 'default' ? <span class="muted">default</span> : source) },
        ]}
      />
    </Card>
  )
}
