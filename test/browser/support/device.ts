import type { TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import type { Credentials } from '../../support/server.ts'

/** A device as it is in the field: registers with what its token says, connects, hears commands. */
export interface Device {
  publish(data: Readonly<Record<string, unknown>>): Promise<unknown>
  /** The next command, past or to come. */
  readonly command: Promise<unknown>
  readonly cut: Promise<void>
  leave(): Promise<void>
}

export async function registerDevice(token: string, manufacturerId: string): Promise<Credentials> {
  const { url } = payloadOf(token)
  const response = await fetch(String(url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, manufacturerId }),
  })
  if (response.status !== 200) throw new Error(`${manufacturerId}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Credentials
}

export async function connectDevice(
  t: TestContext,
  url: string,
  { deviceId, accessKey, accessSecret }: Credentials,
): Promise<Device> {
  const client = await connectAsync(url, {
    clientId: deviceId,
    username: accessKey,
    password: accessSecret,
    reconnectPeriod: 0,
  })
  client.on('error', () => {})
  t.after(() => client.endAsync(true))
  const command = new Promise<unknown>((resolve) => {
    client.once('message', (_topic, payload) => resolve(JSON.parse(payload.toString())))
  })
  const cut = new Promise<void>((resolve) => {
    client.once('close', resolve)
  })
  await client.subscribeAsync(`losant/${deviceId}/command`, { qos: 1 })
  return {
    publish: (data) => client.publishAsync(`losant/${deviceId}/state`, JSON.stringify({ data }), { qos: 1 }),
    command,
    cut,
    leave: () => client.endAsync(),
  }
}

const payloadOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
