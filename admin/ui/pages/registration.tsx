import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { renderSVG } from 'uqr'
import { ask, type Answer } from '../api.ts'
import { changeAll } from '../change-all.ts'
import { changes, onEvents } from '../live.ts'
import { Choice, Confirm, Copyable, Dialog, Field, Form, type Values } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'
import { may } from '../session.ts'

type Token = Answer<'listTokens'>['tokens'][number]
type Created = Answer<'createToken'>

const LIFETIMES = [
  ['', 'It never expires'],
  ['86400', '1 day'],
  ['2592000', '30 days'],
  ['7776000', '90 days'],
  ['31536000', '1 year'],
] as const

export function RegistrationPage() {
  const { query } = useLocation()
  const tokens = useLoaded(() => ask('listTokens'), [changes.value])
  const isCreating = useSignal(query['first'] === '1')
  const created = useSignal<Created | undefined>(undefined)
  const revoking = useSignal<Token | undefined>(undefined)
  const found = tokens.value.value
  return (
    <Page
      title="Registration"
      lead="A token is flashed into every device; with it and its manufacturer ID a device gets credentials of its own."
      actions={
        may('operator') ? (
          <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
            Create a token
          </button>
        ) : null
      }
    >
      {tokens.error.value === undefined ? null : <Alert>{tokens.error.value}</Alert>}
      {created.value === undefined ? null : <FirstDevice created={created.value} />}
      <Card title="Tokens">
        {found === undefined ? (
          <p class="muted">Loading…</p>
        ) : found.tokens.length === 0 ? (
          <Empty title="No token yet. Create one, and connect your first device with it." />
        ) : (
          <Table
            label="Tokens"
            rows={found.tokens}
            keyOf={({ id }) => id}
            columns={[
              { head: 'Name', cell: ({ name, id }) => <a href={`/devices?token=${encodeURIComponent(id)}`}>{name}</a> },
              { head: 'State', cell: ({ state }) => <Badge kind={state === 'valid' ? 'good' : 'bad'}>{state}</Badge> },
              { head: 'Uses', cell: (token) => <Uses token={token} /> },
              { head: 'Refused', cell: ({ refusals }) => refusals.count.toLocaleString() },
              { head: 'Expires', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
              { head: 'Last use', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
              {
                head: 'Actions',
                cell: (token) =>
                  may('operator') && token.state !== 'revoked' ? (
                    <button type="button" class="danger" onClick={() => (revoking.value = token)}>
                      Revoke<span class="hidden"> {token.name}</span>
                    </button>
                  ) : null,
              },
            ]}
          />
        )}
      </Card>
      {isCreating.value ? (
        <CreateToken
          close={() => (isCreating.value = false)}
          done={(token) => {
            created.value = token
            isCreating.value = false
            tokens.reload()
          }}
        />
      ) : null}
      {revoking.value === undefined ? null : <Revoke token={revoking.value} close={() => (revoking.value = undefined)} />}
    </Page>
  )
}

/** How much of what it permits is used up. */
const Uses = ({ token: { uses, maxRegistrations } }: { token: Token }) =>
  maxRegistrations === undefined ? (
    <>{uses.toLocaleString()}</>
  ) : (
    <span class="burn">
      <meter min={0} max={maxRegistrations} value={uses} aria-label={`${uses} of ${maxRegistrations} used`} />
      {uses.toLocaleString()} / {maxRegistrations.toLocaleString()}
    </span>
  )

function CreateToken({ close, done }: { close: () => void; done: (token: Created) => void }) {
  const host = location.hostname
  const create = async (values: Values): Promise<void> => {
    const { name, url = '', mqtt = '', lifetime, uses, pattern } = values
    done(
      await ask('createToken', {
        url,
        mqtt,
        ...(name ? { name } : {}),
        ...(lifetime ? { expiresInSeconds: Number(lifetime) } : {}),
        ...(uses ? { maxRegistrations: Number(uses) } : {}),
        ...(pattern ? { manufacturerIds: [pattern] } : {}),
      }),
    )
  }
  return (
    <Dialog title="Create a token" close={close}>
      <Form submit="Create" onSubmit={create} cancel={close}>
        <Field label="Name" name="name" placeholder="line-3" autoFocus />
        <Field label="Where devices register" name="url" type="url" required defaultValue={`${location.origin}/api/register-device`} />
        <Field
          label="Where they connect afterwards"
          name="mqtt"
          required
          defaultValue={`mqtt://${host.includes(':') ? `[${host}]` : host}:1883`}
          hint="mqtt://, mqtts://, ws:// or wss://"
        />
        <Choice label="Lifetime" name="lifetime" options={LIFETIMES} />
        <Field label="Most devices" name="uses" type="number" min={1} hint="Empty: any number." />
        <Field label="Manufacturer IDs" name="pattern" placeholder="A1-*" hint="Empty: any. * stands for any text, ? for one character." />
      </Form>
    </Dialog>
  )
}

/** The token, shown once, with what to type; the light turns green when a device has arrived with it. */
function FirstDevice({ created }: { created: Created }) {
  const arrived = useSignal<{ id: string; manufacturerId: string } | undefined>(undefined)
  useEffect(
    () =>
      onEvents((events) => {
        const event = events.find(({ type }) => type === 'device-registered')
        if (event === undefined) return
        arrived.value ??= { id: String(event.data['id']), manufacturerId: String(event.data['manufacturerId']) }
      }),
    [],
  )
  const { url, mqtt } = created.payload as { url: string; mqtt: string }
  const { hostname, port } = new URL(mqtt.replace(/^mqtt/, 'http'))
  const curl = `curl -s ${url} \\\n  -H 'content-type: application/json' \\\n  -d '{"token":"${created.token}","manufacturerId":"A1-0001"}'`
  const publish = `mosquitto_pub -h ${hostname} -p ${port || '1883'} -i DEVICE_ID -u ACCESS_KEY -P ACCESS_SECRET \\\n  -t losant/DEVICE_ID/state -m '{"data":{"rpm":900}}'`
  return (
    <Card title={`Connect a device with ${created.name}`}>
      <Alert kind="warn">The token is shown this once. Copy it now; it is the same for every device.</Alert>
      <Copyable label="Registration token" text={created.token} />
      <div class="split">
        <div>
          <Copyable label="Register (try it here)" text={curl} />
          <Copyable label="Then publish with what it answered" text={publish} />
        </div>
        <div class="qr" role="img" aria-label="The token as a QR code" dangerouslySetInnerHTML={{ __html: renderSVG(created.token) }} />
      </div>
      <p class={arrived.value === undefined ? 'light waiting' : 'light arrived'} role="status">
        {arrived.value === undefined ? (
          'Waiting for a device…'
        ) : (
          <>
            <a href={`/devices/${arrived.value.id}`}>{arrived.value.manufacturerId}</a> has registered.
          </>
        )}
      </p>
    </Card>
  )
}

function Revoke({ token, close }: { token: Token; close: () => void }) {
  const devices = useLoaded(() => changeAll('quarantine', { token: token.id }, { dryRun: true }), [])
  const leak = useSignal('')
  const act = async (): Promise<void> => {
    await ask('revokeToken', { token: token.id })
    if (leak.value !== '') await changeAll('quarantine', { token: token.id })
  }
  const count = devices.value.value
  return (
    <Confirm title={`Revoke ${token.name}`} submit="Revoke the token" act={act} close={close}>
      <p>From the next request on nobody registers with it. The {count ?? '…'} devices that it made stay as they are, unless:</p>
      <Choice
        label="Its devices"
        name="devices"
        value={leak.value}
        onChange={(value) => (leak.value = value)}
        options={[
          ['', 'leave them as they are'],
          ['quarantine', `it has leaked: quarantine all ${count ?? ''} of them`],
        ]}
      />
    </Confirm>
  )
}
