import assert from 'node:assert/strict'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import fc from 'fast-check'
import { test, type TestContext } from 'node:test'
import type { Device, DeviceFilter, DeviceKey, DeviceState } from '../../../registry/index.ts'
import { newDevice, stateOf, TL_GENERATOR } from '../../../registry/index.ts'
import { facetsWanted } from '../../../registry/devices/device-filter.ts'
import { DEVICE_FACETS_ROOM, DeviceIndex } from '../../../registry/devices/device-index.ts'
import { RegistryStore } from '../../../registry/store.ts'
import type { StoreLevel } from '../../../storage/index.ts'
import { aFolder } from '../../support/folder.ts'
import { memoryDatabase } from '../../support/registry.ts'

const now = new Date('2026-01-01T00:00:00Z')

async function aStore(t: Pick<TestContext, 'after'>, level: StoreLevel = new MemoryLevel()): Promise<RegistryStore> {
  const database = memoryDatabase(level)
  await level.open()
  const store = new RegistryStore(database)
  await store.open()
  t.after(() => level.close())
  return store
}

interface Facts {
  readonly manufacturerId: string
  readonly state?: DeviceState
  readonly tokenId?: string
  readonly tags?: Device['tags']
  readonly at?: Date
}

function aPair({ manufacturerId, state = 'active', at = now, ...origin }: Facts): { device: Device; key: DeviceKey } {
  const made = newDevice(manufacturerId, TL_GENERATOR, at, origin)
  const device = { ...made, disabled: state === 'disabled', quarantined: state === 'quarantined' }
  const key: DeviceKey = {
    kind: 'device',
    accessKey: `key of ${device.id}`,
    deviceId: device.id,
    secretHash: 'hash',
    description: '',
    createdAt: now.toISOString(),
    disabled: device.disabled,
  }
  return { device, key }
}

async function insert(store: RegistryStore, facts: readonly Facts[]): Promise<Device[]> {
  return await Promise.all(
    facts.map(async (one) => {
      const { device, key } = aPair(one)
      await store.insertDevice(device, key)
      return device
    }),
  )
}

async function all(store: RegistryStore, filter: DeviceFilter, limit: number): Promise<Device[]> {
  const found: Device[] = []
  for (let after: string | undefined; ;) {
    const page = await store.selectDevices({ filter, limit, ...(after === undefined ? {} : { after }) })
    assert.ok(page.devices.length <= limit)
    found.push(...page.devices)
    after = page.next
    if (after === undefined) return found
  }
}

const idsOf = (devices: readonly Device[]): string[] => devices.map(({ id }) => id)

const words = fc.constantFrom('a', 'b', 'ä', '"', ']', 'a","b', '\u{1f600}', '')
const facts = fc.record({
  state: fc.constantFrom<DeviceState>('active', 'active', 'quarantined', 'disabled'),
  tokenId: fc.option(fc.constantFrom('a', 'b', 'a"]'), { nil: undefined }),
  tags: fc.array(fc.record({ key: words, value: words }), { maxLength: 2 }),
  at: fc.integer({ min: 0, max: 5 }).map((seconds) => new Date(now.getTime() + seconds * 1000)),
})
const filters = fc.record(
  {
    state: fc.constantFrom<DeviceState>('active', 'quarantined', 'disabled'),
    tokenId: fc.constantFrom('a', 'b', 'a"]', 'c'),
    tag: fc.record({ key: words, value: words }),
    manufacturerIdPrefix: fc.constantFrom('ä', 'a', '\u{1f600}', 'M'),
    registeredSince: fc.integer({ min: 0, max: 5 }).map((seconds) => new Date(now.getTime() + seconds * 1000)),
  },
  { requiredKeys: [] },
)

test('whatever is asked for, the pages hold what going through all devices would find, in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(facts, { maxLength: 40 }),
      filters,
      fc.integer({ min: 1, max: 9 }),
      async (given, filter, limit) => {
        const store = await aStore(t)
        const ids = ['a', 'ä', 'M', '\u{1f600}', 'ab']
        const devices = await insert(
          store,
          given.map(({ tokenId, ...one }, n) => ({
            ...one,
            ...(tokenId === undefined ? {} : { tokenId }),
            manufacturerId: `${ids[n % ids.length]}${n}`,
          })),
        )
        const { state, tokenId, tag, manufacturerIdPrefix: prefix, registeredSince: since } = filter
        const expected = devices.filter(
          (device) =>
            (state === undefined || stateOf(device) === state) &&
            (tokenId === undefined || device.tokenId === tokenId) &&
            (since === undefined || device.registeredAt >= since.toISOString()) &&
            (prefix === undefined || device.manufacturerId.startsWith(prefix)) &&
            (tag === undefined || device.tags.some(({ key, value }) => key === tag.key && value === tag.value)),
        )
        const inOrder = (one: Device, other: Device): number =>
          prefix === undefined
            ? Buffer.compare(Buffer.from(one.id), Buffer.from(other.id))
            : Buffer.compare(Buffer.from(one.manufacturerId), Buffer.from(other.manufacturerId))
        assert.deepEqual(idsOf(await all(store, filter, limit)), idsOf(expected.toSorted(inOrder)))
      },
    ),
    { numRuns: 150 },
  )
})

test('a device is found by what it has become, and not by what it was', async (t) => {
  const store = await aStore(t)
  const { device, key } = aPair({ manufacturerId: 'one', tokenId: 'a', tags: [{ key: 'line', value: '3' }] })
  await store.insertDevice(device, key)
  const moved = { ...device, disabled: true, tags: [{ key: 'line', value: '4' }] }
  await store.updateDevices([{ device: moved, key }])
  const found = async (filter: DeviceFilter): Promise<number> => (await all(store, filter, 10)).length
  assert.equal(await found({ tag: { key: 'line', value: '3' } }), 0)
  assert.equal(await found({ tag: { key: 'line', value: '4' }, state: 'disabled', tokenId: 'a' }), 1)
  await store.deleteDevices([{ device: moved, key }])
  assert.equal(await found({ state: 'disabled' }), 0)
})

test('a rare device among many is found without looking at the others, and a page ends before it takes long', async (t) => {
  const store = await aStore(t)
  const many = Array.from({ length: 1500 }, (_, n) => ({ manufacturerId: `m${n}`, tokenId: 'all' }))
  await insert(store, many)
  const [rare] = await insert(store, [
    { manufacturerId: 'z', tokenId: 'all', state: 'quarantined', at: new Date('2026-02-01') },
  ])
  const { devices, next } = await store.selectDevices({ filter: { tokenId: 'all', state: 'quarantined' }, limit: 10 })
  assert.deepEqual(idsOf(devices), [rare?.id])
  // On a slow machine it may not have looked yet whether there are more.
  assert.ok(next === undefined || next === rare?.id, next)

  const tag = { key: 'manufacturerId', value: 'nobody' }
  assert.deepEqual(await all(store, { tag }, 10), [])
  const unindexed = await store.selectDevices({ filter: { manufacturerIdPrefix: 'm', state: 'disabled' }, limit: 10 })
  assert.deepEqual(unindexed.devices, [])
  assert.notEqual(unindexed.next, undefined)
})

test('facets that many have, and none together, tell how far the search is, and pages go on from there', async (t) => {
  const level = new MemoryLevel()
  const store = await aStore(t, level)
  const alternating = Array.from({ length: 1000 }, (_, n) => ({
    manufacturerId: `m${n}`,
    at: new Date(now.getTime() + n * 1000),
    ...(n % 2 === 0 ? { tokenId: 'even' } : { tags: [{ key: 'line', value: 'odd' }] }),
  }))
  await insert(store, alternating)
  const [both] = await insert(store, [
    { manufacturerId: 'both', tokenId: 'even', tags: [{ key: 'line', value: 'odd' }], at: new Date('2026-02-01') },
  ])
  const filter = { tokenId: 'even', tag: { key: 'line', value: 'odd' } }
  assert.deepEqual(idsOf(await all(store, filter, 10)), [both?.id])

  const index = new DeviceIndex(level)
  await index.open()
  const facets = facetsWanted(filter)
  const places: string[] = []
  for await (const { at } of index.devicesWith(facets, '')) places.push(at)
  assert.ok(places.length > 10 && places.length < 100, `${places.length} places`)
  assert.deepEqual(places, places.toSorted())
  for (const place of places.slice(0, -1)) {
    const found: string[] = []
    for await (const { id } of index.devicesWith(facets, place)) if (id !== undefined) found.push(id)
    assert.deepEqual(found, [both?.id])
  }
})

test('devices of a store without an index are put into it when it is opened', async (t) => {
  const level = new MemoryLevel()
  const devices = await insert(
    await aStore(t, level),
    Array.from({ length: 1500 }, (_, n) => ({ manufacturerId: `m${n}`, tokenId: n % 2 === 0 ? 'even' : 'odd' })),
  )
  await level.sublevel('device-facets').clear()
  const even = devices.filter(({ tokenId }) => tokenId === 'even')
  const again = new RegistryStore(memoryDatabase(level))
  await again.open()
  assert.deepEqual(idsOf(await all(again, { tokenId: 'even' }, 500)), idsOf(even).toSorted())
})

test('a store from before there was an index gets all of its devices into it, however few LevelDB reads at a time', async (t) => {
  const level = new Level(await aFolder(t))
  const store = await aStore(t, level)
  const tags = [{ key: 'line', value: '3' }]
  await insert(
    store,
    Array.from({ length: 300 }, (_, n) => ({ manufacturerId: `m${n}`, tokenId: 'all', tags })),
  )
  await level.sublevel(DEVICE_FACETS_ROOM).clear()
  const again = new RegistryStore(memoryDatabase(level))
  await again.open()
  assert.equal((await all(again, { tag: { key: 'line', value: '3' } }, 100)).length, 300)
})
