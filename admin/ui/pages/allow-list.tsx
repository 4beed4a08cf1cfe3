import { useSignal } from '@preact/signals'
import { useLocation } from 'preact-iso'
import { ask, messageOf, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { Choice, Confirm, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Facts, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { importFile, type Import } from '../import-file.ts'

const PAGE = 50

const SHOW = [
  ['', 'Everything that is expected'],
  ['missing', 'Not here yet'],
  ['arrived', 'Arrived'],
] as const

type Only = 'missing' | 'arrived'

export function AllowListPage() {
  const { query, route } = useLocation()
  const { only, after } = query
  const status = useLoaded(() => ask('allowListStatus'), [changes.value])
  const page = useLoaded(
    () => ask('listAllowList', { limit: PAGE, ...(only ? { only: only as Only } : {}), ...(after ? { after } : {}) }),
    [only, after, changes.value],
  )
  const go = (search: Record<string, string>): void => {
    const given = Object.entries(search).filter(([, value]) => value !== '')
    route(given.length === 0 ? '/allow-list' : `/allow-list?${new URLSearchParams(given)}`)
  }
  const facts = status.value.value
  const found = page.value.value
  return (
    <Page title="Allow-list" lead="Manufacturer IDs that are expected.">
      {facts === undefined ? null : (
        <Card>
          <Facts
            rows={[
              ['Expected', facts.entries.toLocaleString()],
              ['Imported', <Time at={facts.importedAt} />],
              ['In force', facts.mode === 'allowlist' ? <Badge kind="good">Yes</Badge> : <>No: registration.mode is <code>{facts.mode}</code></>],
            ]}
          />
        </Card>
      )}
      {may('operator') ? <ImportCard done={() => { status.reload(); page.reload() }} /> : null}
      {page.error.value === undefined ? null : <Alert>{page.error.value}</Alert>}
      <Card
        title="The list"
        aside={<Choice label="Show" name="only" options={SHOW} value={only ?? ''} onChange={(value) => go({ only: value })} />}
      >
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.entries.length === 0 ? (
          <Empty title={facts?.entries === 0 ? 'The list is empty. Import a CSV file to fill it.' : 'None.'} />
        ) : (
          <Table
            label="Allow-list"
            rows={found.entries}
            keyOf={({ manufacturerId }) => manufacturerId}
            columns={[
              { head: 'Manufacturer ID', cell: ({ manufacturerId }) => manufacturerId },
              {
                head: 'Device',
                cell: ({ deviceId }) =>
                  deviceId === undefined ? <Badge kind="warn">Missing</Badge> : <a href={`/devices/${deviceId}`}>Arrived</a>,
              },
              { head: 'Tags', cell: ({ tags }) => tags.map(({ key, value }) => `${key}=${value}`).join(', ') || '–' },
              { head: 'Note', cell: ({ note }) => note || '–' },
            ]}
          />
        )}
        <Pager isFirst={!after} next={found?.next} go={(next) => go({ only: only ?? '', after: next ?? '' })} />
      </Card>
    </Page>
  )
}

/** A file is looked at whole before anything of it counts. */
function ImportCard({ done }: { done: () => void }) {
  const progress = useSignal<string | undefined>(undefined)
  const staged = useSignal<Import | undefined>(undefined)
  const isApplying = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  const read = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    error.value = undefined
    staged.value = undefined
    try {
      staged.value = await importFile(file, (rows) => (progress.value = `${rows.toLocaleString()} rows read`))
    } catch (reason) {
      error.value = messageOf(reason)
    } finally {
      progress.value = undefined
    }
  }
  const found = staged.value
  return (
    <Card title="Import a CSV file">
      <Field
        label="File"
        type="file"
        accept=".csv,text/csv"
        hint="Its first row names the columns: manufacturerId, and perhaps tags (site=berlin;line=3) and note. It takes the place of the whole list."
        onChange={(event) => void read(event.currentTarget.files?.[0])}
      />
      <p role="status">{progress.value}</p>
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      {found === undefined ? null : found.problems.length > 0 ? (
        <Problems problems={found.problems} />
      ) : found.change === undefined ? null : (
        <>
          <Difference change={found.change} />
          <Form submit="Apply" onSubmit={async () => void (isApplying.value = true)} />
        </>
      )}
      {isApplying.value && found?.change !== undefined ? (
        <Confirm
          title="Replace the allow-list"
          submit={`Add ${found.change.added}, remove ${found.change.removed}`}
          act={async () => {
            await ask('commitAllowListImport', { import: found.id })
            staged.value = undefined
            done()
          }}
          close={() => (isApplying.value = false)}
        >
          <p>
            {found.change.removed} manufacturer IDs are expected no longer. Devices that have registered stay.
          </p>
        </Confirm>
      ) : null}
    </Card>
  )
}

const Difference = ({ change }: { change: Answer<'compareAllowListImport'> }) => (
  <Facts
    rows={[
      ['Added', `${change.added.toLocaleString()} ${examplesOf(change.examples.added)}`],
      ['Removed', `${change.removed.toLocaleString()} ${examplesOf(change.examples.removed)}`],
      ['Changed', change.changed.toLocaleString()],
      ['Unchanged', change.unchanged.toLocaleString()],
    ]}
  />
)

const examplesOf = (ids: readonly string[]): string => (ids.length === 0 ? '' : `(${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''})`)

const PROBLEMS_SHOWN = 100

const Problems = ({ problems }: { problems: Import['problems'] }) => (
  <Alert>
    <p>
      {problems.length === 1 ? 'One row cannot be.' : `${problems.length.toLocaleString()} rows cannot be.`} Nothing was changed.
    </p>
    <ol class="problems">
      {problems.slice(0, PROBLEMS_SHOWN).map(({ line, problem }) => (
        <li key={`${line} ${problem}`}>
          Line {line}: {problem}
        </li>
      ))}
    </ol>
  </Alert>
)
