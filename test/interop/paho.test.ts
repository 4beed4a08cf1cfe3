import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import { aCertificate } from '../support/certificate.ts'
import { startChild, type Child } from '../support/child.ts'
import { needsPaho } from '../support/debian.ts'
import { projectFolder } from '../support/folder.ts'
import { startMooring } from '../support/server.ts'

const skip = needsPaho()
const PROGRAM = join(projectFolder, 'test', 'interop', 'paho-device.py')

// Debian's own Python, because the package is installed for no other.
const startPaho = (t: TestContext, options: Readonly<Record<string, unknown>>): Child =>
  startChild(t, '/usr/bin/python3', [PROGRAM, JSON.stringify(options)])

test('paho is refused when the secret is wrong, or the client ID is not its own', { skip }, async (t) => {
  const server = await startMooring(t)
  const device = await server.register('A1')
  const other = await server.register('A2')
  const url = server.url('mqtt')
  const cases = [
    { name: 'wrong secret', options: { ...device, accessSecret: other.accessSecret } },
    { name: 'no secret', options: { ...device, accessSecret: '' } },
    { name: 'unknown key', options: { ...device, accessKey: 'nobody' } },
    { name: 'client ID of another device', options: { ...device, clientId: other.deviceId } },
    { name: 'client ID of nobody', options: { ...device, clientId: 'something-else' } },
  ]
  for (const { name, options } of cases) {
    const run = startPaho(t, { url, version: 4, ...options })
    assert.equal(await run.line(/^connack/), 'connack 4', name)
  }
})

for (const version of [3, 4]) {
  const protocol = version === 3 ? '3.1' : '3.1.1'
  test(`paho reports and obeys by MQTT ${protocol}`, { skip, timeout: 30_000 }, async (t) => {
    const server = await startMooring(t, { tls: true })
    const { caFile: ca } = await aCertificate()
    const foreign = `losant/${(await server.register('foreign')).deviceId}/command`
    const { accessKey, accessSecret } = await server.serviceKey('operator')
    const service = await connectAsync(server.url('mqtt'), { username: accessKey, password: accessSecret })
    t.after(() => service.endAsync(true))
    const reports: string[] = []
    service.on('message', (topic, message) => reports.push(`${topic} ${message.toString()}`))
    await service.subscribeAsync('losant/+/state', { qos: 2 })

    for (const scheme of ['mqtt', 'mqtts', 'ws', 'wss'] as const) {
      await t.test(`over ${scheme}`, async (one) => {
        const device = await server.register(scheme)
        const url = server.url(scheme, scheme.startsWith('ws') ? '/mqtt' : '')
        const run = startPaho(one, { url, ca, version, ...device, foreign })
        assert.equal(await run.line(/^granted/), 'granted 1 128')
        await run.line(/^reported/)
        await service.publishAsync(`losant/${device.deviceId}/command`, 'start', { qos: 1 })
        assert.equal(await run.line(/^command start/), 'command start 1')
        await service.publishAsync(`losant/${device.deviceId}/command`, 'stop', { qos: 1 })
        assert.equal(await run.ended, 0)
        await run.line(/^disconnected 0/)
        assert.deepEqual(
          reports.filter((report) => report.includes(device.deviceId)),
          [0, 1, 2].map((rpm) => `losant/${device.deviceId}/state {"data": {"rpm": ${rpm}}}`),
        )
      })
    }
  })
}
