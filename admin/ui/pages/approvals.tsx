import { useSignal } from '@preact/signals'
import { ask, messageOf } from '../api.ts'
import { changes } from '../live.ts'
import { here, search } from '../location.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Choice } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Pager, Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { several } from '../words.ts'

const PAGE = 50

type Decision = 'approved' | 'refused'

const STATES = [
  ['waiting', 'waiting'],
  ['approved', 'approved'],
  ['refused', 'refused'],
] as const

const KIND = { waiting: 'warn', approved: 'good', refused: 'bad' } as const

export function ApprovalsPage() {
  const { query } = here()
  const { after } = query
  const state = query['state'] === 'approved' || query['state'] === 'refused' ? query['state'] : 'waiting'
  const status = useLoaded(() => ask('allowListStatus'), [changes.value])
  const page = useLoaded(
    () => ask('listApprovals', { state, limit: PAGE, ...(after ? { after } : {}) }),
    [after, state, changes.value],
  )
  const everyone = useSignal<Decision | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const reload = (): void => {
    page.reload()
    status.reload()
  }
  const decide = async (decision: Decision, manufacturerIds: 'all' | string[]): Promise<void> => {
    await ask('decideApprovals', { decision, manufacturerIds })
    reload()
  }
  const decideOne = (decision: Decision, manufacturerId: string): void => {
    error.value = undefined
    decide(decision, [manufacturerId]).catch((reason: unknown) => (error.value = messageOf(reason)))
  }
  const found = page.value.value
  const waiting = status.value.value?.waitingApprovals
  const canDecide = may('operator') && state !== 'approved'
  return (
    <Page
      title="Approvals"
      lead="Devices that asked to register and that nobody knows. Whoever is approved registers the next time it asks."
      actions={
        may('operator') && waiting !== undefined && waiting > 0 ? (
          <>
            <button type="button" onClick={() => (everyone.value = 'approved')}>
              Approve all {waiting}…
            </button>
            <button type="button" class="danger" onClick={() => (everyone.value = 'refused')}>
              Refuse all {waiting}…
            </button>
          </>
        ) : null
      }
    >
      <Trouble of={page} />
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      <Card
        title="Who asked"
        aside={
          <Choice
            label="Show"
            name="state"
            isInline
            options={STATES}
            value={state}
            onChange={(value) => search('/approvals', { state: value })}
          />
        }
      >
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.approvals.length === 0 ? (
          <Empty title={state === 'waiting' ? 'Nobody waits.' : `Nobody was ${state}.`}>
            {status.value.value === undefined || status.value.value.mode === 'approve' ? null : (
              <p>
                Devices wait here when the server runs with <code>registration.mode: approve</code>, or when their token
                asks for it. The mode is <code>{status.value.value.mode}</code> now.
              </p>
            )}
          </Empty>
        ) : (
          <Table
            label="Devices that asked"
            rows={found.approvals}
            keyOf={({ manufacturerId }) => manufacturerId}
            columns={[
              { head: 'Manufacturer ID', cell: ({ manufacturerId }) => <span class="mono">{manufacturerId}</span> },
              { head: 'State', cell: (one) => <Badge kind={KIND[one.state]}>{one.state}</Badge> },
              { head: 'Asked', cell: ({ askedAt }) => <Time at={askedAt} /> },
              { head: 'From', cell: ({ address }) => <span class="mono">{address}</span> },
              ...(canDecide
                ? [
                    {
                      head: 'Decide',
                      cell: ({ manufacturerId }: { manufacturerId: string }) => (
                        <div class="actions">
                          <button type="button" class="small" onClick={() => decideOne('approved', manufacturerId)}>
                            Approve<span class="hidden"> {manufacturerId}</span>
                          </button>
                          {state === 'waiting' ? (
                            <button
                              type="button"
                              class="danger small"
                              onClick={() => decideOne('refused', manufacturerId)}
                            >
                              Refuse<span class="hidden"> {manufacturerId}</span>
                            </button>
                          ) : null}
                        </div>
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
          go={(next) => search('/approvals', { state, ...(next === undefined ? {} : { after: next }) })}
        />
      </Card>
      {everyone.value === undefined ? null : (
        <Confirm
          title={everyone.value === 'approved' ? 'Approve everyone who waits' : 'Refuse everyone who waits'}
          submit={`${everyone.value === 'approved' ? 'Approve' : 'Refuse'} ${several(waiting ?? 0, 'device')}`}
          isDanger={everyone.value === 'refused'}
          act={() => decide(everyone.value ?? 'refused', 'all')}
          close={() => (everyone.value = undefined)}
        >
          <p>
            {everyone.value === 'approved'
              ? 'They register the next time they ask. Whoever begins to wait until you confirm is approved too.'
              : 'They are refused whenever they ask again, until somebody approves them.'}
          </p>
        </Confirm>
      )}
    </Page>
  )
}
