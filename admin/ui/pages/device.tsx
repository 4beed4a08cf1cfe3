import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso'
import { ask, type Answer } from '../api.ts'
import { changes, onEvents } from '../live.ts'
import { Confirm, Copyable, Dialog, Field, Form } from '../parts/form.tsx'
import { Alert, Badge, Card, Empty, Facts, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { may } from '../session.ts'
import { Presence, StateBadge } from './devices.tsx'
import { JournalTable } from './journal.tsx'

type Device = Answer<'getDevice'>

export function DevicePage() {
  const { id = '' } = useRoute().params
  const device = useLoaded(() => ask('getDevice', { device: id }), [id, changes.value])
  useEffect(
    () =>
      onEvents((events) => {
        if (events.some(({ data }) => data['deviceId'] === id)) device.reload()
      }),
    [id, device.reload],
  )
  const found = device.value.value
  if (found === undefined) {
    return <Page title="Device">{device.error.value === undefined ? null : <Alert>{device.error.value}</Alert>}</Page>
  }
  return (
    <Page title={found.manufacturerId} lead={found.name} actions={may('operator') ? <Actions device={found} /> : null}>
      <div class="split">
        <Card title="Identity">
          <Facts
            rows={[
              ['State', <StateBadge device={found} />],
              ['Device ID', <code>{found.id}</code>],
              ['Class', found.deviceClass],
              ['Registered', <Time at={found.registeredAt} />],
              ['With the token', found.tokenId === undefined ? '–' : <code>{found.tokenId}</code>],
              ['From', found.registeredFrom ?? '–'],
            ]}
          />
          <TagList device={found} />
        </Card>
        <Card title="Connection">
          <Facts
            rows={[
              ['Now', <Presence device={found} />],
              ['Address', found.connection?.address ?? '–'],
              ['Over', found.connection?.transport ?? '–'],
              ['Since', <Time at={found.connection?.since} />],
            ]}
          />
          {found.access === undefined ? null : <Access access={found.access} />}
        </Card>
      </div>
      <Card title="Messages">
        <Messages id={found.id} />
      </Card>
      {may('operator') ? (
        <Card title="Send a command">
          <SendCommand id={found.id} isConnected={found.connection?.connected === true} />
        </Card>
      ) : null}
      <Explanation id={found.id} />
      <Card title="Journal">
        <JournalTable request={{ device: found.id }} />
      </Card>
    </Page>
  )
}

type Deed = 'disable' | 'quarantine' | 'rotate' | 'disconnect' | 'delete'

const DEEDS: Readonly<Record<Deed, { verb: string; what: string }>> = {
  disable: { verb: 'Disable', what: 'Its connection ends and its logins are refused until it is enabled again.' },
  quarantine: { verb: 'Quarantine', what: 'It may connect and hear its commands, and do nothing else.' },
  rotate: { verb: 'Rotate the secret', what: 'It gets a new access secret, which is shown once; the old one stops working.' },
  disconnect: { verb: 'Disconnect', what: 'Its connection ends; it may come back at once.' },
  delete: { verb: 'Delete', what: 'It is forgotten, and its manufacturer ID can register again. This cannot be undone.' },
}

function Actions({ device }: { device: Device }) {
  const { route } = useLocation()
  const deed = useSignal<Deed | undefined>(undefined)
  const secret = useSignal<Answer<'rotateDevice'> | undefined>(undefined)
  const request = { device: device.id }
  const act: Readonly<Record<Deed, () => Promise<unknown>>> = {
    disable: () => ask('disableDevice', request),
    quarantine: () => ask('quarantineDevice', request),
    disconnect: () => ask('disconnectDevice', request),
    rotate: async () => {
      secret.value = await ask('rotateDevice', request)
    },
    delete: async () => {
      await ask('deleteDevice', request)
      route('/devices')
    },
  }
  const offered: readonly Deed[] = [
    ...(device.connection?.connected ? ['disconnect' as const] : []),
    ...(device.disabled ? [] : ['disable' as const]),
    ...(device.quarantined ? [] : ['quarantine' as const]),
    'rotate',
    'delete',
  ]
  const chosen = deed.value
  return (
    <>
      {device.disabled ? (
        <button type="button" class="primary" onClick={() => void ask('enableDevice', request)}>
          Enable
        </button>
      ) : null}
      {device.quarantined ? (
        <button type="button" class="primary" onClick={() => void ask('releaseDevice', request)}>
          Release
        </button>
      ) : null}
      {offered.map((one) => (
        <button key={one} type="button" class={one === 'delete' || one === 'disable' ? 'danger' : ''} onClick={() => (deed.value = one)}>
          {DEEDS[one].verb}
        </button>
      ))}
      {chosen === undefined ? null : (
        <Confirm
          title={`${DEEDS[chosen].verb}: ${device.manufacturerId}`}
          submit={DEEDS[chosen].verb}
          act={act[chosen]}
          close={() => (deed.value = undefined)}
        >
          <p>{DEEDS[chosen].what}</p>
        </Confirm>
      )}
      {secret.value === undefined ? null : (
        <Dialog title="The new secret" close={() => (secret.value = undefined)}>
          <Alert kind="warn">It is shown this once; only a hash of it is kept.</Alert>
          <Copyable label="Access key" text={secret.value.accessKey} />
          <Copyable label="Access secret" text={secret.value.accessSecret} />
          <div class="actions">
            <button type="button" onClick={() => (secret.value = undefined)}>
              Done
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function TagList({ device }: { device: Device }) {
  const isEditing = useSignal(false)
  const own = device.tags.filter(({ key }) => key !== 'manufacturerId' && key !== 'DeviceRecipe')
  return (
    <div class="tag-list">
      <ul class="tags">
        {own.map(({ key, value }) => (
          <li key={key}>
            {`${key}=${value}`}
            {may('operator') ? (
              <button type="button" aria-label={`Remove the tag ${key}`} onClick={() => void ask('tagDevice', { device: device.id, remove: [key] })}>
                ×
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {may('operator') ? (
        <button type="button" onClick={() => (isEditing.value = true)}>
          Add a tag
        </button>
      ) : null}
      {isEditing.value ? (
        <Dialog title="Add a tag" close={() => (isEditing.value = false)}>
          <Form
            submit="Add"
            cancel={() => (isEditing.value = false)}
            onSubmit={async ({ key = '', value = '' }) => {
              await ask('tagDevice', { device: device.id, set: [{ key, value }] })
              isEditing.value = false
            }}
          >
            <Field label="Key" name="key" required autoFocus />
            <Field label="Value" name="value" required />
          </Form>
        </Dialog>
      ) : null}
    </div>
  )
}

const Access = ({ access }: { access: NonNullable<Device['access']> }) => (
  <details>
    <summary>Access in effect</summary>
    <pre tabIndex={0}>{JSON.stringify(access, null, 2)}</pre>
  </details>
)

interface Heard {
  readonly number: number
  readonly at: number
  readonly topic: string
  readonly text: string
}

const KEPT = 50
const DRAW_MS = 250

/** What it publishes, as it does; the newest first, and no more than can be looked at. */
function Messages({ id }: { id: string }) {
  const heard = useSignal<readonly Heard[]>([])
  const isPaused = useSignal(false)
  useEffect(() => {
    let waiting: Heard[] = []
    let number = 0
    const source = new EventSource(`/admin/v1/devices/${encodeURIComponent(id)}/messages`)
    source.addEventListener('message', (event) => {
      const { topic, payload } = JSON.parse(event.data) as { topic: string; payload: string }
      waiting = [{ number: number++, at: Date.now(), topic, text: payload }, ...waiting].slice(0, KEPT)
    })
    const drawing = setInterval(() => {
      if (waiting.length === 0 || isPaused.value) return
      heard.value = [...waiting, ...heard.value].slice(0, KEPT)
      waiting = []
    }, DRAW_MS)
    return () => {
      clearInterval(drawing)
      source.close()
    }
  }, [id])
  return (
    <>
      <button type="button" aria-pressed={isPaused.value} onClick={() => (isPaused.value = !isPaused.value)}>
        {isPaused.value ? 'Go on' : 'Hold'}
      </button>
      {heard.value.length === 0 ? (
        <Empty title="Nothing heard yet. What it publishes from now on appears here." />
      ) : (
        <ol class="messages" tabIndex={0} aria-label="Messages">
          {heard.value.map(({ number, at, topic, text }) => (
            <li key={number}>
              <time>{new Date(at).toLocaleTimeString()}</time>
              <code>{topic}</code>
              <pre>{text}</pre>
            </li>
          ))}
        </ol>
      )}
    </>
  )
}

function SendCommand({ id, isConnected }: { id: string; isConnected: boolean }) {
  const sent = useSignal<string | undefined>(undefined)
  return (
    <Form
      submit="Send"
      onSubmit={async ({ name = '', payload = '' }) => {
        await ask('sendCommand', { device: id, name, ...(payload === '' ? {} : { payload: parsed(payload) }) })
        sent.value = name
      }}
    >
      <div class="filters">
        <Field label="Command" name="name" required placeholder="start" />
        <Field label="Payload (JSON)" name="payload" placeholder='{"speed": 2}' />
      </div>
      {isConnected ? null : <p class="hint">It is not connected: it hears the command when it comes back, if it keeps a session.</p>}
      {sent.value === undefined ? null : <Alert kind="good">Sent {sent.value}.</Alert>}
    </Form>
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('The payload is not JSON.')
  }
}

const VERDICTS = { blocks: 'bad', warns: 'warn', fine: 'good' } as const

function Explanation({ id }: { id: string }) {
  const explanation = useLoaded(() => ask('explain', { subject: id }), [id, changes.value])
  const found = explanation.value.value
  return (
    <Card title="Can it get in?">
      {found === undefined ? (
        <p class="muted">{explanation.error.value ?? 'Looking…'}</p>
      ) : (
        <ul class="attention">
          {found.findings.map(({ check, verdict, text }) => (
            <li key={check}>
              <Badge kind={VERDICTS[verdict]}>{check}</Badge>
              <p>{text}</p>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
