import { useEffect } from 'preact/hooks'
import { ask, type Answer } from '../api.ts'
import { changes, onEvents } from '../live.ts'
import { Alert, Badge, Card, Facts, Page, Time } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { may } from '../session.ts'
import { DeviceActions } from './device-actions.tsx'
import { Messages, SendCommand } from './device-messages.tsx'
import { DeviceTags } from './device-tags.tsx'
import { Presence, StateBadge } from './devices.tsx'
import { JournalTable } from './journal-table.tsx'

type Device = Answer<'getDevice'>

const BACK = { href: '/devices', text: '← Devices' }

export function DevicePage({ id }: { id: string }) {
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
    return (
      <Page title="Device" back={BACK}>
        {device.error.value === undefined ? <p class="muted">Loading…</p> : <Alert>{device.error.value}</Alert>}
      </Page>
    )
  }
  return (
    <Page
      title={found.manufacturerId}
      back={BACK}
      beside={
        <>
          <Presence device={found} />
          <StateBadge device={found} />
        </>
      }
      actions={may('operator') ? <DeviceActions device={found} changed={device.reload} /> : null}
    >
      <Trouble error={device.error.value} />
      <div class="split">
        <Card title="Identity">
          <Facts
            rows={[
              ['Device ID', <code>{found.id}</code>],
              ...(found.name === found.manufacturerId ? [] : [['Name', found.name] as const]),
              ...(found.description === '' ? [] : [['Description', found.description] as const]),
              ['Class', found.deviceClass],
              ['Registered', <Registered device={found} />],
              ...(found.tokenId === undefined
                ? []
                : [
                    [
                      'With the token',
                      <a href={`/devices?token=${encodeURIComponent(found.tokenId)}`}>{found.tokenId}</a>,
                    ] as const,
                  ]),
              ['Tags', <DeviceTags device={found} changed={device.reload} />],
            ]}
          />
        </Card>
        <Card title="Connection and access">
          <Facts rows={[...connectionOf(found), ...accessOf(found)]} />
        </Card>
      </div>
      <Explanation id={found.id} />
      <div class="split">
        {may('operator') ? (
          <Card title="Messages from it">
            <Messages id={found.id} />
          </Card>
        ) : null}
        {may('operator') ? (
          <Card title="Send a command">
            <SendCommand id={found.id} isConnected={found.connection?.connected === true} />
          </Card>
        ) : null}
      </div>
      <Card title="Its journal" aside={<a href={`/journal?device=${encodeURIComponent(found.id)}`}>All of it</a>}>
        <JournalTable label="Journal of the device" request={{ device: found.id }} />
      </Card>
    </Page>
  )
}

const Trouble = ({ error }: { error: string | undefined }) => (error === undefined ? null : <Alert>{error}</Alert>)

const Registered = ({ device: { registeredAt, registeredFrom } }: { device: Device }) => (
  <>
    <Time at={registeredAt} />
    {registeredFrom === undefined ? null : (
      <>
        {' '}
        from <span class="mono">{registeredFrom}</span>
      </>
    )}
  </>
)

function connectionOf({ connection }: Device) {
  if (connection === undefined) return [['Connection', 'Not seen since the server started']] as const
  const { connected, address, transport, since } = connection
  return [
    [
      connected ? 'Connected' : 'Left',
      <>
        <Time at={since} />
        {address === '' ? null : (
          <>
            {' '}
            from <span class="mono">{address}</span>
          </>
        )}
        {transport === '' ? null : ` over ${transport}`}
      </>,
    ],
  ] as const
}

const REACH = {
  none: 'Its own topics',
  all: 'Every topic',
  whitelist: 'The topics that are listed',
  blacklist: 'All but the topics that are listed',
} as const

const topics = (list: readonly string[]) => (list.length === 0 ? '–' : <code>{list.join(' ')}</code>)

function accessOf({ access }: Device) {
  if (access === undefined) return []
  const { accessKey, filterType, pubTopics, subTopics, addresses, previousSecretUntil } = access
  return [
    ['Access key', <code>{accessKey}</code>],
    ['Reaches', REACH[filterType]],
    ...(filterType === 'none' || filterType === 'all'
      ? []
      : ([
          ['Publishing', topics(pubTopics)],
          ['Subscribing', topics(subTopics)],
        ] as const)),
    ['Logs in from', addresses.length === 0 ? 'Anywhere' : <code>{addresses.join(' ')}</code>],
    ...(previousSecretUntil === undefined
      ? []
      : ([['Old secret valid until', <Time at={previousSecretUntil} />]] as const)),
  ] as const
}

const VERDICTS = { blocks: 'bad', warns: 'warn', fine: 'good' } as const

/** Says of each check what it would say if the device came now. */
function Explanation({ id }: { id: string }) {
  const explanation = useLoaded(() => ask('explain', { subject: id }), [id, changes.value])
  const found = explanation.value.value
  return (
    <Card title="Can it get in?">
      {found === undefined ? (
        <p class="muted">{explanation.error.value ?? 'Looking…'}</p>
      ) : (
        <ul class="attention">
          {found.findings.map(({ check, verdict, text, at }) => (
            <li key={`${check} ${text}`}>
              <Badge kind={VERDICTS[verdict]}>{check}</Badge>
              <p>
                {text}{' '}
                {at === undefined ? null : (
                  <span class="muted">
                    <Time at={at} />
                  </span>
                )}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
