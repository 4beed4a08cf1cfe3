import { useSignal } from '@preact/signals'
import { ask, messageOf } from '../api.ts'
import { exportJournal } from '../export-journal.ts'
import { here, search } from '../location.ts'
import { Choice, Field, Filters } from '../parts/form.tsx'
import { Alert, Card, Page } from '../parts/layout.tsx'
import { several } from '../words.ts'
import { JournalTable, type JournalRequest } from './journal-table.tsx'

const KINDS = [
  ['', 'Everything'],
  ['registration', 'Registrations'],
  ['login', 'Logins'],
  ['tls', 'TLS handshakes'],
  ['operation', 'Operators'],
  ['clone', 'Suspected clones'],
  ['journal', 'The journal itself'],
] as const

const RESULTS = [
  ['', 'Any'],
  ['accepted', 'Accepted'],
  ['refused', 'Refused'],
  ['failed', 'Failed'],
  ['done', 'Done'],
  ['suspected', 'Suspected'],
  ['lost', 'Lost'],
] as const

/** What the address of the page may say; the server judges the values. */
const NAMES = ['device', 'address', 'token', 'kind', 'result', 'since', 'until'] as const

export function JournalPage() {
  const { query } = here()
  const filter = Object.fromEntries(NAMES.flatMap((name) => (query[name] ? [[name, query[name]]] : [])))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const request = filter as JournalRequest
  const before = query['before'] === undefined ? {} : { before: Number(query['before']) }
  return (
    <Page
      title="Journal"
      lead="Every attempt to register, every login that was refused, and what operators did, newest first."
      actions={<Tools request={request} />}
    >
      <Card>
        <Filters
          values={{ ...query }}
          apply={(wanted) => search('/journal', wanted)}
          {...(Object.keys(filter).length > 0 ? { clear: () => search('/journal', {}) } : {})}
        >
          <Field
            label="Device"
            placeholder="device or manufacturer ID"
            name="device"
            autoComplete="off"
            spellcheck={false}
          />
          <Field label="Address" name="address" autoComplete="off" spellcheck={false} />
          <Choice label="What" name="kind" options={KINDS} />
          <Choice label="Result" name="result" options={RESULTS} />
        </Filters>
      </Card>
      <Card>
        <JournalTable
          label="Journal"
          request={{ ...request, ...before }}
          go={(next) => search('/journal', { ...filter, before: next === undefined ? '' : String(next) })}
          empty={Object.keys(filter).length > 0 ? 'Nothing matches.' : 'Nothing was written down yet.'}
        />
      </Card>
    </Page>
  )
}

function Tools({ request }: { request: JournalRequest }) {
  const said = useSignal<{ kind?: 'good'; text: string } | undefined>(undefined)
  const isBusy = useSignal(false)
  const run = (work: () => Promise<string>): void => {
    if (isBusy.value) return
    isBusy.value = true
    said.value = undefined
    work()
      .then(
        (text) => (said.value = { kind: 'good', text }),
        (reason: unknown) => (said.value = { text: messageOf(reason) }),
      )
      .finally(() => (isBusy.value = false))
  }
  const save = async (): Promise<string> => `${several(await exportJournal(request), 'entry', 'entries')} saved.`
  return (
    <>
      {said.value === undefined ? null : (
        <Alert {...(said.value.kind ? { kind: 'good' } : {})}>{said.value.text}</Alert>
      )}
      <button type="button" aria-disabled={isBusy.value} onClick={() => run(verify)}>
        Check that it is whole
      </button>
      <button type="button" aria-disabled={isBusy.value} onClick={() => run(save)}>
        Save as JSON lines
      </button>
    </>
  )
}

async function verify(): Promise<string> {
  const { whole, problem, checked } = await ask('verifyJournal')
  if (!whole) throw new Error(problem ?? 'The journal was changed.')
  return `Whole: ${several(checked, 'entry is', 'entries are')} as they were written.`
}
