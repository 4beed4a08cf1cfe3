import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { connectOperator, type DeviceChangeRequest, type Operator } from '../../admin/index.ts'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'

import { memoryLog } from '../support/log.ts'
import { registrationLoad } from '../support/registration-load.ts'
import { startMooring, type Mooring } from '../support/server.ts'
import { everyDevice } from '../support/every-device.ts'

const KILLS = process.env['MOORING_LONG_TESTS'] === '1' ? 20 : 2
const DEVICES = 300
/** Small pages, so that a kill falls between two of them, or into one. */
const PAGE = 10

interface Progress {
  readonly secrets: Map<string, string>
  pages: number
}

/** A change of all devices of a token, page after page, until it is done or nobody answers. */
async function changeAll(operator: Operator, token: string, change: DeviceChangeRequest, progress: Progress) {
  for (let after: string | undefined; ;) {
    const from = after === undefined ? {} : { after }
    const page = await operator
      .changeDevices({ change, devices: { token }, limit: PAGE, ...from })
      .catch(() => undefined)
    if (page === undefined) return false
    progress.pages += 1
    for (const { deviceId, accessSecret } of page.secrets) progress.secrets.set(deviceId, accessSecret)
    after = page.next
    if (after === undefined) return true
  }
}

async function operatorOf({ data }: Mooring): Promise<Operator> {
  const operator = await connectOperator(data)
  assert.ok(operator !== undefined)
  return operator
}

/** What a killed server has left; of each device, its key and its places in the index. Source of the layout: registry/store.ts. */
async function leftBehind(data: string) {
  const { config } = loadConfig({ env: { MOORING_DATA: data }, cwd: data })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  const facets = new Set(await database.level.sublevel('device-facets').keys().all())
  const devices = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
  assert.ok(devices.length >= DEVICES)
  return { registry, facets, devices, close: () => database.close() }
}

async function checkWhole(data: string): Promise<{ quarantined: number; others: number }> {
  const { registry, facets, devices, close } = await leftBehind(data)
  for (const device of devices) {
    const { quarantined = false } = device
    assert.equal(registry.devices.keyOf(device).quarantined ?? false, quarantined, 'the key says what the device says')
    assert.equal(facets.has(`["state","quarantined"]${device.id}`), quarantined, 'the index says what the device says')
  }
  assert.ok((await registry.journal.verify()).whole)
  await close()
  const quarantined = devices.filter((device) => device.quarantined === true).length
  return { quarantined, others: devices.length - quarantined }
}

test(`a leaked token is dealt with in the midst of ${KILLS} kills: every device is as before or as after, and asking again completes it`, async (t) => {
  let server = await startMooring(t)
  const { data } = server
  const load = registrationLoad(server, 16, await server.token('mqtt'))
  await load.reached(DEVICES)
  const [{ id: token } = { id: '' }] = (await (await operatorOf(server)).listTokens({ limit: 10 })).tokens.filter(
    ({ uses }) => uses > 0,
  )
  await server.kill()
  await load.ended
  server = await startMooring(t, { data })

  for (const kind of ['quarantine', 'release'] as const) {
    for (let kill = 0; kill < KILLS; kill++) {
      const operator = await operatorOf(server)
      const progress: Progress = { secrets: new Map(), pages: 0 }
      const changing = changeAll(operator, token, { kind }, progress)
      const enough = randomInt(1, 10)
      while (progress.pages < enough) await new Promise(setImmediate)
      // Anywhere in one of the next pages.
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 20)))
      await server.kill()
      await changing
      const { quarantined, others } = await checkWhole(data)
      const done = kind === 'quarantine' ? quarantined : others
      assert.ok(done >= Math.max(progress.pages - 1, 0) * PAGE, 'what was answered is on the disk')
      server = await startMooring(t, { data })
    }
    const operator = await operatorOf(server)
    assert.ok(await changeAll(operator, token, { kind }, { secrets: new Map(), pages: 0 }))
    const state = kind === 'quarantine' ? 'active' : 'quarantined'
    assert.deepEqual((await operator.listDevices({ token, state, limit: 10 })).devices, [])
  }

  const rotated: Progress = { secrets: new Map(), pages: 0 }
  const rotating = changeAll(await operatorOf(server), token, { kind: 'rotate', overlapSeconds: 0 }, rotated)
  while (rotated.pages < 5) await new Promise(setImmediate)
  await server.kill()
  assert.equal(await rotating, false)
  assert.ok(rotated.secrets.size >= 5 * PAGE && rotated.secrets.size < DEVICES, `${rotated.secrets.size} secrets`)

  await checkWhole(data)
  const { registry, close } = await leftBehind(data)
  t.after(close)
  for (const [deviceId, accessSecret] of rotated.secrets) {
    const { accessKey } = registry.devices.keyOf(registry.devices.get(deviceId))
    const presented = { clientId: deviceId, accessKey, accessSecret, address: '127.0.0.1' }
    assert.equal((await registry.authenticate(presented)).accessKey, accessKey, deviceId)
  }
})
