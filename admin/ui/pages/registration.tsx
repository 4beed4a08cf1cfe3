import { useSignal } from '@preact/signals'
import { wholeList } from '../../whole-list.ts'
import { ask, messageOf, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { goTo, here } from '../location.ts'
import { Choice } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'
import { may } from '../session.ts'
import { countText } from '../words.ts'
import { CreateToken } from './create-token.tsx'
import { FirstDevice } from './first-device.tsx'
import { JournalTable } from './journal-table.tsx'
import { LimitToken, RevokeToken } from './token-dialogs.tsx'

type Token = Answer<'listTokens'>['tokens'][number]

/** Stands for all tokens that were signed elsewhere, and is always there. */
const LEGACY = 'legacy'

const allTokens = (): Promise<Token[]> =>
  wholeList(async (page) => {
    const { tokens: items, next } = await ask('listTokens', page)
    return { items, next }
  })

export function RegistrationPage() {
  const { query } = here()
  const tokens = useLoaded(allTokens, [changes.value])
  const overview = useLoaded(() => ask('overview'), [])
  const isCreating = useSignal(query['first'] === '1' && may('operator'))
  const created = useSignal<Answer<'createToken'> | undefined>(undefined)
  const found = tokens.value.value
  const closeDialog = (): void => {
    isCreating.value = false
    if (query['first'] === '1') goTo('/registration', true)
  }
  return (
    <Page
      title="Registration"
      lead="One token is flashed into every device. With it and its manufacturer ID a device gets credentials of its own, once."
      actions={
        may('operator') ? (
          <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
            Create a token
          </button>
        ) : null
      }
    >
      <Trouble of={tokens} />
      {created.value === undefined ? null : (
        <FirstDevice
          created={created.value}
          topicRoot={overview.value.value?.topicRoot ?? 'losant'}
          close={() => (created.value = undefined)}
        />
      )}
      <Card title="Tokens">
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : (
          <>
            {found.some(({ id }) => id !== LEGACY) ? null : (
              <Empty title="There is no token yet.">
                <p>Create one, and connect your first device with it.</p>
              </Empty>
            )}
            <TokenTable tokens={found} reload={tokens.reload} />
          </>
        )}
      </Card>
      <Attempts />
      {isCreating.value ? (
        <CreateToken
          close={closeDialog}
          done={(token) => {
            created.value = token
            closeDialog()
            tokens.reload()
            scrollTo(0, 0)
          }}
        />
      ) : null}
    </Page>
  )
}

const STATE = { valid: 'good', revoked: 'bad', expired: 'plain', exhausted: 'warn' } as const

function TokenTable({ tokens, reload }: { tokens: readonly Token[]; reload: () => void }) {
  const revoking = useSignal<Token | undefined>(undefined)
  const limiting = useSignal<Token | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const reopen = (token: Token): void => {
    error.value = undefined
    ask('reopenToken', { token: token.id }).then(reload, (reason: unknown) => (error.value = messageOf(reason)))
  }
  const actions = {
    head: 'Actions',
    cell: (token: Token) => (
      <div class="actions">
        {token.state === 'revoked' ? (
          token.id === LEGACY ? (
            <button type="button" class="small" onClick={() => reopen(token)}>
              Reopen<span class="hidden"> {token.name}</span>
            </button>
          ) : null
        ) : (
          <>
            <button type="button" class="small" onClick={() => (limiting.value = token)}>
              Limit…<span class="hidden"> {token.name}</span>
            </button>
            <button type="button" class="danger small" onClick={() => (revoking.value = token)}>
              Revoke…<span class="hidden"> {token.name}</span>
            </button>
          </>
        )}
      </div>
    ),
  }
  return (
    <>
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      <Table
        label="Tokens"
        rows={tokens}
        keyOf={({ id }) => id}
        columns={[
          { head: 'Name', cell: (token) => <Name token={token} /> },
          { head: 'State', cell: ({ state }) => <Badge kind={STATE[state]}>{state}</Badge> },
          { head: 'Uses', cell: (token) => <Uses token={token} /> },
          { head: 'Refused', cell: (token) => <Refused token={token} /> },
          { head: 'Expires', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          { head: 'Last use', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
          ...(may('operator') ? [actions] : []),
        ]}
      />
      {revoking.value === undefined ? null : (
        <RevokeToken token={revoking.value} done={reload} close={() => (revoking.value = undefined)} />
      )}
      {limiting.value === undefined ? null : (
        <LimitToken token={limiting.value} done={reload} close={() => (limiting.value = undefined)} />
      )}
    </>
  )
}

const Name = ({ token: { id, name } }: { token: Token }) => (
  <>
    <a href={`/devices?token=${encodeURIComponent(id)}`}>{name}</a>
    {id === LEGACY ? <p class="hint">tokens that were signed elsewhere</p> : null}
  </>
)

/** How much of what it permits is used up. */
function Uses({ token: { uses, maxRegistrations } }: { token: Token }) {
  if (maxRegistrations === undefined) return <>{countText(uses)}</>
  const share = Math.min(1, uses / maxRegistrations)
  return (
    <span class="burn">
      <span>
        {countText(uses)} <span class="muted">of {countText(maxRegistrations)}</span>
      </span>
      <span class={share > 0.9 ? 'bar low' : 'bar'} aria-hidden="true">
        <i style={{ width: `${Math.round(share * 100)}%` }} />
      </span>
    </span>
  )
}

const Refused = ({ token: { refusals } }: { token: Token }) => (
  <span title={refusals.lastCode}>
    {refusals.count === 0 ? <span class="muted">–</span> : countText(refusals.count)}
  </span>
)

const RESULTS = [
  ['refused', 'refused'],
  ['', 'all'],
  ['accepted', 'accepted'],
] as const

function Attempts() {
  const result = useSignal<'' | 'accepted' | 'refused'>('refused')
  return (
    <Card
      title="Attempts to register"
      aside={
        <Choice
          label="Show"
          name="result"
          isInline
          options={RESULTS}
          value={result.value}
          onChange={(value) => (result.value = value === 'refused' || value === 'accepted' ? value : '')}
        />
      }
    >
      <JournalTable
        label="Attempts to register"
        request={{ kind: 'registration', ...(result.value === '' ? {} : { result: result.value }) }}
        empty={result.value === 'refused' ? 'Nobody was refused.' : 'Nobody has tried.'}
      />
      <p class="hint">
        <a href={`/journal?kind=registration${result.value === '' ? '' : `&result=${result.value}`}`}>
          All of them in the journal
        </a>
      </p>
    </Card>
  )
}
