import { useSignal } from '@preact/signals'
import { changeAll, countAll, type Filter } from '../change-all.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Field, type Values } from '../parts/form.tsx'
import { Card, Trouble } from '../parts/layout.tsx'
import { useIsOver, useLoaded } from '../parts/loading.ts'
import { countText, several } from '../words.ts'

type Change = Parameters<typeof changeAll>[0]

interface Bulk {
  readonly kind: 'disable' | 'enable' | 'quarantine' | 'release' | 'disconnect' | 'tag' | 'delete'
  readonly verb: string
  readonly isDanger: boolean
  readonly what: string
}

const BULK: readonly Bulk[] = [
  { kind: 'tag', verb: 'Tag', isDanger: false, what: 'The tag takes the place of one with the same key.' },
  { kind: 'enable', verb: 'Enable', isDanger: false, what: 'They can log in again.' },
  { kind: 'release', verb: 'Release', isDanger: false, what: 'Their quarantine ends.' },
  {
    kind: 'disconnect',
    verb: 'Disconnect',
    isDanger: true,
    what: 'Their connections end; they may come back at once.',
  },
  {
    kind: 'quarantine',
    verb: 'Quarantine',
    isDanger: true,
    what: 'They may connect and hear their commands, and do nothing else.',
  },
  {
    kind: 'disable',
    verb: 'Disable',
    isDanger: true,
    what: 'Their connections end and their logins are refused until they are enabled again.',
  },
  {
    kind: 'delete',
    verb: 'Delete',
    isDanger: true,
    what: 'They are forgotten with their credentials, and their manufacturer IDs can register again. This cannot be undone.',
  },
]

export function BulkActions(props: { filter: Filter; isFiltered: boolean; done: () => void }) {
  const chosen = useSignal<Bulk | undefined>(undefined)
  return (
    <Card title="Do the same to all that match">
      {props.isFiltered ? (
        <div class="actions">
          {BULK.map((bulk) => (
            <button
              key={bulk.kind}
              type="button"
              class={bulk.isDanger ? 'danger' : ''}
              onClick={() => (chosen.value = bulk)}
            >
              {bulk.verb}…
            </button>
          ))}
        </div>
      ) : (
        <p class="hint">
          Search first: tag, disconnect, quarantine, disable or delete then applies to every device that matches, on
          this page and behind it. How many there are is said before anything happens.
        </p>
      )}
      {chosen.value === undefined ? null : (
        <BulkDialog
          bulk={chosen.value}
          filter={props.filter}
          close={() => {
            chosen.value = undefined
            props.done()
          }}
        />
      )}
    </Card>
  )
}

/** Counts first, then does it: page by page, so that no request lasts for minutes. */
function BulkDialog({ bulk, filter, close }: { bulk: Bulk; filter: Filter; close: () => void }) {
  const count = useLoaded(() => countAll(filter), [])
  const done = useSignal(0)
  const isOver = useIsOver()
  const found = count.value.value
  const devices = found === undefined ? 'all that match' : several(found, 'device')
  const run = async (values: Values): Promise<void> => {
    if (bulk.kind === 'delete' && values['count'] !== String(found)) {
      throw new Error(`Type ${found} to say that you mean all of them.`)
    }
    await changeAll(changeOf(bulk, values), filter, { told: (changed) => (done.value = changed), isOver })
  }
  return (
    <Confirm
      title={`${bulk.verb} ${devices}`}
      submit={`${bulk.verb} ${devices}`}
      isDanger={bulk.isDanger}
      isReady={found !== undefined && found > 0}
      act={run}
      close={close}
    >
      <p>
        {found === undefined ? 'Counting… ' : null}
        {bulk.what}
      </p>
      <p class="muted">
        Those with{' '}
        {Object.entries(filter)
          .map(([name, value]) => `${NAMES[name] ?? name} ${value}`)
          .join(', ')}
        .
      </p>
      {bulk.kind === 'tag' ? (
        <div class="filters">
          <Field label="Key" name="key" required placeholder="site" />
          <Field label="Value" name="value" required placeholder="berlin" />
        </div>
      ) : null}
      {bulk.kind === 'delete' && found !== undefined ? (
        <Field label={`Type ${found} to go on`} name="count" required autoComplete="off" inputMode="numeric" />
      ) : null}
      <Trouble of={count} />
      <p role="status">{done.value === 0 ? null : `${countText(done.value)} of ${countText(found ?? 0)} done`}</p>
    </Confirm>
  )
}

const NAMES: Readonly<Record<string, string>> = {
  prefix: 'a manufacturer ID that begins with',
  tag: 'the tag',
  token: 'the token',
  state: 'the state',
}

function changeOf({ kind }: Bulk, { key = '', value = '' }: Values): Change {
  return kind === 'tag' ? { kind, set: [{ key, value }] } : { kind }
}
