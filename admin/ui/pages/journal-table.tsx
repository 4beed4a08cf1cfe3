import { ask, type Answer, type Request } from '../api.ts'
import { changes } from '../live.ts'
import { Alert, Badge, Empty, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { countText, inWords } from '../words.ts'

type Entry = Answer<'listJournal'>['entries'][number]
export type JournalRequest = Partial<Request<'listJournal'>>

const PAGE = 50
const FEW = 10

export function JournalTable(props: {
  label: string
  request: JournalRequest
  go?: (before: number | undefined) => void
  empty?: string
}) {
  const { request, go } = props
  const page = useLoaded(
    () => ask('listJournal', { limit: go === undefined ? FEW : PAGE, ...request }),
    [JSON.stringify(request), changes.value],
  )
  const found = page.value.value
  if (page.error.value !== undefined) return <Alert>{page.error.value}</Alert>
  if (found === undefined) return <p class="muted">Loading…</p>
  return (
    <>
      {found.entries.length === 0 ? (
        <Empty
          title={
            found.next === undefined
              ? (props.empty ?? 'Nothing was written down.')
              : 'None among the newest; there may be more behind them.'
          }
        />
      ) : (
        <Table
          label={props.label}
          rows={found.entries}
          keyOf={({ seq }) => String(seq)}
          columns={[
            { head: 'When', cell: ({ at }) => <Time at={at} /> },
            { head: 'What', cell: (entry) => whatOf(entry) },
            { head: 'Result', cell: ({ result }) => <Badge kind={KIND[result]}>{result}</Badge> },
            { head: 'About', cell: (entry) => <Subject entry={entry} /> },
            { head: 'By', cell: (entry) => <span class="mono tight">{byOf(entry)}</span> },
            { head: 'Why', cell: ({ reason, code }) => <Reason reason={reason} code={code} /> },
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

const KIND: Readonly<Record<Entry['result'], 'good' | 'bad' | 'warn' | 'plain'>> = {
  accepted: 'good',
  done: 'plain',
  refused: 'bad',
  failed: 'bad',
  suspected: 'warn',
  lost: 'warn',
}

const whatOf = ({ kind, operation, count }: Entry): string =>
  `${operation === undefined ? kind : inWords(operation)}${count === undefined || count === 1 ? '' : ` ×${countText(count)}`}`

function Subject({ entry: { manufacturerId, deviceId, clientId, accessKey, target } }: { entry: Entry }) {
  const text = manufacturerId ?? target ?? deviceId ?? clientId ?? accessKey
  if (text === undefined || text === '') return <span class="muted">–</span>
  if (deviceId === undefined) return <span class="mono">{text}</span>
  return (
    <a class="mono" href={`/devices/${encodeURIComponent(deviceId)}`}>
      {text}
    </a>
  )
}

const byOf = ({ address, caller }: Entry): string =>
  caller === undefined ? (address ?? '–') : [caller.name ?? caller.kind, caller.address].filter(Boolean).join(' ')

const Reason = ({ reason, code }: { reason: string | undefined; code: string | undefined }) =>
  reason === undefined && code === undefined ? (
    <span class="muted nothing">–</span>
  ) : (
    <span title={code}>{reason ?? code?.replace(/^ERR_/, '').toLowerCase().replaceAll('_', ' ')}</span>
  )
