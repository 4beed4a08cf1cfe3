import { writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseListenAddress, type ListenAddress } from '../../config.ts'
import { aCertificate } from './certificate.ts'
import { startChild, type Child, type ChildOptions } from './child.ts'
import { aFolder } from './folder.ts'

type Listener = 'mqtt' | 'mqtts' | 'http' | 'https'
type Scheme = Listener | 'ws' | 'wss'

export interface MooringOptions {
  /** Opens the TLS listeners as well, with the certificate of test/support/certificate.ts. */
  readonly tls?: boolean
  /** `MOORING_…` variables. */
  readonly env?: Readonly<Record<string, string>>
  /** What `mooring.yaml` says. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The data folder of an earlier server; a new one without it. */
  readonly data?: string
}

export interface Credentials {
  readonly deviceId: string
  readonly accessKey: string
  readonly accessSecret: string
}

/** The whole program in a process of its own, as an operator starts it. */
export interface Mooring {
  readonly data: string
  readonly addresses: Readonly<Partial<Record<Listener, ListenAddress>>>
  /** Its log, one JSON object in a line. */
  readonly process: Child
  /** `mqtts://127.0.0.1:1234`, for `wss` with the path of the HTTP listener. */
  url(scheme: Scheme, path?: string): string
  /** `mooring … --data <its folder>` beside the running server. */
  cli(...args: readonly string[]): Promise<{ readonly code: number | NodeJS.Signals; readonly output: string }>
  /** The same with `--json`; fails when the command does. */
  json(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>>
  /** A registration token that leads to this server; the same one for every device, as in a factory. */
  token(scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss'): Promise<string>
  register(manufacturerId: string): Promise<Credentials>
  /** An access key for the operator's own software: everything under the topic root. */
  serviceKey(name: string): Promise<{ readonly accessKey: string; readonly accessSecret: string }>
  /** How often its log says so. */
  count(event: string): number
  /** SIGTERM; its exit code. */
  stop(): Promise<number | NodeJS.Signals>
  /** SIGKILL, as a pulled plug. */
  kill(): Promise<void>
}

const FREE_PORT = '127.0.0.1:0'

/** The compiled program beside the compiled tests. */
export const MAIN = join(import.meta.dirname, '..', '..', `main${extname(import.meta.filename)}`)

/** `mooring …` in a process of its own, whatever becomes of it. */
export const startProgram = (t: TestContext, args: readonly string[], options: ChildOptions = {}): Child =>
  startChild(t, process.execPath, [MAIN, ...args], options)

export async function startMooring(t: TestContext, options: MooringOptions = {}): Promise<Mooring> {
  const folder = await aFolder(t)
  const data = options.data ?? join(folder, 'data')
  const configFile = join(folder, 'mooring.yaml')
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(options.settings ?? {}))
  const env = {
    MOORING_CONFIG: configFile,
    MOORING_LISTEN_MQTT: FREE_PORT,
    MOORING_LISTEN_HTTP: FREE_PORT,
    MOORING_LOG_FORMAT: 'json',
    ...(options.tls === true && (await tlsSettings())),
    ...options.env,
  }
  const mooring = (...args: readonly string[]): Child =>
    startProgram(t, [...args, '--data', data], { cwd: folder, env })

  const server = mooring('serve')
  const serving = JSON.parse(await server.line(/"event":"serving"/)) as { listeners: Record<Listener, string> }
  const addresses = Object.fromEntries(
    Object.entries(serving.listeners).map(([name, text]) => [name, parseListenAddress(text)]),
  ) as Mooring['addresses']

  const url: Mooring['url'] = (scheme, path = '') => {
    const listener = ({ ws: 'http', wss: 'https' } as const)[scheme as 'ws'] ?? scheme
    const address = addresses[listener as Listener]
    if (address === undefined) throw new Error(`the server has no ${listener} listener`)
    return `${scheme}://127.0.0.1:${address.port}${path}`
  }
  const cli: Mooring['cli'] = async (...args) => {
    const command = mooring(...args)
    const code = await command.ended
    return { code, output: command.lines.join('\n') }
  }
  const json: Mooring['json'] = async (...args) => {
    const { code, output } = await cli(...args, '--json')
    if (code !== 0) throw new Error(`mooring ${args.join(' ')} ended with ${code}:\n${output}`)
    return JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as Record<string, unknown>
  }
  const tokens = new Map<Scheme, Promise<string>>()
  const makeToken = async (scheme: Scheme): Promise<string> => {
    const secure = scheme === 'mqtts' || scheme === 'wss'
    const registerAt = url(secure ? 'https' : 'http', '/api/register-device')
    const connectTo = url(scheme, scheme.startsWith('ws') ? '/mqtt' : '')
    const answer = await json('token', 'create', '--url', registerAt, '--mqtt-url', connectTo)
    return String(answer['token'])
  }
  const token: Mooring['token'] = (scheme) => {
    const made = tokens.get(scheme) ?? makeToken(scheme)
    tokens.set(scheme, made)
    return made
  }
  return {
    data,
    addresses,
    process: server,
    url,
    cli,
    json,
    token,
    register: async (manufacturerId) => {
      const response = await fetch(url('http', '/api/register-device'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token: await token('mqtt'), manufacturerId }),
      })
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      return (await response.json()) as Credentials
    },
    serviceKey: async (name) => {
      const { accessKey, accessSecret } = await json('key', 'create', '--service', name)
      return { accessKey: String(accessKey), accessSecret: String(accessSecret) }
    },
    count: (event) => server.lines.filter((line) => line.includes(`"event":"${event}"`)).length,
    stop: () => server.stop(),
    kill: async () => {
      server.signal('SIGKILL')
      await server.ended
    },
  }
}

async function tlsSettings(): Promise<Record<string, string>> {
  const { certFile, keyFile } = await aCertificate()
  return {
    MOORING_TLS_CERT: certFile,
    MOORING_TLS_KEY: keyFile,
    MOORING_LISTEN_MQTTS: FREE_PORT,
    MOORING_LISTEN_HTTPS: FREE_PORT,
  }
}
