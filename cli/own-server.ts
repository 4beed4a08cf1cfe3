import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type IClientOptions, type MqttClient, type OnMessageCallback } from 'mqtt'
import { loadConfig, type Config } from '../config.ts'
import type { Log } from '../registry/index.ts'
import type { CliContext, RunningServer } from './context.ts'
import type { Stop } from './stop.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A folder that is gone when the run is. */
export async function temporaryFolder(stop: Stop, purpose: string): Promise<string> {
  stop.step = 'make a temporary folder'
  const folder = await mkdtemp(join(tmpdir(), `mooring-${purpose}-`))
  stop.later(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A real server on free ports with its data in `folder`, for commands that show or check something with it. */
export async function startOwnServer(
  context: CliContext,
  stop: Stop,
  folder: string,
): Promise<{ server: RunningServer; config: Config }> {
  stop.step = 'start a server'
  // Nothing of the operator's own settings: a run that needs them to be right shows nothing.
  const { config } = loadConfig({
    flags: { data: join(folder, 'data'), 'listen.mqtt': '127.0.0.1:0', 'listen.http': '127.0.0.1:0' },
    env: {},
    cwd: folder,
  })
  const starting = context.startServer(config, { log: silent })
  // Also when nobody waited for the end of the start.
  stop.later(async () => (await starting).close())
  return { server: await stop.orElse(starting), config }
}

/**
 * A client that is gone when the run is, and whose failures end it.
 *
 * @param onMessage - also hears what comes right behind the answer to the login.
 */
export async function connectClient(
  stop: Stop,
  url: string,
  options: IClientOptions,
  onMessage?: OnMessageCallback,
): Promise<MqttClient> {
  const client = connect(url, { ...options, reconnectPeriod: 0, connectTimeout: 10_000 })
  stop.later(() => client.endAsync(true))
  if (onMessage !== undefined) client.on('message', onMessage)
  await stop.orElse(
    new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve())
      client.once('error', reject)
      client.once('close', () => reject(new Error('the connection was closed')))
    }),
  )
  client.on('error', (error) => stop.fail(error))
  return client
}
