import { formatListenAddress, isLoopback, type LoadedConfig } from '../config.ts'
import type { LogFields } from '../registry/index.ts'
import { LISTENERS, addressTexts, type Addresses } from './addresses.ts'
import { fields } from './output.ts'

/** Good for one account, within the hour. */
export interface Setup {
  readonly code: string
  readonly urls: readonly string[]
}

export interface BannerFacts {
  readonly version: string
  /** As `process.versions.node`. */
  readonly node: string
  readonly loaded: LoadedConfig
  /** Where the listeners really are: port 0 has become a number. */
  readonly addresses: Addresses
  readonly dataFolderCreated: boolean
  /** How the first account can be made; absent when there is one, or nowhere to make it. */
  readonly setup?: Setup | undefined
  /** From the start of the process to here. */
  readonly startMs: number
}

const PURPOSE = {
  mqtt: 'devices',
  mqtts: 'devices, encrypted',
  http: 'registration, MQTT over WebSocket',
  https: 'registration, MQTT over WebSocket, encrypted',
  admin: 'page and admin API',
} as const

/** Loopback is the safe default, and useless to a device elsewhere: so the way out stands beside it. */
const WAY_OUT = {
  mqtt: 'For the network: --listen mqtt=0.0.0.0:1883 or MOORING_LISTEN_MQTT=0.0.0.0:1883',
  mqtts: 'For the network: --listen mqtts=0.0.0.0:8883 or MOORING_LISTEN_MQTTS=0.0.0.0:8883',
  http: 'For the network: --listen http=0.0.0.0:8080 or MOORING_LISTEN_HTTP=0.0.0.0:8080',
  https: 'For the network: --listen https=0.0.0.0:8443 or MOORING_LISTEN_HTTPS=0.0.0.0:8443',
  admin: 'The page and the admin API',
} as const

/** What a person sees when the server serves, instead of the log line of {@link servingLine}. */
export function banner(facts: BannerFacts): string {
  const { version, node, loaded, addresses, dataFolderCreated, setup, startMs } = facts
  const { config, file } = loaded
  const lines = fields([
    ['  config', file ?? 'built-in defaults (no mooring.yaml; make one with: mooring config init)'],
    ['  data', `${config.data}${dataFolderCreated ? '   (created, mode 0700)' : ''}`],
    ...LISTENERS.flatMap((name) => {
      const address = addresses[name]
      if (address === undefined) return []
      const reach = isLoopback(address.host) ? `this machine only. ${WAY_OUT[name]}` : PURPOSE[name]
      return [[`  ${name}`, `${formatListenAddress(address).padEnd(20)} ${reach}`] as const]
    }),
    ...(addresses.mqtts === undefined && addresses.https === undefined
      ? [['  tls', 'off                  mooring cert self-signed, or mooring cert import CERTIFICATE KEY'] as const]
      : []),
    ...setupLines(setup),
  ])
  return `mooring ${version} (node ${node})\n${lines}\nready in ${Math.round(startMs)} ms\n`
}

function setupLines(setup: Setup | undefined): (readonly [string, string])[] {
  if (setup === undefined) return []
  return [
    ['  admin', 'no account yet; make one with: mooring admin create NAME'],
    ...setup.urls.map((url) => ['', `or at ${url} (60 minutes, once)`] as const),
  ]
}

/** The one log line that tells of the setup code, where programs read the log. It is good for an hour and for one account. */
export const setupLine = ({ code, urls }: Setup): readonly [fields: LogFields, message: string] => [
  { event: 'admin-setup', code, urls },
  'There is no account yet: mooring admin create NAME, or this setup code within 60 minutes.',
]

/** The one log line that says that the server serves, where programs read the log. */
export function servingLine(facts: BannerFacts): readonly [fields: LogFields, message: string] {
  const { version, node, loaded, addresses, dataFolderCreated, startMs } = facts
  const { config, file } = loaded
  const listeners = addressTexts(addresses)
  const ms = Math.round(startMs)
  return [
    { event: 'serving', version, node, config: file, data: config.data, dataFolderCreated, listeners, startMs: ms },
    `ready in ${ms} ms`,
  ]
}
