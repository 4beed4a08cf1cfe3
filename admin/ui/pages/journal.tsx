import { useLocation } from 'preact-iso'
import { ask, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { Choice, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'

type Entry = Answer<'listJournal'>['entries'][number]
type Request = Partial<Parameters<typeof ask<'listJournal'>>[1]>

const KINDS = [
  ['', 'Everything'],
  ['registration', 'Registrations'],
  ['login', 'Logins'],
  ['tls', 'TLS handshakes'],
  ['operation', 'Operators'],
  ['clone', 'Suspected clones'],
] as const

const RESULTS = [
  ['', 'Any result'],
  ['accepted', 'Accepted'],
  ['refused', 'Refused'],
] as const

const PAGE = 50

export function JournalPage() {
  const { query, route } = useLocation()
  const go = (search: Readonly<Record<string, string>>): void => {
    const given = Object.entries(search).filter(([, value]) => value !== '')
    route(given.length === 0 ? '/journal' : `/journal?${new URLSearchParams(given)}`)
  }
  const { before, ...filter } = query
  const request = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== '')) as Request
  return (
    <Page title="Journal" lead="Every attempt to register, every login that was refused, and what operators did.">
      <Card>
        <Form key={JSON.stringify(query)} submit="Search" onSubmit={async (values) => go(values)}>
          <div class="filters">
            <Field label="Device or manufacturer ID" name="device" defaultValue={query['device'] ?? ''} />
            <Field label="Address" name="address" defaultValue={query['address'] ?? ''} />
            <Choice label="What" name="kind" options={KINDS} value={query['kind'] ?? ''} />
            <Choice label="Result" name="result" options={RESULTS} value={query['result'] ?? ''} />
          </div>
        </Form>
      </Card>
      <Card>
        <JournalTable
          request={{ ...request, ...(before === undefined ? {} : { before: Number(before) }) }}
          go={(next) => go({ ...filter, before: next === undefined ? '' : String(next) })}
        />
      </Card>
    </Page>
  )
}

export function JournalTable({ request, go }: { request: Request; go?: (before: number | undefined) => void }) {
  const page = useLoaded(() => ask('listJournal', { limit: go === undefined ? 10 : PAGE, ...request }), [JSON.stringify(request), changes.value])
  const found = page.value.value
  if (page.error.value !== undefined) return <Alert>{page.error.value}</Alert>
  if (found === undefined) return <p class="muted">Loading…</p>
  return (
    <>
      {found.entries.length === 0 ? (
        <Empty title={found.next === undefined ? 'Nothing was written down.' : 'None on this page; there are more behind it.'} />
      ) : (
        <Table
          label="Journal"
          rows={found.entries}
          keyOf={({ seq }) => String(seq)}
          columns={[
            { head: 'When', cell: ({ at }) => <Time at={at} /> },
            { head: 'What', cell: (entry) => whatOf(entry) },
            { head: 'Result', cell: ({ result }) => <Badge kind={result === 'refused' ? 'bad' : 'plain'}>{result}</Badge> },
            { head: 'Who', cell: (entry) => <span class="mono">{subjectOf(entry)}</span> },
            { head: 'From', cell: ({ address, caller }) => address ?? caller?.address ?? caller?.name ?? caller?.kind ?? '–' },
            { head: 'Why', cell: ({ reason, code }) => reason ?? code ?? '–' },
          ]}
        />
      )}
      {go === undefined ? null : (
        <Pager
          isFirst={request.before === undefined}
          next={found.next === undefined ? undefined : String(found.next)}
          go={(next) => go(next === undefined ? undefined : Number(next))}
        />
      )}
    </>
  )
}

const whatOf = ({ kind, operation, count }: Entry): string =>
  `${operation ?? kind}${count === undefined ? '' : ` (${count} times)`}`

const subjectOf = ({ manufacturerId, deviceId, clientId, accessKey, target }: Entry): string =>
  manufacturerId ?? target ?? deviceId ?? clientId ?? accessKey ?? '–'
