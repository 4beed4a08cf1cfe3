import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connectAsync, type MqttClient } from 'mqtt'
import { registrationLoad } from '../support/registration-load.ts'
import { startMooring, type Credentials, type Mooring } from '../support/server.ts'

/** A request whose body does not come. */
async function aHangingRequest(t: TestContext, server: Mooring): Promise<void> {
  const { host, port } = server.addresses.http ?? {}
  const socket = connect({ host, port: port ?? 0 }).on('error', () => {})
  t.after(() => socket.destroy())
  // The server says so when it has read the head and waits for the body.
  const head = ['POST /api/register-device HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Content-Length: 9']
  socket.write(`${[...head, 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 100 /)
}

const login = (server: Mooring, { deviceId, accessKey, accessSecret }: Credentials): Promise<MqttClient> =>
  connectAsync(server.url('mqtt'), {
    clientId: deviceId,
    username: accessKey,
    password: accessSecret,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })

/** A device that reports at QoS 1 until its connection ends. */
async function aReporter(
  server: Mooring,
  manufacturerId: string,
): Promise<{ first: Promise<void>; ended: Promise<void> }> {
  const credentials = await server.register(manufacturerId)
  const client = await login(server, credentials)
  client.on('error', () => {})
  const ended = new Promise<void>((resolve) => client.once('close', resolve))
  const report = (): Promise<unknown> =>
    client.publishAsync(`losant/${credentials.deviceId}/state`, '{"data":{}}', { qos: 1 })
  const first = report().then(() => {})
  const reportOn = (): void => void report().then(reportOn, () => {})
  void first.then(reportOn)
  return { first, ended }
}

test('SIGTERM under load ends the process with 0 in time, and no device that was answered is lost', async (t) => {
  const server = await startMooring(t, { settings: { shutdown: { graceTimeout: '1s' } } })
  const load = registrationLoad(server, 8, await server.token('mqtt'))
  const reporters = await Promise.all(['R1', 'R2', 'R3', 'R4'].map((id) => aReporter(server, id)))
  await aHangingRequest(t, server)
  await Promise.all([load.reached(100), ...reporters.map(({ first }) => first)])

  const began = performance.now()
  server.process.signal('SIGTERM')
  assert.equal(await server.process.ended, 0, server.process.lines.slice(-5).join('\n'))
  assert.ok(performance.now() - began < 10_000)
  assert.deepEqual([server.count('stopping'), server.count('stopped'), server.count('stop-forced')], [1, 1, 0])
  await Promise.all([load.ended, ...reporters.map(({ ended }) => ended)])

  const again = await startMooring(t, { data: server.data })
  const { devices } = await again.json('device', 'list', '--limit', '1000')
  const there = new Set((devices as { manufacturerId: string }[]).map(({ manufacturerId }) => manufacturerId))
  for (const id of ['R1', 'R2', 'R3', 'R4', ...load.acknowledged.keys()]) assert.ok(there.has(id), id)
  for (const credentials of [...load.acknowledged.values()].slice(-5))
    await (await login(again, credentials)).endAsync()
  again.process.signal('SIGINT')
  assert.equal(await again.process.ended, 0)
})

test('a second signal ends a stop at once that waits for something', async (t) => {
  const server = await startMooring(t, { settings: { shutdown: { graceTimeout: '1h' } } })
  await aHangingRequest(t, server)
  server.process.signal('SIGTERM')
  await server.process.line(/"event":"stopping"/)
  const began = performance.now()
  server.process.signal('SIGINT')
  assert.equal(await server.process.ended, 1)
  assert.ok(performance.now() - began < 2_000)
  assert.equal(server.count('stop-forced'), 0)
  assert.equal(server.count('stopped'), 0)
})
