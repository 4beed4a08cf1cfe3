import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { aCertificate } from '../support/certificate.ts'
import { startChild, type Child } from '../support/child.ts'
import { needsMosquittoClients } from '../support/debian.ts'
import { startMooring, type Mooring } from '../support/server.ts'

const skip = needsMosquittoClients()

/** Who logs in, and how. A service key may use any client ID that is not a device's. */
interface Login {
  readonly clientId: string
  readonly accessKey: string
  readonly accessSecret: string
}

/** The command lines of Debian's clients, for one server, transport and version. */
class Mosquitto {
  readonly #t: TestContext
  readonly #common: readonly string[]

  private constructor(t: TestContext, common: readonly string[]) {
    this.#t = t
    this.#common = common
  }

  static async for(t: TestContext, server: Mooring, scheme: 'mqtt' | 'mqtts', version: string): Promise<Mosquitto> {
    const { port } = new URL(server.url(scheme))
    const tls = scheme === 'mqtts' ? ['--cafile', (await aCertificate()).caFile] : []
    return new Mosquitto(t, ['-h', '127.0.0.1', '-p', port, ...tls, '-V', version, '-d'])
  }

  /** Resolves when its subscription was answered. */
  async subscribe(login: Login, ...args: readonly string[]): Promise<Child> {
    const run = this.start('mosquitto_sub', login, ...args)
    await run.line(/^Subscribed/)
    return run
  }

  async publish(login: Login, ...args: readonly string[]): Promise<void> {
    const run = this.start('mosquitto_pub', login, ...args)
    assert.equal(await run.ended, 0, run.lines.join('\n'))
  }

  start(program: 'mosquitto_pub' | 'mosquitto_sub', login: Login, ...args: readonly string[]): Child {
    const who = ['-i', login.clientId, '-u', login.accessKey, '-P', login.accessSecret]
    // Into a pipe they write nothing before 4 KiB have gathered, unless told otherwise.
    return startChild(this.#t, 'stdbuf', ['-oL', `/usr/bin/${program}`, ...this.#common, ...who, ...args])
  }
}

async function aCast(t: TestContext): Promise<{ server: Mooring; device: Login; other: Login; service: Login }> {
  const server = await startMooring(t, { tls: true })
  const login = async (manufacturerId: string): Promise<Login> => {
    const { deviceId, accessKey, accessSecret } = await server.register(manufacturerId)
    return { clientId: deviceId, accessKey, accessSecret }
  }
  const service = { clientId: 'operator', ...(await server.serviceKey('operator')) }
  return { server, device: await login('A1'), other: await login('A2'), service }
}

test('mosquitto_sub is refused when any part of its identity is wrong', { skip }, async (t) => {
  const { server, device, other, service } = await aCast(t)
  const mosquitto = await Mosquitto.for(t, server, 'mqtt', 'mqttv311')
  const cases = [
    { name: 'wrong secret', login: { ...device, accessSecret: other.accessSecret } },
    { name: 'key of another device', login: { ...other, clientId: device.clientId } },
    { name: 'client ID of nobody', login: { ...device, clientId: 'something-else' } },
    { name: 'service key with the client ID of a device', login: { ...service, clientId: device.clientId } },
  ]
  for (const { name, login } of cases) {
    const run = mosquitto.start('mosquitto_sub', login, '-t', `losant/${login.clientId}/command`)
    assert.match(await run.line(/Connection error/), /bad user name or password/i, name)
  }
})

test('mosquitto_sub is denied the topics of another device, $SYS and shared subscriptions', { skip }, async (t) => {
  const { server, device, other } = await aCast(t)
  const mosquitto = await Mosquitto.for(t, server, 'mqtt', 'mqttv311')
  for (const filter of [
    `losant/${other.clientId}/command`,
    'losant/#',
    '#',
    '+/+/state',
    '$SYS/#',
    '$share/g/losant/x',
  ]) {
    const run = mosquitto.start('mosquitto_sub', device, '-t', filter)
    assert.match(await run.line(/^Subscribed/), /: 128$/, filter)
    await run.ended
  }
})

for (const version of ['mqttv31', 'mqttv311']) {
  for (const scheme of ['mqtt', 'mqtts'] as const) {
    test(`mosquitto clients exchange messages by ${version} over ${scheme}`, { skip, timeout: 30_000 }, async (t) => {
      const { server, device, other, service } = await aCast(t)
      const mosquitto = await Mosquitto.for(t, server, scheme, version)
      const command = `losant/${device.clientId}/command`
      const state = `losant/${device.clientId}/state`

      for (const qos of ['0', '1', '2']) {
        const run = await mosquitto.subscribe(device, '-t', command, '-q', qos, '-C', '1')
        await mosquitto.publish(service, '-t', command, '-q', qos, '-m', `command ${qos}`)
        assert.equal(await run.line(/^command/), `command ${qos}`)
        assert.equal(await run.ended, 0)
      }

      // Retained: the state that was reported before anybody listened.
      await mosquitto.publish(device, '-t', state, '-q', '1', '-r', '-m', 'retained 21.5')
      const later = await mosquitto.subscribe(service, '-t', 'losant/+/state', '-q', '1')
      await later.line(/^retained 21\.5/)
      await mosquitto.publish(device, '-t', state, '-q', '1', '-r', '-n')

      // A will: the device goes without a word.
      const will = ['--will-topic', state, '--will-payload', 'gone', '--will-qos', '1']
      const doomed = await mosquitto.subscribe(device, '-t', command, ...will)
      doomed.signal('SIGKILL')
      await later.line(/^gone/)

      // What a device publishes to another's topic reaches nobody.
      mosquitto.start('mosquitto_pub', other, '-t', state, '-q', '1', '-m', 'forged')
      const foreign = mosquitto.start('mosquitto_pub', other, '-t', state, '-q', '0', '-m', 'forged')
      await foreign.ended
      await mosquitto.publish(device, '-t', state, '-q', '1', '-m', 'true')
      await later.line(/^true/)
      assert.ok(!later.lines.includes('forged'))
    })
  }
}
