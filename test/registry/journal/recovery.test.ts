import assert from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { test } from 'node:test'
import { memoryDatabase, aDevice, aRegistry } from '../../support/registry.ts'

const cases = [
  { name: 'a process that was killed leaves its devices to be recorded by the next', closes: false, recovered: 2 },
  { name: 'a process that ended as it should leaves nothing to be recorded', closes: true, recovered: 0 },
]
for (const { name, closes, recovered } of cases) {
  test(name, async (t) => {
    const database = memoryDatabase(new MemoryLevel())
    const before = await aRegistry(t, { database })
    const { deviceId } = await aDevice(before, 'A1-0001')
    const facts = { kind: 'registration', result: 'accepted', deviceId, manufacturerId: 'A1-0001' } as const
    await before.journal.recordNow(facts)
    // Their entries were in memory only.
    await aDevice(before, 'A1-0002')
    await aDevice(before, 'A1-0003')
    if (closes) await before.close()

    const after = await aRegistry(t, { database })
    const { entries } = await after.journal.list({ limit: 10, after: 1, filter: {} })
    assert.deepEqual(
      // In the order of their IDs, which within one second is that of chance.
      entries.map(({ manufacturerId = '' }) => manufacturerId).toSorted((one, other) => one.localeCompare(other)),
      ['A1-0002', 'A1-0003'].slice(0, recovered),
    )
    assert.equal((await after.journal.verify()).whole, true)
  })
}

test('a device that an operator made has its entry, and gets no other', async (t) => {
  const database = memoryDatabase(new MemoryLevel())
  const before = await aRegistry(t, { database })
  await before.createDevice({ manufacturerId: 'A1-0001', tags: [] })
  const facts = { kind: 'operation', result: 'done', operation: 'createDevice', target: 'A1-0001' } as const
  await before.journal.recordNow(facts)

  const after = await aRegistry(t, { database })
  const { entries } = await after.journal.list({ limit: 10, after: 0, filter: {} })
  assert.deepEqual(
    entries.map(({ operation }) => operation),
    ['createDevice'],
  )
})
