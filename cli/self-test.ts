import type { MqttClient } from 'mqtt'
import { formatListenAddress } from '../config.ts'
import type { CliContext, RunningServer } from './context.ts'
import { CliError, ExitCode } from './failure.ts'
import type { Output } from './output.ts'
import { connectClient, startOwnServer, temporaryFolder } from './own-server.ts'
import { Stop } from './stop.ts'

/** What is served over HTTP besides the registration, and what each answer must hold. */
interface ServedPage {
  readonly path: string
  readonly holds: RegExp
}

const PAGES: readonly ServedPage[] = [
  { path: '/livez', holds: /ok/ },
  { path: '/readyz', holds: /ok/ },
  { path: '/metrics', holds: /^mooring_build_info\{/m },
  { path: '/openapi.json', holds: /^\{"openapi":"3\.1\./ },
]
/** The operator's page. */
const ROOT = { path: '/', holds: /<div id="app">/ }

/** An emulated processor takes ten times as long as a real one. */
const DEADLINE_MS = 120_000
const INTERRUPTED = 130

interface Credentials {
  readonly deviceId: string
  readonly accessKey: string
  readonly accessSecret: string
}

/** A server of the run, where it is reached. */
interface Reached {
  readonly server: RunningServer
  readonly http: string
  readonly tcp: string
  readonly ws: string
}

/**
 * Goes once through everything that depends on the machine: native parts, file system, sockets, and a start over what
 * an earlier one left.
 *
 * @returns the exit code.
 */
export async function selfTest(context: CliContext, output: Output): Promise<number> {
  const stop = new Stop(DEADLINE_MS)
  const forget = context.onInterrupt(() => stop.interrupt())
  const passed: string[] = []
  const pass = (what: string): void => {
    passed.push(what)
    output.line(`${output.styled('green', '✓')} ${what}`)
  }
  try {
    await checkEverything(context, stop, pass)
    output.answer({ passed }, () => 'This program works on this machine.')
    return ExitCode.ok
  } catch (cause) {
    if (stop.interrupted) return INTERRUPTED
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(ExitCode.failure, 'ERR_SELF_TEST_FAILED', `the self-test could not ${stop.step}: ${reason}`, {
      cause,
    })
  } finally {
    await stop.cleanUp()
    forget()
  }
}

async function checkEverything(context: CliContext, stop: Stop, pass: (what: string) => void): Promise<void> {
  const folder = await temporaryFolder(stop, 'self-test')
  const { config, ...first } = await start(context, stop, folder)
  pass('a server starts, and makes its data folder')

  const [sensor, gateway] = await registerTwo(stop, first)
  pass('devices register')
  const topic = `${config.mqtt.topicRoot}/${sensor.deviceId}/command`
  stop.step = 'create a service key'
  const service = await stop.orElse(first.server.operator.createServiceKey({ name: 'self-test', rules: {} }))
  const serviceLogin = { clientId: 'self-test', username: service.accessKey, password: service.accessSecret }

  await roundTrip(stop, first.tcp, sensor, `${config.mqtt.topicRoot}/${sensor.deviceId}/state`)
  pass('a message of QoS 1 goes out and comes back over TCP')
  await roundTrip(stop, first.ws, gateway, `${config.mqtt.topicRoot}/${gateway.deviceId}/state`)
  pass('and over WebSocket')
  const pages = context.carriesPage ? [...PAGES, ROOT] : PAGES
  await fetchPages(stop, first.http, pages)
  pass(`pages are served: ${pages.map(({ path }) => path).join(' ')}`)

  stop.step = 'leave a message for a device that is away'
  const away = await connectClient(stop, first.tcp, { ...loginOf(sensor), clean: false })
  await stop.orElse(away.subscribeAsync(topic, { qos: 1 }))
  await stop.orElse(away.endAsync())
  const sender = await connectClient(stop, first.tcp, serviceLogin)
  await stop.orElse(sender.publishAsync(topic, 'kept', { qos: 1 }))
  await stop.orElse(sender.endAsync())
  stop.step = 'stop the server'
  await stop.orElse(first.server.close())

  const second = await start(context, stop, folder)
  stop.step = 'get the message that was left before the restart'
  const kept = await stop.orElse(
    new Promise<string>((resolve, reject) => {
      const session = { ...loginOf(sensor), clean: false }
      connectClient(stop, second.tcp, session, (_topic, payload) => resolve(payload.toString())).catch(reject)
    }),
  )
  if (kept !== 'kept') throw new Error(`it was ${JSON.stringify(kept)}`)
  pass('credentials and messages outlive a restart')
}

async function start(context: CliContext, stop: Stop, folder: string) {
  const { server, config } = await startOwnServer(context, stop, folder)
  const { mqtt, http } = server.addresses
  const at = formatListenAddress(http)
  const reached: Reached = {
    server,
    http: `http://${at}`,
    tcp: `mqtt://${formatListenAddress(mqtt)}`,
    ws: `ws://${at}/mqtt`,
  }
  return { ...reached, config }
}

async function registerTwo(stop: Stop, { server, http, tcp }: Reached): Promise<[Credentials, Credentials]> {
  const url = `${http}/api/register-device`
  stop.step = 'issue a registration token'
  const { token } = await stop.orElse(server.operator.createToken({ url, mqtt: tcp, expiresInSeconds: 600 }))
  stop.step = 'register a device'
  const register = async (manufacturerId: string): Promise<Credentials> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token, manufacturerId }),
    })
    const { deviceId, accessKey, accessSecret, error }: Record<string, unknown> = Object(await response.json())
    if (typeof deviceId !== 'string' || typeof accessKey !== 'string' || typeof accessSecret !== 'string') {
      throw new Error(`${response.status} ${String(error)}`)
    }
    return { deviceId, accessKey, accessSecret }
  }
  return await stop.orElse(Promise.all([register('self-test-1'), register('self-test-2')]))
}

const loginOf = ({ deviceId, accessKey, accessSecret }: Credentials) => ({
  clientId: deviceId,
  username: accessKey,
  password: accessSecret,
})

/** A device hears its own message: out through the store, and in again. */
async function roundTrip(stop: Stop, url: string, credentials: Credentials, topic: string): Promise<void> {
  stop.step = `connect to ${url}`
  const client = await connectClient(stop, url, loginOf(credentials))
  stop.step = `send a message through ${url}`
  await stop.orElse(client.subscribeAsync(topic, { qos: 1 }))
  const arrived = firstMessage(client, topic)
  await stop.orElse(client.publishAsync(topic, 'there and back', { qos: 1 }))
  const text = await stop.orElse(arrived)
  if (text !== 'there and back') throw new Error(`what came back was ${JSON.stringify(text)}`)
  await stop.orElse(client.endAsync())
}

const firstMessage = (client: MqttClient, topic: string): Promise<string> =>
  new Promise((resolve) => {
    client.on('message', (arrived, payload) => {
      if (arrived === topic) resolve(payload.toString())
    })
  })

async function fetchPages(stop: Stop, origin: string, pages: readonly ServedPage[]): Promise<void> {
  for (const { path, holds } of pages) {
    stop.step = `fetch ${path}`
    const response = await stop.orElse(fetch(`${origin}${path}`))
    const text = await stop.orElse(response.text())
    if (response.status !== 200) throw new Error(`the answer was ${response.status}`)
    if (!holds.test(text)) throw new Error('the page does not hold what it should')
  }
}
