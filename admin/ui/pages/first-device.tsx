import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Answer } from '../api.ts'
import { onEvents } from '../live.ts'
import { Copyable } from '../parts/dialog.tsx'
import { Alert, Card } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { shellWord } from '../words.ts'

type Created = Answer<'createToken'>

interface Arrived {
  readonly id: string
  readonly manufacturerId: string
  readonly isConnected: boolean
}

/** The token, shown once, with what to type; the light turns green when a device has arrived. */
export function FirstDevice({ created, topicRoot, close }: { created: Created; topicRoot: string; close: () => void }) {
  const arrived = useArrival()
  const { payload, token } = created
  return (
    <Card
      title={`Connect a device with ${created.name}`}
      aside={
        <button type="button" class="small" onClick={close}>
          Done
        </button>
      }
    >
      <Alert kind="warn">The token is shown this once. Copy it now: the same one goes into every device.</Alert>
      <div class="steps">
        <ol>
          <li>
            <Copyable label="Put this registration token into the firmware" text={token} />
          </li>
          <li>
            <Copyable
              label="A device registers with it once. Try it here, as the device A1-0001"
              text={registerLine(String(payload['url']), token)}
            />
          </li>
          <li>
            <Copyable
              label="With what it was answered it connects and reports its state"
              text={publishLine(String(payload['mqtt']), topicRoot, arrived?.id ?? 'DEVICE_ID')}
            />
          </li>
        </ol>
        <QrCode text={token} />
      </div>
      <p class={arrived === undefined ? 'light waiting' : 'light arrived'} role="status">
        {arrived === undefined ? (
          'Waiting for a device to register…'
        ) : (
          <span>
            <a href={`/devices/${arrived.id}`}>{arrived.manufacturerId}</a>{' '}
            {arrived.isConnected ? 'has registered and connected.' : 'has registered. It has not connected yet.'}
          </span>
        )}
      </p>
    </Card>
  )
}

/** The first device that registers from now on, and whether it has been connected. */
function useArrival(): Arrived | undefined {
  const arrived = useSignal<Arrived | undefined>(undefined)
  useEffect(
    () =>
      onEvents((events) => {
        for (const { type, data } of events) {
          if ((type === 'device-registered' || type === 'device-returned') && arrived.value === undefined) {
            const { id = '', manufacturerId = '' } = data
            arrived.value = { id, manufacturerId, isConnected: false }
          }
          if (type === 'client-connected' && arrived.value !== undefined && data['deviceId'] === arrived.value.id) {
            arrived.value = { ...arrived.value, isConnected: true }
          }
        }
      }),
    [],
  )
  return arrived.value
}

/** Loaded when it is needed: nothing else on the page draws one. */
function QrCode({ text }: { text: string }) {
  const svg = useLoaded(async () => {
    const { renderSVG } = await import('uqr')
    return renderSVG(text, { border: 0, whiteColor: '#fff', blackColor: '#000' })
  }, [text])
  return (
    <div class="qr">
      <div role="img" aria-label="The token as a QR code" dangerouslySetInnerHTML={{ __html: svg.value.value ?? '' }} />
      <p class="hint">The token, for a scanner</p>
    </div>
  )
}

const registerLine = (url: string, token: string): string =>
  `curl ${shellWord(url)} \\
  -H 'Content-Type: application/json' \\
  -d ${shellWord(JSON.stringify({ token, manufacturerId: 'A1-0001' }))}`

function publishLine(mqtt: string, topicRoot: string, id: string): string {
  const { protocol, hostname, port } = new URL(mqtt.replace(/^mqtt/, 'http'))
  const isSecure = protocol === 'https:'
  return `mosquitto_pub -h ${hostname.replace(/^\[|\]$/g, '')} -p ${port || (isSecure ? '8883' : '1883')}${isSecure ? ' --tls-use-os-certs' : ''} \\
  -i ${id} -u ACCESS_KEY -P ACCESS_SECRET -q 1 \\
  -t ${shellWord(`${topicRoot}/${id}/state`)} -m '{"data":{"rpm":900}}'`
}
