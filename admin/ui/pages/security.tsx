import { useSignal } from '@preact/signals'
import { wholeList } from '../../whole-list.ts'
import { ask, send, type Answer } from '../api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Choice, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Facts, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { may } from '../session.ts'
import { durationText } from '../words.ts'
import { JournalTable } from './journal-table.tsx'
import { Keepers } from './keepers.tsx'
import { roleOf, ROLES } from './roles.ts'
import { ApiTokens, ServiceKeys } from './security-keys.tsx'
import { SigningKeys } from './signing-keys.tsx'

export const SecurityPage = () => (
  <Page title="Security" lead="Who administers, which keys count, and who was kept out.">
    {may('admin') ? (
      <>
        <Accounts />
        <ApiTokens />
      </>
    ) : null}
    <ServiceKeys />
    <SigningKeys />
    <div class="split">
      <Certificate />
      <Card title="Your password">
        <PasswordForm />
      </Card>
    </div>
    <Card title="Refused logins" aside={<a href="/journal?kind=login&result=refused">All of them</a>}>
      <JournalTable
        label="Refused logins"
        request={{ kind: 'login', result: 'refused' }}
        empty="No login was refused."
      />
    </Card>
    <Card title="TLS handshakes that failed" aside={<a href="/journal?kind=tls">All of them</a>}>
      <JournalTable label="TLS handshakes that failed" request={{ kind: 'tls' }} empty="None has failed." />
    </Card>
  </Page>
)

function PasswordForm() {
  const isDone = useSignal(false)
  return (
    <Form
      submit="Change the password"
      onSubmit={async ({ current = '', password = '' }) => {
        isDone.value = false
        await send('POST', '/me/password', { current, password })
        isDone.value = true
      }}
    >
      <Field label="Now" name="current" type="password" required autoComplete="current-password" />
      <Field
        label="From now on"
        name="password"
        type="password"
        required
        minLength={12}
        autoComplete="new-password"
        hint="At least 12 characters."
      />
      {isDone.value ? <Alert kind="good">Changed. Your other sessions have ended.</Alert> : null}
    </Form>
  )
}

const Accounts = () => (
  <Keepers
    title="Accounts"
    empty="There is no account."
    read={() =>
      wholeList(async (page) => {
        const { accounts: items, next } = await ask('listAccounts', page)
        return { items, next }
      })
    }
    columns={[
      { head: 'Name', cell: ({ name }) => name },
      { head: 'Role', cell: ({ role }) => <Badge kind="plain">{role}</Badge> },
      { head: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
      { head: 'Password from', cell: ({ passwordChangedAt }) => <Time at={passwordChangedAt} /> },
    ]}
    remove={{
      verb: 'Remove',
      what: 'Its sessions end at once. The last account cannot be made again without the machine.',
      act: ({ name }: Answer<'listAccounts'>['accounts'][number]) => ask('removeAccount', { name }),
    }}
    createText="Add an account"
    create={(close) => (
      <Dialog title="Add an account" close={close}>
        <Form
          submit="Add"
          cancel={close}
          onSubmit={async ({ name = '', password = '', role }) => {
            await ask('createAccount', { name, password, role: roleOf(role) })
            close()
          }}
        >
          <Field label="Name" name="name" required autoFocus autoComplete="off" />
          <Field
            label="Password"
            name="password"
            type="password"
            required
            minLength={12}
            autoComplete="new-password"
            hint="At least 12 characters; whoever gets the account changes it on this page."
          />
          <Choice label="Role" name="role" options={ROLES} />
        </Form>
      </Dialog>
    )}
  />
)

function Certificate() {
  const overview = useLoaded(() => ask('overview'), [])
  const found = overview.value.value
  const certificate = found?.certificate
  return (
    <Card title="TLS">
      {found === undefined ? (
        <p class="muted">{overview.error.value ?? 'Loading…'}</p>
      ) : certificate === undefined ? (
        <Empty title="TLS is off.">
          <p>
            Set <code>tls.cert</code> and <code>tls.key</code>, then <code>listen.mqtts</code> and{' '}
            <code>listen.https</code>.
          </p>
        </Empty>
      ) : (
        <Facts
          rows={[
            ['Subject', <code>{certificate.subject}</code>],
            ['Expires', <Expiry notAfter={certificate.notAfter} />],
            ['When it changes', 'The files are read again by themselves; connections stay.'],
          ]}
        />
      )}
    </Card>
  )
}

function Expiry({ notAfter }: { notAfter: string }) {
  const seconds = (Date.parse(notAfter) - Date.now()) / 1000
  const days = seconds / 86_400
  return (
    <>
      <Time at={notAfter} />{' '}
      <Badge kind={days < 0 ? 'bad' : days < 30 ? 'warn' : 'good'}>
        {days < 0 ? 'expired' : `in ${durationText(seconds)}`}
      </Badge>
    </>
  )
}
