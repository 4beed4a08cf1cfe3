import { useSignal } from '@preact/signals'
import { ask, messageOf, type Answer } from '../api.ts'
import { abandonImport, importFile, type Import } from '../import-file.ts'
import { changes } from '../live.ts'
import { here, search } from '../location.ts'
import { Confirm, Dialog } from '../parts/dialog.tsx'
import { Choice, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Facts, Page, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { countText, several } from '../words.ts'
import { TagList } from './device-tags.tsx'

const PAGE = 50

const SHOW = [
  ['', 'everything'],
  ['missing', 'not here yet'],
  ['arrived', 'arrived'],
] as const

type Only = 'missing' | 'arrived'

export function AllowListPage() {
  const { query } = here()
  const { after } = query
  const only: Only | undefined = query['only'] === 'missing' || query['only'] === 'arrived' ? query['only'] : undefined
  const status = useLoaded(() => ask('allowListStatus'), [changes.value])
  const page = useLoaded(
    () => ask('listAllowList', { limit: PAGE, ...(only ? { only } : {}), ...(after ? { after } : {}) }),
    [only, after, changes.value],
  )
  const isAdding = useSignal(false)
  const removing = useSignal<string | undefined>(undefined)
  const reload = (): void => {
    status.reload()
    page.reload()
  }
  const facts = status.value.value
  const found = page.value.value
  return (
    <Page
      title="Allow-list"
      lead="Manufacturer IDs that are expected. Devices that are not on it are refused while the list is in force."
      actions={
        may('operator') ? (
          <button type="button" onClick={() => (isAdding.value = true)}>
            Expect one more
          </button>
        ) : null
      }
    >
      <Trouble of={status} />
      <Trouble of={page} />
      <div class="split">
        <Card title="The list now">
          <Facts
            rows={[
              ['Expected', facts === undefined ? '…' : several(facts.entries, 'device')],
              ['Imported', <Time at={facts?.importedAt} />],
              [
                'In force',
                facts === undefined ? (
                  '…'
                ) : facts.mode === 'allowlist' ? (
                  <Badge kind="good">Yes</Badge>
                ) : (
                  <>
                    No: <code>registration.mode</code> is <code>{facts.mode}</code>. A token can still ask for it.
                  </>
                ),
              ],
            ]}
          />
        </Card>
        {may('operator') ? <ImportCard done={reload} /> : null}
      </div>
      <Card
        title="Expected devices"
        aside={
          <Choice
            label="Show"
            name="only"
            isInline
            options={SHOW}
            value={only ?? ''}
            onChange={(value) => search('/allow-list', { only: value })}
          />
        }
      >
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.entries.length === 0 ? (
          <Empty title={facts?.entries === 0 ? 'The list is empty.' : 'None of the list.'}>
            {facts?.entries === 0 ? <p>Import a CSV file, or add single devices with “Expect one more”.</p> : null}
          </Empty>
        ) : (
          <Table
            label="Expected devices"
            rows={found.entries}
            keyOf={({ manufacturerId }) => manufacturerId}
            columns={[
              { head: 'Manufacturer ID', cell: ({ manufacturerId }) => <span class="mono">{manufacturerId}</span> },
              {
                head: 'Device',
                cell: ({ deviceId }) =>
                  deviceId === undefined ? (
                    <Badge kind="warn">Missing</Badge>
                  ) : (
                    <a href={`/devices/${deviceId}`}>Arrived</a>
                  ),
              },
              { head: 'Tags', cell: ({ tags }) => <TagList tags={tags} /> },
              { head: 'Note', cell: ({ note }) => note || <span class="muted">–</span> },
              ...(may('operator')
                ? [
                    {
                      head: 'Actions',
                      cell: ({ manufacturerId }: { manufacturerId: string }) => (
                        <button type="button" class="danger small" onClick={() => (removing.value = manufacturerId)}>
                          Remove<span class="hidden"> {manufacturerId}</span>
                        </button>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
        <Pager
          isFirst={!after}
          next={found?.next}
          go={(next) => search('/allow-list', { only: only ?? '', after: next ?? '' })}
        />
      </Card>
      {isAdding.value ? <AddOne close={() => (isAdding.value = false)} done={reload} /> : null}
      {removing.value === undefined ? null : (
        <Confirm
          title={`Expect ${removing.value} no longer`}
          submit="Remove it from the list"
          act={async () => {
            await ask('removeFromAllowList', { manufacturerId: removing.value ?? '' })
            reload()
          }}
          close={() => (removing.value = undefined)}
        >
          <p>A device that has registered with this manufacturer ID stays.</p>
        </Confirm>
      )}
    </Page>
  )
}

const AddOne = ({ close, done }: { close: () => void; done: () => void }) => (
  <Dialog title="Expect one more device" close={close}>
    <Form
      submit="Add"
      cancel={close}
      onSubmit={async ({ manufacturerId = '', note = '' }) => {
        await ask('addToAllowList', { manufacturerId, note, tags: [] })
        done()
        close()
      }}
    >
      <Field label="Manufacturer ID" name="manufacturerId" required autoFocus autoComplete="off" spellcheck={false} />
      <Field label="Note" name="note" hint="For people. May be empty." />
    </Form>
  </Dialog>
)

/** A file is looked at whole before anything of it counts. */
function ImportCard({ done }: { done: () => void }) {
  const progress = useSignal('')
  const staged = useSignal<Import | undefined>(undefined)
  const isApplying = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  const read = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    error.value = undefined
    staged.value = undefined
    progress.value = 'Reading…'
    try {
      staged.value = await importFile(file, (rows) => (progress.value = `${several(rows, 'row')} read`))
    } catch (reason) {
      error.value = messageOf(reason)
    } finally {
      progress.value = ''
    }
  }
  const found = staged.value
  return (
    <Card title="Replace it by a CSV file">
      <Field
        label="File"
        type="file"
        accept=".csv,text/csv"
        hint="The first row names the columns: manufacturerId, and perhaps tags (site=berlin;line=3) and note. You see what would change before anything does."
        onChange={(event) => {
          const { files } = event.currentTarget
          void read(files?.[0])
        }}
        // The same file chosen again, after it was corrected, is news.
        onClick={(event) => (event.currentTarget.value = '')}
      />
      <p role="status" class="hint">
        {progress.value}
      </p>
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      {found === undefined ? null : found.change === undefined ? (
        <Problems file={found.file} problems={found.problems} />
      ) : (
        <>
          <Difference change={found.change} />
          <div class="actions">
            <button type="button" class="primary" onClick={() => (isApplying.value = true)}>
              Apply {found.file}…
            </button>
            <button
              type="button"
              onClick={() => {
                void abandonImport(found.id)
                staged.value = undefined
              }}
            >
              Discard
            </button>
          </div>
        </>
      )}
      {isApplying.value && found?.change !== undefined ? (
        <Confirm
          title="Replace the allow-list"
          submit={`Add ${countText(found.change.added)}, remove ${countText(found.change.removed)}`}
          isDanger={found.change.removed > 0}
          act={async () => {
            await ask('commitAllowListImport', { import: found.id })
            staged.value = undefined
            done()
          }}
          close={() => (isApplying.value = false)}
        >
          <p>
            {several(found.change.removed, 'manufacturer ID is', 'manufacturer IDs are')} expected no longer, and{' '}
            {several(found.change.added, 'new one is', 'new ones are')}. Devices that have registered stay.
          </p>
        </Confirm>
      ) : null}
    </Card>
  )
}

const Difference = ({ change }: { change: Answer<'compareAllowListImport'> }) => (
  <Facts
    rows={[
      ['Added', <Examples count={change.added} ids={change.examples.added} />],
      ['Removed', <Examples count={change.removed} ids={change.examples.removed} />],
      ['Changed', countText(change.changed)],
      ['Unchanged', countText(change.unchanged)],
    ]}
  />
)

const Examples = ({ count, ids }: { count: number; ids: readonly string[] }) => (
  <>
    {countText(count)}{' '}
    {ids.length === 0 ? null : (
      <span class="muted mono">
        {ids.slice(0, 5).join(', ')}
        {count > 5 ? ', …' : ''}
      </span>
    )}
  </>
)

const PROBLEMS_SHOWN = 100

const Problems = ({ file, problems }: { file: string; problems: Import['problems'] }) => (
  <Alert>
    <p>
      {several(problems.length, 'row', 'rows')} of {file} cannot be taken. Nothing was changed.
    </p>
    <ol class="problems" tabIndex={0}>
      {problems.slice(0, PROBLEMS_SHOWN).map(({ line, problem }) => (
        <li key={`${line} ${problem}`}>
          <b>Line {line}</b> {problem}
        </li>
      ))}
    </ol>
  </Alert>
)
