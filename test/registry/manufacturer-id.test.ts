import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLevel } from 'memory-level'
import { RegistryError, type Normalisation } from '../../registry/index.ts'
import { normalised } from '../../registry/manufacturer-id.ts'
import { aDevice, aRegistry, aToken, memoryDatabase } from '../support/registry.ts'

const cases: readonly { how: Normalisation; same: readonly string[]; different: readonly string[] }[] = [
  { how: 'none', same: ['AA:BB:CC:DD:EE:FF'], different: ['aa:bb:cc:dd:ee:ff', 'AABBCCDDEEFF'] },
  {
    how: 'mac',
    same: ['AA:BB:CC:DD:EE:FF', 'aa-bb-cc-dd-ee-ff', 'aabb.ccdd.eeff', 'aabbccddeeff'],
    different: ['AA:BB:CC:DD:EE', 'aa:bb:cc:dd:ee:ff:00', 'AA:BB:CC:DD:EE:FG', 'A1-0001', 'a1-0001'],
  },
  {
    how: 'imei',
    same: ['490154203237518', '49-015420-323751-8', '49 015420 323751 8', '49015420/3237518'],
    different: ['49015420323751', '4901542032375180', '49--0154203237518', 'a490154203237518'],
  },
  { how: 'upper', same: ['ab-1', 'AB-1', 'Ab-1'], different: ['ab1', 'AB-1 '] },
]
for (const { how, same, different } of cases) {
  test(`by ${how}, different ways to write an ID are the same, and different IDs are not`, () => {
    assert.equal(new Set(same.map((id) => normalised(id, how))).size, 1)
    assert.equal(new Set([same[0] ?? '', ...different].map((id) => normalised(id, how))).size, different.length + 1)
  })
}

test('an ID that was written differently is registered already, and found under either', async (t) => {
  const registry = await aRegistry(t, { normalisation: 'mac' })
  const { deviceId } = await aDevice(registry, 'AA:BB:CC:DD:EE:FF')
  const again = registry.registerDevice({ token: await aToken(registry), manufacturerId: 'aa-bb-cc-dd-ee-ff' })
  await assert.rejects(
    again,
    (error: unknown) => error instanceof RegistryError && error.code === 'ERR_DEVICE_ALREADY_REGISTERED',
  )
  const device = registry.devices.get('aabbccddeeff')
  assert.equal(device.id, deviceId)
  assert.equal(device.manufacturerId, 'AA:BB:CC:DD:EE:FF')
})

test('of many ways to write one ID at once, one registers', async (t) => {
  const registry = await aRegistry(t, { normalisation: 'upper' })
  const token = await aToken(registry)
  const ids = Array.from({ length: 64 }, (_, index) =>
    Array.from('abcdef', (letter, bit) => ((index >> bit) & 1 ? letter.toUpperCase() : letter)).join(''),
  )
  const ended = await Promise.allSettled(
    ids.map((manufacturerId) => registry.registerDevice({ token, manufacturerId })),
  )
  assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await registry.devices.list({ filter: {}, limit: 10 })).devices.length, 1)
})

test('a deleted device frees every way to write its ID', async (t) => {
  const registry = await aRegistry(t, { normalisation: 'mac' })
  await aDevice(registry, 'AA:BB:CC:DD:EE:FF')
  await registry.devices.delete('aabbccddeeff')
  await aDevice(registry, 'aa-bb-cc-dd-ee-ff')
})

test('devices that registered before the comparison was changed are compared by it too, and back again', async (t) => {
  const level = new MemoryLevel()
  const opened = (normalisation: Normalisation) => aRegistry(t, { database: memoryDatabase(level), normalisation })
  await aDevice(await opened('none'), 'AA:BB:CC:DD:EE:FF')
  const byMac = await opened('mac')
  assert.equal(byMac.devices.get('aabbccddeeff').manufacturerId, 'AA:BB:CC:DD:EE:FF')
  const asIs = await opened('none')
  assert.throws(() => asIs.devices.get('aabbccddeeff'))
  assert.equal(asIs.devices.get('AA:BB:CC:DD:EE:FF').manufacturerId, 'AA:BB:CC:DD:EE:FF')
})

test('a comparison that makes one of two devices is refused by their names, and nothing is changed', async (t) => {
  const level = new MemoryLevel()
  const before = await aRegistry(t, { database: memoryDatabase(level) })
  await aDevice(before, 'ab')
  await aDevice(before, 'AB')
  await assert.rejects(
    aRegistry(t, { database: memoryDatabase(level), normalisation: 'upper' }),
    /"(?:ab" and "AB|AB" and "ab)"/,
  )
  const after = await aRegistry(t, { database: memoryDatabase(level) })
  assert.notEqual(after.devices.get('ab').id, after.devices.get('AB').id)
})
