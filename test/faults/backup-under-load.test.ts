import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect as mqttConnect, connectAsync, type MqttClient } from 'mqtt'
import { aFolder } from '../support/folder.ts'
import { registrationLoad } from '../support/registration-load.ts'
import { startMooring, startProgram, type Mooring } from '../support/server.ts'

const REGISTERED_BEFORE = 15
const PUBLISHED_BEFORE = 150

interface Login {
  readonly clientId: string
  readonly username: string
  readonly password: string
}

async function serviceLogin(server: Mooring, name: string): Promise<Login> {
  const { accessKey, accessSecret } = await server.serviceKey(name)
  return { clientId: name, username: accessKey, password: accessSecret }
}

async function connect(t: TestContext, server: Mooring, login: Login): Promise<MqttClient> {
  const client = await connectAsync(server.url('mqtt'), { ...login, clean: false, reconnectPeriod: 0 })
  t.after(() => client.end(true))
  client.on('error', () => {})
  return client
}

/** Publishes numbers until the server is gone. */
function publishing(client: MqttClient): { acknowledged: number[]; reached(count: number): Promise<void> } {
  const acknowledged: number[] = []
  let look: (() => void) | undefined
  const go = async (): Promise<void> => {
    for (let n = 0; client.connected; n++) {
      await client.publishAsync('losant/queue', `${n}`, { qos: 1 })
      await client.publishAsync(`losant/last/${n % 7}`, `${n}`, { qos: 1, retain: true })
      acknowledged.push(n)
      look?.()
    }
  }
  go().catch(() => {})
  return {
    acknowledged,
    reached: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (acknowledged.length >= count) resolve()
        }
        look()
      }),
  }
}

test('what was acknowledged before a backup under load is there after a restore, whole and in order', async (t) => {
  const server = await startMooring(t)
  const keeper = await serviceLogin(server, 'keeper')
  const sender = await connect(t, server, await serviceLogin(server, 'sender'))
  const away = await connect(t, server, keeper)
  await away.subscribeAsync('losant/queue', { qos: 1 })
  await away.endAsync()

  const registrations = registrationLoad(server, 2, await server.token('mqtt'))
  const messages = publishing(sender)
  await registrations.reached(REGISTERED_BEFORE)
  await messages.reached(PUBLISHED_BEFORE)
  const devicesBefore = new Map(registrations.acknowledged)
  const messagesBefore = messages.acknowledged.length
  const { file } = await server.json('backup', 'create')
  // The load went on meanwhile, and goes on.
  await messages.reached(messages.acknowledged.length + 10)
  assert.equal((await server.cli('backup', 'verify', String(file))).code, 0)
  await server.kill()
  await registrations.ended

  const data = join(await aFolder(t), 'restored')
  const restoring = startProgram(t, ['backup', 'restore', String(file), '--data', data])
  assert.equal(await restoring.ended, 0, restoring.lines.join('\n'))
  const restored = await startMooring(t, { data })
  for (const { deviceId, accessKey, accessSecret } of [...devicesBefore.values()].slice(-5)) {
    const device = await connect(t, restored, { clientId: deviceId, username: accessKey, password: accessSecret })
    await device.publishAsync(`losant/${deviceId}/state`, '{}', { qos: 1 })
  }
  const listed = JSON.stringify(await restored.json('device', 'list', '--limit', '1000'))
  for (const { deviceId } of devicesBefore.values()) assert.ok(listed.includes(deviceId))

  const { queue, last } = await heard(restored, keeper, messagesBefore)
  assert.deepEqual(
    queue.slice(0, messagesBefore),
    Array.from({ length: messagesBefore }, (_, n) => n),
  )
  for (let n = messagesBefore - 7; n < messagesBefore; n++) {
    assert.ok((last.get(`losant/last/${n % 7}`) ?? -1) >= n, `losant/last/${n % 7}`)
  }
  // The token in the field still holds.
  const token = await server.token('mqtt')
  const answer = await fetch(restored.url('http', '/api/register-device'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, manufacturerId: 'registered after the restore' }),
  })
  assert.equal(answer.status, 200)
  await restored.stop()
  const verified = await restored.cli('store', 'verify')
  assert.equal(verified.code, 0, verified.output)
})

/** What waits for `login`, and what is retained. */
async function heard(
  server: Mooring,
  login: Login,
  count: number,
): Promise<{ queue: number[]; last: Map<string, number> }> {
  const queue: number[] = []
  const last = new Map<string, number>()
  // Messages come with the CONNACK: whoever waits for it first misses them.
  const reader = mqttConnect(server.url('mqtt'), { ...login, clean: false, reconnectPeriod: 0 })
  const all = new Promise<void>((resolve) => {
    reader.on('message', (topic, payload) => {
      if (topic === 'losant/queue') queue.push(Number(payload))
      else last.set(topic, Number(payload))
      if (queue.length >= count && last.size === 7) resolve()
    })
  })
  reader.on('connect', () => reader.subscribe('losant/last/#', { qos: 1 }))
  await all
  await reader.endAsync(true)
  return { queue, last }
}
