import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import * as mqtt5 from 'mqtt'
import * as mqtt4 from 'mqtt4'
import { aCertificate } from '../support/certificate.ts'
import { startMooring, type Credentials } from '../support/server.ts'

interface ConnectOptions {
  readonly clientId: string
  readonly username: string
  readonly password: string
  readonly clean: true
  readonly reconnectPeriod: 0
  readonly ca: string
  readonly protocolId: 'MQIsdp' | 'MQTT'
  readonly protocolVersion: 3 | 4
}

/** As much of mqtt.js as the vendor's SDK uses, which its two major versions have in common. */
interface Client {
  on(event: 'connect', listener: () => void): unknown
  on(event: 'error', listener: (error: Error & { code?: string | number }) => void): unknown
  on(event: 'message', listener: (topic: string, message: Buffer) => void): unknown
  on(event: 'packetreceive', listener: (packet: { cmd: string; granted?: unknown }) => void): unknown
  publish(topic: string, message: string, options: { qos: 0 | 1 | 2 }, done: (error?: unknown) => void): unknown
  subscribe(filters: string | string[], options: { qos: 0 }, done: () => void): unknown
  end(force: boolean): unknown
}

type Connect = (url: string, options: ConnectOptions) => Client

const libraries: { name: string; connect: Connect }[] = [
  { name: 'mqtt.js 5', connect: (url, options) => mqtt5.connect(url, options) },
  { name: 'mqtt.js 4', connect: (url, options) => mqtt4.connect(url, options) },
]

/** Everything a client hears, to be waited for. */
class Ear {
  readonly #heard: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor(client: Client) {
    client.on('connect', () => this.#hear('connected'))
    client.on('error', ({ code, message }) => this.#hear(`refused ${code ?? message}`))
    client.on('message', (topic, message) => this.#hear(`${topic} ${message.toString()}`))
    client.on('packetreceive', ({ cmd, granted }) => {
      if (cmd === 'suback') this.#hear(`granted ${(granted as number[]).join(' ')}`)
    })
  }

  /** Resolves with the first word, past or to come, that matches. */
  heard(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.#heard.find((word) => pattern.test(word))
        if (found !== undefined) resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  #hear(word: string): void {
    this.#heard.push(word)
    for (const look of this.#waiting) look()
  }
}

const versions = [
  { name: '3.1', protocolId: 'MQIsdp', protocolVersion: 3 },
  { name: '3.1.1', protocolId: 'MQTT', protocolVersion: 4 },
] as const

const transports = [
  { scheme: 'mqtt', path: '' },
  { scheme: 'mqtts', path: '' },
  { scheme: 'ws', path: '/' },
  { scheme: 'wss', path: '/mqtt' },
] as const

const latest = { protocolId: 'MQTT', protocolVersion: 4 } as const

for (const { name, connect } of libraries) {
  const open = (
    t: TestContext,
    url: string,
    login: { clientId: string; username: string; password: string },
    how: Pick<ConnectOptions, 'protocolId' | 'protocolVersion'> & { ca: string },
  ): { client: Client; ear: Ear } => {
    const client = connect(url, { ...login, ...how, clean: true, reconnectPeriod: 0 })
    t.after(() => void client.end(true))
    return { client, ear: new Ear(client) }
  }

  test(`${name} is told return code 4 when any part of its identity is wrong`, { timeout: 30_000 }, async (t) => {
    const server = await startMooring(t)
    const device = loginOf(await server.register('A1'))
    const other = loginOf(await server.register('A2'))
    const cases = [
      { name: 'wrong secret', login: { ...device, password: other.password } },
      { name: 'blank secret', login: { ...device, password: '' } },
      { name: 'unknown key', login: { ...device, username: 'nobody' } },
      { name: 'client ID of another device', login: { ...device, clientId: other.clientId } },
      { name: 'client ID of nobody', login: { ...device, clientId: 'something-else' } },
    ]
    for (const { name: what, login } of cases) {
      const { ear } = open(t, server.url('mqtt'), login, { ...latest, ca: '' })
      assert.equal(await ear.heard(/^connected|^refused/), 'refused 4', what)
    }
  })

  test(`${name} as the vendor's SDK uses it`, { timeout: 60_000 }, async (t) => {
    const server = await startMooring(t, { tls: true })
    const { ca } = await aCertificate()
    const { accessKey, accessSecret } = await server.serviceKey('operator')
    const login = { clientId: 'operator', username: accessKey, password: accessSecret }
    const service = open(t, server.url('mqtt'), login, { ...latest, ca })
    service.client.subscribe('losant/+/state', { qos: 0 }, () => undefined)
    await service.ear.heard(/^granted 0$/)

    for (const { name: version, protocolId, protocolVersion } of versions) {
      for (const { scheme, path } of transports) {
        await t.test(`MQTT ${version} over ${scheme}, path ${path || '-'}`, async (one) => {
          const device = loginOf(await server.register(`${scheme} ${version}`))
          const stateTopic = `losant/${device.clientId}/state`
          const commandTopic = `losant/${device.clientId}/command`
          const { client, ear } = open(one, server.url(scheme, path), device, { protocolId, protocolVersion, ca })
          await ear.heard(/^connected|^refused/)

          // Between CONNACK and SUBSCRIBE; the SDK would never know that it missed one.
          await publish(service.client, commandTopic, 'early', 1)
          client.subscribe(commandTopic, { qos: 0 }, () => undefined)
          await ear.heard(/^granted 0$/)
          await ear.heard(/command early$/)

          for (const qos of [0, 1, 2] as const) {
            await publish(client, stateTopic, `{"data":{"rpm":${qos}}}`, qos)
            await service.ear.heard(new RegExp(`^${stateTopic} .*${qos}`))
            await publish(service.client, commandTopic, `command ${qos}`, qos)
            await ear.heard(new RegExp(`command ${qos}$`))
          }

          client.subscribe([commandTopic, 'losant/000000000000000000000000/command'], { qos: 0 }, () => undefined)
          await ear.heard(/^granted 0 128$/)
        })
      }
    }
  })
}

function loginOf({ deviceId, accessKey, accessSecret }: Credentials): {
  clientId: string
  username: string
  password: string
} {
  return { clientId: deviceId, username: accessKey, password: accessSecret }
}

const publish = (client: Client, topic: string, message: string, qos: 0 | 1 | 2): Promise<void> =>
  new Promise((resolve, reject) => {
    client.publish(topic, message, { qos }, (error) => (error instanceof Error ? reject(error) : resolve()))
  })
