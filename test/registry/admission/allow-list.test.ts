import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLevel } from 'memory-level'
import { RegistryError } from '../../../registry/index.ts'
import { aRegistry, aToken, memoryDatabase } from '../../support/registry.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const row = (
  manufacturerId: string,
  line = 1,
  more: { tags?: { key: string; value: string }[]; note?: string } = {},
) => ({
  line,
  manufacturerId,
  tags: more.tags ?? [],
  note: more.note ?? '',
})
const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code

async function aList(t: Parameters<typeof aRegistry>[0], ...ids: readonly string[]) {
  const level = new MemoryLevel()
  const database = memoryDatabase(level)
  const registry = await aRegistry(t, { database, registrationMode: 'allowlist', normalisation: 'mac' })
  const { allowList } = registry
  if (ids.length > 0) {
    const id = await allowList.beginImport()
    assert.deepEqual(
      await allowList.addRows(
        id,
        ids.map((one, index) => row(one, index + 2)),
      ),
      [],
    )
    await allowList.commitImport(id, NOW)
  }
  return { level, database, registry, allowList }
}

const listed = async (allowList: Awaited<ReturnType<typeof aList>>['allowList']) =>
  (await allowList.list({ limit: 100 })).map(({ manufacturerId }) => manufacturerId)

test('without a list nobody registers', async (t) => {
  const { registry } = await aList(t)
  const asked = registry.registerDevice({ token: await aToken(registry), manufacturerId: 'A1' })
  await assert.rejects(asked, refusal('ERR_NOT_IN_ALLOW_LIST'))
  assert.deepEqual((await registry.devices.list({ filter: {}, limit: 1 })).devices, [])
})

test('a bad token is refused before the list is looked at, so that nobody learns who is expected', async (t) => {
  const { registry } = await aList(t, 'A1')
  for (const manufacturerId of ['A1', 'A2']) {
    await assert.rejects(
      registry.registerDevice({ token: 'x', manufacturerId }),
      refusal('ERR_REGISTRATION_TOKEN_INVALID'),
    )
  }
})

test('a device that is expected registers with the tags of its row, however its ID is written', async (t) => {
  const { registry, allowList } = await aList(t)
  const id = await allowList.beginImport()
  await allowList.addRows(id, [row('AA:BB:CC:DD:EE:FF', 2, { tags: [{ key: 'site', value: 'berlin' }] })])
  await allowList.commitImport(id, NOW)
  await registry.registerDevice({ token: await aToken(registry), manufacturerId: 'aabbccddeeff' })
  const device = registry.devices.get('AA:BB:CC:DD:EE:FF')
  assert.deepEqual(device.tags[0], { key: 'site', value: 'berlin' })
})

test('a device that registered is refused as registered, listed or not', async (t) => {
  const { registry, allowList } = await aList(t, 'A1')
  const token = await aToken(registry)
  await registry.registerDevice({ token, manufacturerId: 'A1' })
  await allowList.remove('A1')
  await assert.rejects(
    registry.registerDevice({ token, manufacturerId: 'A1' }),
    refusal('ERR_DEVICE_ALREADY_REGISTERED'),
  )
})

const badRows = [
  { name: 'no ID', row: row('', 7), problem: /is missing/ },
  { name: 'blanks', row: row('   ', 7), problem: /is missing/ },
  { name: 'blanks around', row: row(' A1', 7), problem: /blanks around/ },
  { name: 'a control character', row: row('A\u00001', 7), problem: /control character/ },
  { name: 'an ID too long', row: row('x'.repeat(244), 7), problem: /1–243/ },
  { name: 'an empty tag', row: row('A1', 7, { tags: [{ key: '', value: 'x' }] }), problem: /key=value/ },
  { name: 'a long note', row: row('A1', 7, { note: 'x'.repeat(256) }), problem: /note has more than 255/ },
  { name: 'a listed ID', row: row('aa-bb-cc-dd-ee-01', 7), problem: /counts as the same ID as "AABBCCDDEE01".*line 2/ },
]
for (const { name, row: bad, problem } of badRows) {
  test(`a row with ${name} is told with its line, and the others are not lost`, async (t) => {
    const { allowList } = await aList(t)
    const id = await allowList.beginImport()
    const first = await allowList.addRows(id, [row('AABBCCDDEE01', 2)])
    const [told, ...more] = await allowList.addRows(id, [bad, row('B2', 8)])
    assert.deepEqual([first, more], [[], []])
    assert.equal(told?.line, 7)
    assert.match(told?.problem ?? '', problem)
    await allowList.commitImport(id, NOW)
    assert.deepEqual(await listed(allowList), ['AABBCCDDEE01', 'B2'])
  })
}

test('an ID twice in one chunk is told once, with the line of the first', async (t) => {
  const { allowList } = await aList(t)
  const id = await allowList.beginImport()
  const problems = await allowList.addRows(id, [row('A1', 2), row('A1', 3)])
  assert.deepEqual(problems, [{ line: 3, problem: '"A1" appears twice (first at line 2)' }])
})

test('an import that is not committed changes nothing, also after the process died in it', async (t) => {
  const { level, allowList } = await aList(t, 'A1', 'A2')
  const id = await allowList.beginImport()
  await allowList.addRows(id, [row('B1', 2)])
  assert.deepEqual(await listed(allowList), ['A1', 'A2'])

  const next = await aRegistry(t, { database: memoryDatabase(level), registrationMode: 'allowlist' })
  assert.deepEqual(await listed(next.allowList), ['A1', 'A2'])
  const left = (await level.keys().all()).filter((key) => key.startsWith('!allow-list!'))
  assert.equal(left.length, 2)
  await assert.rejects(next.allowList.commitImport(id, NOW), refusal('ERR_CONFLICT'))
})

test('the difference is told before it is made, and is what is made', async (t) => {
  const { allowList } = await aList(t, 'A1', 'A2', 'ä', '\u{1f600}', '\uffe0')
  const id = await allowList.beginImport()
  await allowList.addRows(id, [row('A2', 2), row('A3', 3), row('ä', 4, { note: 'new' }), row('\uffe0', 5)])
  const expected = {
    added: 1,
    removed: 2,
    changed: 1,
    unchanged: 2,
    examples: { added: ['A3'], removed: ['A1', '\u{1f600}'] },
  }
  assert.deepEqual(await allowList.compareImport(id), expected)
  assert.equal(allowList.size, 5)
  assert.deepEqual(await allowList.commitImport(id, NOW), expected)
  assert.deepEqual(await listed(allowList), ['A2', 'A3', 'ä', '\uffe0'])
  assert.equal(allowList.size, 4)
  assert.equal(allowList.importedAt, NOW.toISOString())
})

test('a second import ends the first', async (t) => {
  const { allowList } = await aList(t)
  const first = await allowList.beginImport()
  const second = await allowList.beginImport()
  await assert.rejects(allowList.addRows(first, [row('A1')]), refusal('ERR_CONFLICT'))
  await allowList.addRows(second, [row('B1')])
  await allowList.commitImport(second, NOW)
  assert.deepEqual(await listed(allowList), ['B1'])
})

test('rows are added and removed singly, and counted', async (t) => {
  const { allowList } = await aList(t)
  await allowList.add({ manufacturerId: 'A1', tags: [], note: '' }, NOW)
  await assert.rejects(allowList.add({ manufacturerId: 'A1', tags: [], note: '' }, NOW), refusal('ERR_CONFLICT'))
  await assert.rejects(allowList.add({ manufacturerId: '', tags: [], note: '' }, NOW), refusal('ERR_INPUT_INVALID'))
  await assert.rejects(allowList.remove('A2'), refusal('ERR_NOT_FOUND'))
  assert.equal(allowList.size, 1)
  await allowList.remove('A1')
  assert.equal(allowList.size, 0)
})

test('pages go through the whole list once', async (t) => {
  const ids = Array.from({ length: 25 }, (_, index) => `A${String(index).padStart(3, '0')}`)
  const { allowList } = await aList(t, ...ids)
  const seen: string[] = []
  for (;;) {
    const after = seen.at(-1)
    const page = await allowList.list({ limit: 10, ...(after === undefined ? {} : { after }) })
    if (page.length === 0) break
    seen.push(...page.map(({ manufacturerId }) => manufacturerId))
  }
  assert.deepEqual(seen, ids)
})
