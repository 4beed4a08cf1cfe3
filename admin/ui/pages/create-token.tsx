import { ask, type Answer } from '../api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Choice, Field, Form, type Values } from '../parts/form.tsx'
import { useLoaded } from '../parts/loading.ts'

const LIFETIMES = [
  ['2592000', '30 days'],
  ['86400', '1 day'],
  ['7776000', '90 days'],
  ['31536000', '1 year'],
  ['', 'for ever'],
] as const

const MODES = [
  ['', 'As configured'],
  ['open', 'Whoever holds the token'],
  ['allowlist', 'Those on the allow-list'],
  ['approve', 'Those that an operator approves'],
] as const

/** As far as the page can know it: the host that it was opened at, and the ports of the listeners. */
function brokerUrl(host: string, listeners: Readonly<Record<string, string>>): string {
  const { mqtts } = listeners
  if (mqtts !== undefined) return `mqtts://${host}:${portOf(mqtts)}`
  return `mqtt://${host}:${portOf(listeners['mqtt']) ?? '1883'}`
}

/** A listener of the page's own has no registration: devices register at one of the others. */
function registrationUrl({ origin, hostname }: Location, listeners: Readonly<Record<string, string>>): string {
  const { admin, http, https } = listeners
  const other = https ?? http
  if (admin === undefined || other === undefined) return `${origin}/api/register-device`
  return `${https === undefined ? 'http' : 'https'}://${hostname}:${portOf(other)}/api/register-device`
}

const portOf = (address: string | undefined): string | undefined => address?.split(':').at(-1)

export function CreateToken({ close, done }: { close: () => void; done: (token: Answer<'createToken'>) => void }) {
  const status = useLoaded(() => ask('status'), [])
  const create = async ({ name, url = '', mqtt = '', lifetime, uses, pattern, mode }: Values): Promise<void> => {
    done(
      await ask('createToken', {
        url,
        mqtt,
        ...(name ? { name } : {}),
        ...(lifetime ? { expiresInSeconds: Number(lifetime) } : {}),
        ...(uses ? { maxRegistrations: Number(uses) } : {}),
        ...(pattern ? { manufacturerIds: pattern.split(/[\s,]+/) } : {}),
        ...(mode === 'open' || mode === 'allowlist' || mode === 'approve' ? { mode } : {}),
      }),
    )
  }
  return (
    <Dialog title="Create a registration token" close={close}>
      <Form submit="Create" onSubmit={create} cancel={close}>
        <Field
          label="Name"
          name="name"
          autoFocus
          autoComplete="off"
          placeholder="line-3"
          hint="For people: a batch, a line, a site."
        />
        <div class="filters">
          <Choice label="Good for" name="lifetime" options={LIFETIMES} />
          <Field label="Most devices" name="uses" type="number" min={1} placeholder="any number" />
        </div>
        <details>
          <summary>Where devices find this server, and which of them may</summary>
          <Field
            label="They register at"
            name="url"
            required
            defaultValue={registrationUrl(location, status.value.value?.listeners ?? {})}
            hint="As the devices reach it: the name of this machine, not localhost."
          />
          <Field
            label="They connect to"
            name="mqtt"
            required
            defaultValue={brokerUrl(location.hostname, status.value.value?.listeners ?? {})}
            hint="mqtt://, mqtts://, ws:// or wss://"
          />
          <Field
            label="Manufacturer IDs"
            name="pattern"
            placeholder="A1-*"
            hint="Empty: any. * stands for any text, ? for one character; several with commas."
          />
          <Choice label="Who may register" name="mode" options={MODES} />
        </details>
      </Form>
    </Dialog>
  )
}
