import { useSignal } from '@preact/signals'
import { useLocation } from 'preact-iso'
import { ask } from '../api.ts'
import { changes } from '../live.ts'
import { Confirm } from '../parts/form.tsx'
import { Alert, Card, Empty, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'

const PAGE = 50

type Decision = 'approved' | 'refused'

export function ApprovalsPage() {
  const { query, route } = useLocation()
  const { after } = query
  const status = useLoaded(() => ask('allowListStatus'), [changes.value])
  const page = useLoaded(
    () => ask('listApprovals', { state: 'waiting', limit: PAGE, ...(after ? { after } : {}) }),
    [after, changes.value],
  )
  const everyone = useSignal<Decision | undefined>(undefined)
  const decide = async (decision: Decision, manufacturerIds: 'all' | string[]): Promise<void> => {
    await ask('decideApprovals', { decision, manufacturerIds })
    page.reload()
    status.reload()
  }
  const found = page.value.value
  const waiting = status.value.value?.waitingApprovals
  return (
    <Page
      title="Approvals"
      lead="Devices that asked to register and that nobody knows."
      actions={
        may('operator') && waiting !== undefined && waiting > 0 ? (
          <>
            <button type="button" onClick={() => (everyone.value = 'approved')}>
              Approve all {waiting}
            </button>
            <button type="button" class="danger" onClick={() => (everyone.value = 'refused')}>
              Refuse all {waiting}
            </button>
          </>
        ) : null
      }
    >
      {page.error.value === undefined ? null : <Alert>{page.error.value}</Alert>}
      <Card>
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.approvals.length === 0 ? (
          <Empty title="Nobody waits.">
            {status.value.value?.mode === 'approve' ? null : (
              <p>
                Devices wait here when the server runs with <code>registration.mode: approve</code>. It is{' '}
                <code>{status.value.value?.mode}</code> now.
              </p>
            )}
          </Empty>
        ) : (
          <Table
            label="Waiting devices"
            rows={found.approvals}
            keyOf={({ manufacturerId }) => manufacturerId}
            columns={[
              { head: 'Manufacturer ID', cell: ({ manufacturerId }) => manufacturerId },
              { head: 'Asked', cell: ({ askedAt }) => <Time at={askedAt} /> },
              { head: 'From', cell: ({ address }) => address },
              {
                head: 'Decide',
                cell: ({ manufacturerId }) =>
                  may('operator') ? (
                    <div class="actions">
                      <button type="button" class="primary" onClick={() => void decide('approved', [manufacturerId])}>
                        Approve<span class="hidden"> {manufacturerId}</span>
                      </button>
                      <button type="button" class="danger" onClick={() => void decide('refused', [manufacturerId])}>
                        Refuse<span class="hidden"> {manufacturerId}</span>
                      </button>
                    </div>
                  ) : null,
              },
            ]}
          />
        )}
        <Pager isFirst={!after} next={found?.next} go={(next) => route(next === undefined ? '/approvals' : `/approvals?after=${encodeURIComponent(next)}`)} />
      </Card>
      {everyone.value === undefined ? null : (
        <Confirm
          title={everyone.value === 'approved' ? 'Approve everyone who waits' : 'Refuse everyone who waits'}
          submit={`${everyone.value === 'approved' ? 'Approve' : 'Refuse'} ${waiting} devices`}
          act={() => decide(everyone.value ?? 'refused', 'all')}
          close={() => (everyone.value = undefined)}
        >
          <p>{everyone.value === 'approved' ? 'They register the next time they ask.' : 'They are refused now and whenever they ask again.'}</p>
        </Confirm>
      )}
    </Page>
  )
}
