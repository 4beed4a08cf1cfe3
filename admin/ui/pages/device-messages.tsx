import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, PREFIX, type Answer } from '../api.ts'
import { Field, Form } from '../parts/form.tsx'
import { Alert, Empty } from '../parts/layout.tsx'
import { clockText, several } from '../words.ts'

interface Message {
  readonly topic: string
  /** Text, or base64 of what is none. */
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly encoding: 'text' | 'base64'
  readonly cut: boolean
}

interface Heard extends Message {
  readonly number: number
  readonly at: number
}

const KEPT = 50
const DRAW_MS = 250

/** What it publishes, as it does; the newest first, and no more than can be looked at. */
export function Messages({ id }: { id: string }) {
  const heard = useSignal<readonly Heard[]>([])
  const skipped = useSignal(0)
  const isPaused = useSignal(false)
  const isOn = useSignal(false)
  useEffect(() => {
    let waiting: Heard[] = []
    let number = 0
    const source = new EventSource(`${PREFIX}/devices/${encodeURIComponent(id)}/messages`)
    source.addEventListener('open', () => (isOn.value = true))
    source.addEventListener('error', () => (isOn.value = false))
    source.addEventListener('message', (event: MessageEvent<string>) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const message = JSON.parse(event.data) as Message
      waiting.unshift({ ...message, number: number++, at: Date.now() })
      if (waiting.length > KEPT) waiting.length = KEPT
    })
    source.addEventListener('skipped', (event: MessageEvent<string>) => {
      const { count = 0 }: { count?: number } = Object(JSON.parse(event.data))
      skipped.value += count
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
      <div class="actions">
        <button
          type="button"
          class="small"
          aria-pressed={isPaused.value}
          onClick={() => (isPaused.value = !isPaused.value)}
        >
          {isPaused.value ? 'Go on' : 'Hold still'}
        </button>
        <span class={isOn.value ? 'live on' : 'live'}>{isOn.value ? 'Listening' : 'Connecting…'}</span>
        {skipped.value === 0 ? null : (
          <span class="muted">{several(skipped.value, 'more', 'more')} came too fast to show</span>
        )}
      </div>
      <ol class="messages" tabIndex={0} aria-label="Messages">
        {heard.value.length === 0 ? (
          <li>
            <Empty title="Nothing heard yet.">
              <p>What it publishes from now on appears here. What it published before is not kept.</p>
            </Empty>
          </li>
        ) : (
          heard.value.map((one) => <MessageItem key={one.number} message={one} />)
        )}
      </ol>
    </>
  )
}

const MessageItem = ({ message: { at, topic, payload, qos, retain, encoding, cut } }: { message: Heard }) => (
  <li>
    <p class="of">
      <time>{clockText(new Date(at))}</time>
      <code>{topic}</code>
      <span class="muted">
        QoS {qos}
        {retain ? ', retained' : ''}
        {encoding === 'text' ? '' : ', not text: in base64'}
        {cut ? ', cut' : ''}
      </span>
    </p>
    <pre>{payload === '' ? ' ' : payload}</pre>
  </li>
)

export function SendCommand({ id, isConnected }: { id: string; isConnected: boolean }) {
  const sent = useSignal<string | undefined>(undefined)
  return (
    <Form
      submit="Send"
      onSubmit={async ({ name = '', payload = '' }) => {
        sent.value = undefined
        sent.value = sentText(
          name,
          await ask('sendCommand', { device: id, name, ...(payload === '' ? {} : { payload: parsed(payload) }) }),
        )
      }}
    >
      <Field label="Name" name="name" required placeholder="start" autoComplete="off" spellcheck={false} />
      <Field
        label="Payload"
        name="payload"
        placeholder='{"speed": 2}'
        autoComplete="off"
        spellcheck={false}
        hint="JSON, or empty. The journal keeps the name of the command, never the payload."
      />
      {isConnected ? null : (
        <p class="hint">It is not connected. It hears the command when it comes back, if it keeps a session.</p>
      )}
      <div role="status">{sent.value === undefined ? null : <Alert kind="good">{sent.value}</Alert>}</div>
    </Form>
  )
}

const FATES = {
  sent: 'the device hears it now.',
  queued: 'it waits in the session of the device until that comes back.',
  full: 'it was not kept: so much waits for the device already. storage.queueMessages and storage.queueBytes say how much may.',
  unheard:
    'the device did not hear it, and nothing waits for it. It is away without a session, or does not subscribe to its commands.',
} as const

const sentText = (name: string, { device }: Answer<'sendCommand'>): string => `Sent ${name}: ${FATES[device]}`

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('The payload is not JSON. Text needs quotes: "fast".')
  }
}
