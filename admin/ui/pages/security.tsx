import { useSignal } from '@preact/signals'
import { ask, send, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { Choice, Confirm, Copyable, Dialog, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'
import { may, type Me } from '../session.ts'
import { JournalTable } from './journal.tsx'

const ROLES = [
  ['viewer', 'Viewer: looks'],
  ['operator', 'Operator: changes devices and tokens'],
  ['admin', 'Admin: everything'],
] as const

export const SecurityPage = () => (
  <Page title="Security">
    <Card title="Your password">
      <PasswordForm />
    </Card>
    {may('admin') ? (
      <>
        <Accounts />
        <ApiTokens />
      </>
    ) : null}
    <ServiceKeys />
    <SigningKeys />
    <Card title="Refused logins">
      <JournalTable request={{ kind: 'login', result: 'refused' }} />
    </Card>
    <Card title="Failed TLS handshakes">
      <JournalTable request={{ kind: 'tls' }} />
    </Card>
  </Page>
)

function PasswordForm() {
  const isDone = useSignal(false)
  return (
    <Form
      submit="Change it"
      onSubmit={async ({ current = '', password = '' }) => {
        await send('POST', '/me/password', { current, password })
        isDone.value = true
      }}
    >
      <div class="filters">
        <Field label="Now" name="current" type="password" required autoComplete="current-password" />
        <Field label="From now on" name="password" type="password" required minLength={12} autoComplete="new-password" />
      </div>
      {isDone.value ? <Alert kind="good">Changed. Your other sessions have ended.</Alert> : null}
    </Form>
  )
}

/** A list with a way to make one more and to take one away. */
function Keepers<Row extends { name: string }>(props: {
  title: string
  empty: string
  read: () => Promise<readonly Row[]>
  columns: readonly { head: string; cell: (row: Row) => preact.ComponentChildren }[]
  remove: { verb: string; what: string; act: (row: Row) => Promise<unknown> }
  create?: (close: () => void) => preact.ComponentChildren
  createText: string
}) {
  const rows = useLoaded(props.read, [changes.value])
  const removing = useSignal<Row | undefined>(undefined)
  const isCreating = useSignal(false)
  const found = rows.value.value
  const { verb, what, act } = props.remove
  const isOffered = may('admin')
  const actions = {
    head: 'Actions',
    cell: (row: Row) => (
      <button type="button" class="danger" onClick={() => (removing.value = row)}>
        {verb}
        <span class="hidden"> {row.name}</span>
      </button>
    ),
  }
  return (
    <Card
      title={props.title}
      aside={
        isOffered && props.create !== undefined ? (
          <button type="button" onClick={() => (isCreating.value = true)}>
            {props.createText}
          </button>
        ) : null
      }
    >
      {rows.error.value === undefined ? null : <Alert>{rows.error.value}</Alert>}
      {found === undefined ? null : found.length === 0 ? (
        <Empty title={props.empty} />
      ) : (
        <Table label={props.title} rows={found} keyOf={({ name }) => name} columns={isOffered ? [...props.columns, actions] : props.columns} />
      )}
      {isCreating.value
        ? props.create?.(() => {
            isCreating.value = false
            rows.reload()
          })
        : null}
      {removing.value === undefined ? null : (
        <Confirm
          title={`${verb} ${removing.value.name}`}
          submit={verb}
          act={async () => {
            if (removing.value !== undefined) await act(removing.value)
            rows.reload()
          }}
          close={() => (removing.value = undefined)}
        >
          <p>{what}</p>
        </Confirm>
      )}
    </Card>
  )
}

const Accounts = () => (
  <Keepers
    title="Accounts"
    empty="There is no account."
    read={async () => (await ask('listAccounts')).accounts}
    columns={[
      { head: 'Name', cell: ({ name }) => name },
      { head: 'Role', cell: ({ role }) => <Badge kind="plain">{role}</Badge> },
      { head: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
      { head: 'Password from', cell: ({ passwordChangedAt }) => <Time at={passwordChangedAt} /> },
    ]}
    remove={{
      verb: 'Remove',
      what: 'Its sessions end at once.',
      act: ({ name }: Answer<'listAccounts'>['accounts'][number]) => ask('removeAccount', { name }),
    }}
    createText="Add an account"
    create={(close) => (
      <Dialog title="Add an account" close={close}>
        <Form
          submit="Add"
          cancel={close}
          onSubmit={async ({ name = '', password = '', role = 'viewer' }) => {
            await ask('createAccount', { name, password, role: role as Me['role'] })
            close()
          }}
        >
          <Field label="Name" name="name" required autoFocus autoComplete="off" />
          <Field label="Password" name="password" type="password" required minLength={12} autoComplete="new-password" />
          <Choice label="Role" name="role" options={ROLES} />
        </Form>
      </Dialog>
    )}
  />
)

function ApiTokens() {
  const made = useSignal<string | undefined>(undefined)
  return (
    <>
      <Keepers
        title="API tokens"
        empty="There is no API token; programs use one instead of a password."
        read={async () => (await ask('listApiTokens')).apiTokens}
        columns={[
          { head: 'Name', cell: ({ name }) => name },
          { head: 'Role', cell: ({ role }) => <Badge kind="plain">{role}</Badge> },
          { head: 'Scopes', cell: ({ scopes }) => scopes.join(', ') },
          { head: 'Expires', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          { head: 'Last use', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
        ]}
        remove={{
          verb: 'Revoke',
          what: 'Programs that use it are refused from the next request on.',
          act: ({ name }: Answer<'listApiTokens'>['apiTokens'][number]) => ask('revokeApiToken', { name }),
        }}
        createText="Create an API token"
        create={(close) => (
          <Dialog title="Create an API token" close={close}>
            <Form
              submit="Create"
              cancel={close}
              onSubmit={async ({ name = '', role = 'viewer' }) => {
                made.value = (await ask('createApiToken', { name, role: role as Me['role'], scopes: ['*'] })).token
                close()
              }}
            >
              <Field label="Name" name="name" required autoFocus autoComplete="off" />
              <Choice label="Role" name="role" options={ROLES} />
            </Form>
          </Dialog>
        )}
      />
      {made.value === undefined ? null : (
        <Dialog title="The API token" close={() => (made.value = undefined)}>
          <Alert kind="warn">It is shown this once.</Alert>
          <Copyable label="API token" text={made.value} />
          <div class="actions">
            <button type="button" onClick={() => (made.value = undefined)}>
              Done
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

const ServiceKeys = () => (
  <Keepers
    title="Service keys"
    empty="There is no service key; your own software connects over MQTT with one."
    read={async () => (await ask('listServiceKeys')).keys}
    columns={[
      { head: 'Name', cell: ({ name }) => name },
      { head: 'Access key', cell: ({ accessKey }) => <code>{accessKey}</code> },
      { head: 'Publishes', cell: ({ rules }) => rules.publish.join(' ') || '–' },
      { head: 'Subscribes', cell: ({ rules }) => rules.subscribe.join(' ') || '–' },
      { head: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
    ]}
    remove={{
      verb: 'Delete',
      what: 'Its connections end, and it cannot log in again.',
      act: ({ name }: Answer<'listServiceKeys'>['keys'][number]) => ask('deleteServiceKey', { key: name }),
    }}
    createText="Create a service key"
  />
)

function SigningKeys() {
  const keys = useLoaded(() => ask('listSigningKeys'), [changes.value])
  const found = keys.value.value
  return (
    <Card title="Signing keys of registration tokens">
      {found === undefined ? (
        <p class="muted">{keys.error.value}</p>
      ) : (
        <Table
          label="Signing keys"
          rows={found.keys}
          keyOf={({ id }) => id}
          columns={[
            { head: 'Key', cell: ({ id }) => <code>{id}</code> },
            { head: 'Algorithm', cell: ({ algorithm }) => algorithm },
            { head: 'State', cell: ({ state }) => <Badge kind={state === 'signing' ? 'good' : 'plain'}>{state}</Badge> },
            { head: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      )}
    </Card>
  )
}
