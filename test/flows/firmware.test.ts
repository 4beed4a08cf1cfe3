import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { connectAsync, type MqttClient } from 'mqtt'
import { aCertificate } from '../support/certificate.ts'
import { needsCToolchain } from '../support/debian.ts'
import { aCDevice, aNodeDevice, type FirmwareSample } from '../support/firmware.ts'
import { startMooring, type Credentials, type Mooring } from '../support/server.ts'

type Scheme = 'mqtt' | 'mqtts' | 'ws' | 'wss'

const TIMEOUT_MS = 30_000

/** The operator's own software: hears every state report, sends commands. */
async function aService(t: TestContext, server: Mooring): Promise<MqttClient> {
  const { accessKey, accessSecret } = await server.serviceKey('flows')
  const client = await connectAsync(server.url('mqtt'), {
    username: accessKey,
    password: accessSecret,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  t.after(() => client.endAsync(true))
  await client.subscribeAsync('losant/+/state', { qos: 1 })
  return client
}

/** The next state report of anybody. */
const nextReport = (service: MqttClient): Promise<{ topic: string; data: Record<string, unknown> }> =>
  new Promise((resolve) => {
    service.once('message', (topic, message) => {
      const { data } = JSON.parse(message.toString()) as { data: Record<string, unknown> }
      resolve({ topic, data })
    })
  })

const saved = async (device: FirmwareSample): Promise<Credentials> =>
  JSON.parse(await readFile(device.credentialsFile, 'utf8')) as Credentials

const flows: {
  name: string
  skip: string | false
  aDevice: (t: TestContext) => Promise<FirmwareSample>
  schemes: Scheme[]
}[] = [
  { name: 'Node', skip: false, aDevice: aNodeDevice, schemes: ['mqtt', 'mqtts', 'ws', 'wss'] },
  { name: 'C', skip: needsCToolchain(), aDevice: aCDevice, schemes: ['mqtt', 'mqtts'] },
]

for (const { name, skip, aDevice, schemes } of flows) {
  test(`the ${name} device registers once, reports and obeys, and later uses its file`, { skip }, async (t) => {
    const server = await startMooring(t, { tls: true })
    const service = await aService(t, server)
    for (const scheme of schemes) {
      await t.test(`over ${scheme}`, { timeout: TIMEOUT_MS }, async (one) => {
        const device = await aDevice(one)
        const { caFile } = await aCertificate()
        const env = {
          TOKEN: await server.token(scheme),
          MANUFACTURER_ID: `A1-${scheme}`,
          NODE_EXTRA_CA_CERTS: caFile,
          MQTT_CA: caFile,
        }

        const first = device.start(env)
        const report = await nextReport(service)
        const { deviceId } = await saved(device)
        assert.equal(report.topic, `losant/${deviceId}/state`)
        assert.equal(report.data['running'], 1)
        await service.publishAsync(`losant/${deviceId}/command`, '{"name":"start","payload":{"rpm":1500}}', { qos: 1 })
        await first.line(/command \{"name":"start","payload":\{"rpm":1500\}\}/)
        assert.equal(await first.stop(), 0)

        const second = device.start(env)
        assert.equal((await nextReport(service)).topic, `losant/${deviceId}/state`)
        assert.equal(await second.stop(), 0)
        assert.equal((await saved(device)).deviceId, deviceId)
        assert.ok(!second.lines.some((line) => /register/.test(line)), second.lines.join('\n'))
      })
    }
    // The server saw each of them register once.
    const { devices } = await server.json('device', 'list')
    assert.deepEqual(
      (devices as { manufacturerId: string }[]).map(({ manufacturerId }) => manufacturerId).toSorted(),
      schemes.map((scheme) => `A1-${scheme}`).toSorted(),
    )
    assert.equal(server.count('device-registered'), schemes.length)
    assert.equal(await server.stop(), 0)
  })
}

test('a second device with the same manufacturer ID is refused in the words of the contract', async (t) => {
  const server = await startMooring(t)
  await server.register('A1-0001')
  const run = (await aNodeDevice(t)).start({ TOKEN: await server.token('mqtt'), MANUFACTURER_ID: 'A1-0001' })
  assert.equal(await run.ended, 1)
  await run.line(/403.*Device already registered\./)
})

test('a device that is disabled while connected is cut off, and is back when it is enabled', async (t) => {
  const server = await startMooring(t)
  const run = (await aNodeDevice(t)).start({ TOKEN: await server.token('mqtt'), MANUFACTURER_ID: 'A1-0001' })
  await run.line(/^published/)
  await server.json('device', 'disable', 'A1-0001')
  await run.line(/^offline/)
  await run.line(/^connection failed: Connection refused/)
  await server.json('device', 'enable', 'A1-0001')
  await run.line(/^connected/, 2)
  assert.equal(await run.stop(), 0)
})

const restarts = [
  { name: 'was stopped', end: (server: Mooring): Promise<unknown> => server.stop() },
  { name: 'was killed', end: (server: Mooring): Promise<unknown> => server.kill() },
]
for (const { name, end } of restarts) {
  test(`a device comes back with the same credentials after its server ${name}`, { timeout: TIMEOUT_MS }, async (t) => {
    const server = await startMooring(t)
    const run = (await aNodeDevice(t)).start({ TOKEN: await server.token('mqtt'), MANUFACTURER_ID: 'A1-0001' })
    await run.line(/^published/)
    await end(server)
    await run.line(/^offline/)
    const again = await startMooring(t, {
      data: server.data,
      env: {
        MOORING_LISTEN_MQTT: `127.0.0.1:${server.addresses.mqtt?.port}`,
        MOORING_LISTEN_HTTP: `127.0.0.1:${server.addresses.http?.port}`,
      },
    })
    await run.line(/^connected/, 2)
    assert.equal(await run.stop(), 0)
    assert.equal(run.lines.filter((line) => line.startsWith('registered')).length, 1)
    assert.equal(await again.stop(), 0)
  })
}
