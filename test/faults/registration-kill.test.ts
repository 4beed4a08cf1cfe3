import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import type { AccessKey, Device } from '../../registry/index.ts'
import type { StoreLevel } from '../../storage/index.ts'
import { memoryLog } from '../support/log.ts'
import { registrationLoad } from '../support/registration-load.ts'
import { startMooring, type Credentials, type Mooring } from '../support/server.ts'

const KILLS = process.env['MOORING_LONG_TESTS'] === '1' ? 20 : 3

async function logIn(server: Mooring, { deviceId, accessKey, accessSecret }: Credentials): Promise<void> {
  const client = await connectAsync(server.url('mqtt'), {
    clientId: deviceId,
    username: accessKey,
    password: accessSecret,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  await client.endAsync()
}

/** What the store holds of devices, room by room. Source of the layout: registry/store.ts. */
async function roomsOf(level: StoreLevel) {
  const json = { valueEncoding: 'json' } as const
  return {
    devices: await level.sublevel<string, Device>('devices', json).values().all(),
    byManufacturerId: await level.sublevel('by-manufacturer-id').iterator().all(),
    accessKeys: await level.sublevel<string, AccessKey>('access-keys', json).values().all(),
    keysByDevice: await level.sublevel('keys-by-device').iterator().all(),
  }
}

test(`after each of ${KILLS} kills in a storm of registrations every device that was answered logs in, and none is half made`, async (t) => {
  const acknowledged = new Map<string, Credentials>()
  let server = await startMooring(t)
  const { data } = server
  const token = await server.token('mqtt')
  for (let kill = 0; kill < KILLS; kill++) {
    const load = registrationLoad(server, 16, token)
    await load.reached(randomInt(1, 200))
    // Anywhere between two answers, not right after one.
    await new Promise((resolve) => setTimeout(resolve, randomInt(0, 20)))
    await server.kill()
    await load.ended
    for (const [manufacturerId, credentials] of load.acknowledged) acknowledged.set(manufacturerId, credentials)

    server = await startMooring(t, { data })
    await Promise.all([...load.acknowledged.values()].slice(-10).map((credentials) => logIn(server, credentials)))
  }
  assert.equal(await server.stop(), 0)

  const { config } = loadConfig({ env: { MOORING_DATA: data }, cwd: data })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  t.after(() => database.close())
  for (const [manufacturerId, { deviceId, accessKey, accessSecret }] of acknowledged) {
    const presented = { clientId: deviceId, accessKey, accessSecret, address: '127.0.0.1' }
    assert.deepEqual(await registry.authenticate(presented), { kind: 'device', deviceId, accessKey }, manufacturerId)
  }

  const { devices, byManufacturerId, accessKeys, keysByDevice } = await roomsOf(database.level)
  assert.ok(devices.length >= acknowledged.size)
  const ids = new Map(devices.map(({ id, manufacturerId }) => [manufacturerId, id]))
  assert.deepEqual(new Map(byManufacturerId), ids)
  const keys = accessKeys.map((key) => [key.kind === 'device' ? key.deviceId : key.kind, key.accessKey] as const)
  assert.deepEqual(new Map(keysByDevice), new Map(keys))
  assert.deepEqual(new Set(keysByDevice.map(([id]) => id)), new Set(ids.values()))
  for (const { name, tags, attributes, manufacturerId } of devices) {
    assert.equal(name, `Generator - ${manufacturerId}`)
    assert.equal(attributes.length, 18)
    assert.deepEqual(tags.at(-2), { key: 'manufacturerId', value: manufacturerId })
  }
})
