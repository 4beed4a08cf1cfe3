import { performance } from 'node:perf_hooks'
import type { MqttClient } from 'mqtt'
import { formatListenAddress, type Config } from '../config.ts'
import type { CliContext, RunningServer } from './context.ts'
import { DemoFleet, MESSAGES_EACH_WAY, type DeviceReport } from './demo-fleet.ts'
import { CliError, ExitCode } from './failure.ts'
import type { Output } from './output.ts'
import { connectClient, startOwnServer, temporaryFolder } from './own-server.ts'
import { Stop } from './stop.ts'

const MANUFACTURER_IDS = ['sensor-001', 'sensor-002', 'sensor-003'] as const
const REPLAYED = MANUFACTURER_IDS[2]
const REPLAY_REFUSAL = 'Device already registered.'
const TOKEN_LIFETIME_SECONDS = 15 * 60
/** Ten times what a slow machine needs. */
const DEADLINE_MS = 30_000
/** What a shell says of a program that SIGINT ended. */
const INTERRUPTED = 130

/**
 * Shows the whole loop with a real server on free ports in a temporary folder, and leaves nothing behind.
 *
 * @returns the exit code.
 */
export async function demo(context: CliContext, output: Output): Promise<number> {
  const stop = new Stop(DEADLINE_MS)
  const forget = context.onInterrupt(() => stop.interrupt())
  try {
    await showTheLoop(context, output, stop)
    return ExitCode.ok
  } catch (cause) {
    if (stop.interrupted) return INTERRUPTED
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(ExitCode.failure, 'ERR_DEMO_FAILED', `the demo could not ${stop.step}: ${reason}`, { cause })
  } finally {
    await stop.cleanUp()
    forget()
  }
}

async function showTheLoop(context: CliContext, output: Output, stop: Stop): Promise<void> {
  const { server, config } = await startAndTell(context, output, stop)

  stop.step = 'issue a registration token'
  const http = formatListenAddress(server.addresses.http)
  const url = `http://${http}/api/register-device`
  const mqtt = `mqtt://${formatListenAddress(server.addresses.mqtt)}`
  const { token, payload } = await stop.orElse(
    server.operator.createToken({ url, mqtt, expiresInSeconds: TOKEN_LIFETIME_SECONDS }),
  )
  output.line(`${tick(output)} registration token   iss=${String(payload.iss)}  exp=15m`)

  stop.step = 'create a service key'
  const key = await stop.orElse(server.operator.createServiceKey({ name: 'demo', rules: {} }))
  stop.step = 'connect with the service key'
  const connect = (clientId: string, accessKey: string, accessSecret: string): Promise<MqttClient> =>
    connectClient(stop, mqtt, { clientId, username: accessKey, password: accessSecret })
  const service = await connect('demo', key.accessKey, key.accessSecret)
  const fleet = await DemoFleet.open({ stop, url, token, topicRoot: config.mqtt.topicRoot, service, connect })

  output.line(row('device', 'result', 'credentials', 'connected', 'published', 'received'))
  const devices: DeviceReport[] = []
  for (const manufacturerId of MANUFACTURER_IDS) {
    const report = await fleet.runDevice(manufacturerId)
    const { deviceId, connectMs, published, received } = report
    const shortId = `${deviceId.slice(0, 4)}…${deviceId.slice(-4)}`
    output.line(row(manufacturerId, 'created', shortId, `${connectMs} ms`, `${published}`, `${received}`))
    devices.push(report)
  }

  stop.step = `have the second registration of ${REPLAYED} refused`
  const replay = await fleet.register(REPLAYED)
  if (replay.status !== 403 || replay.body['error'] !== REPLAY_REFUSAL)
    throw new Error(`the answer was ${replay.status}`)
  output.line(
    `  ${REPLAYED}    refused   ${replay.status} ${REPLAY_REFUSAL}   ← the same registration again, as it should be`,
  )

  const sent = devices.length * MESSAGES_EACH_WAY * 2
  const delivered = devices.reduce((sum, { published, received }) => sum + published + received, 0)
  output.answer(
    { devices, replay: { status: replay.status, error: REPLAY_REFUSAL }, messages: { sent, delivered } },
    () =>
      `${tick(output)} ${devices.length} devices registered, ${delivered} of ${sent} messages delivered (QoS 1), ` +
      '1 replay refused.  Nothing was kept.\nNext: mooring serve',
  )
}

async function startAndTell(
  context: CliContext,
  output: Output,
  stop: Stop,
): Promise<{ server: RunningServer; config: Config }> {
  const from = performance.now()
  const { server, config } = await startOwnServer(context, stop, await temporaryFolder(stop, 'demo'))
  const { mqtt, http } = server.addresses
  const ms = Math.round(performance.now() - from)
  output.line(
    `${tick(output)} store  temporary folder     ${tick(output)} mqtt ${formatListenAddress(mqtt)}     ` +
      `${tick(output)} http ${formatListenAddress(http)}     (${ms} ms)`,
  )
  return { server, config }
}

const tick = (output: Output): string => output.styled('green', '✓')

const WIDTHS = [14, 10, 17, 12, 12] as const

const row = (...cells: readonly string[]): string =>
  `  ${cells.map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0)).join('')}`.trimEnd()
