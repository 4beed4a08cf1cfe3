import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoreLevel } from '../../../storage/index.ts'
import { aRegistry, memoryDatabase } from '../../support/registry.ts'
import { anAdminDoor, type AdminDoor, type Answer } from './support.ts'

const KEY = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff'

const create = (door: AdminDoor, headers: object, name = 'dashboard', key = KEY): Promise<Answer> =>
  door.ask('/service-keys', { body: { name, rules: {} }, headers: { ...headers, 'idempotency-key': key } })

/** Everything in the store, as somebody would see it who copied the folder. */
async function dumpOf(level: StoreLevel): Promise<string> {
  const entries = await level.iterator({ keyEncoding: 'utf8', valueEncoding: 'utf8' }).all()
  return entries.map((entry) => entry.join(' ')).join('\n')
}

test('the same key with another request is refused, and nothing is done', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  await create(door, headers)
  const other = await create(door, headers, 'other')
  assert.equal(other.status, 422)
  assert.equal(other.body['type'], 'urn:mooring:problem:idempotency-key-reused')
  assert.equal((await door.registry.serviceKeys.list()).length, 1)
})

test('the answer with its secret is replayed, and neither secret nor key is in the store', async (t) => {
  const database = memoryDatabase()
  const door = await anAdminDoor(t, { database })
  const headers = await door.session('admin')
  const first = await create(door, headers)
  assert.equal(first.status, 200)
  const second = await create(door, headers)
  assert.equal(second.text, first.text)
  const stored = await dumpOf(database.level)
  assert.match(stored, /"sealed"/)
  assert.ok(!stored.includes(String(first.body['accessSecret'])))
  assert.ok(!stored.includes(KEY))
})

test('fifty at once with one key are one creation with one answer', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  const answers = await Promise.all(Array.from({ length: 50 }, () => create(door, headers)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
})

test('two callers may choose the same key', async (t) => {
  const door = await anAdminDoor(t)
  assert.equal((await create(door, await door.session('admin'), 'one')).status, 200)
  assert.equal((await create(door, await door.apiToken('admin'), 'two')).status, 200)
})

test('what was refused may be tried again with the same key', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  await door.registry.serviceKeys.create({ name: 'dashboard', rules: {} })
  assert.equal((await create(door, headers)).status, 409)
  await door.registry.serviceKeys.delete('dashboard')
  assert.equal((await create(door, headers)).status, 200)
})

test('the answer outlives the process, for a day', async (t) => {
  let now = new Date()
  const database = memoryDatabase()
  const asked = { caller: 'account ops', key: KEY, request: 'x' }
  const before = await aRegistry(t, { database, now: () => now })
  await before.accounts.replays.once(asked, async () => 'done')
  const after = await aRegistry(t, { database, now: () => now })
  const again = () => after.accounts.replays.once(asked, async () => 'done again')
  assert.deepEqual(await again(), { kind: 'answered', answer: 'done' })
  now = new Date(now.getTime() + 24 * 3_600_000)
  assert.deepEqual(await again(), { kind: 'answered', answer: 'done again' })
})

test('after a crash in the midst of the work nobody pretends to know what came of it', async (t) => {
  const database = memoryDatabase()
  const before = await aRegistry(t, { database })
  const asked = {
    caller: 'account admin-1',
    key: KEY,
    request: JSON.stringify(['createServiceKey', { name: 'dashboard', rules: {} }]),
  }
  const begun = new Promise<void>((resolve) => {
    // Never ends, as in a process that was killed.
    void before.accounts.replays.once(asked, () => new Promise(() => resolve()))
  })
  await begun
  const door = await anAdminDoor(t, { database })
  const answer = await create(door, await door.session('admin'))
  assert.equal(answer.status, 409)
  assert.equal(answer.body['type'], 'urn:mooring:problem:idempotency-outcome-unknown')
  assert.deepEqual(await door.registry.serviceKeys.list(), [])
})

test('no more than a thousand answers are kept; the oldest go', async (t) => {
  let now = new Date()
  const database = memoryDatabase()
  const { accounts } = await aRegistry(t, { database, now: () => now })
  for (let index = 0; index < 1010; index++) {
    now = new Date(now.getTime() + 1)
    await accounts.replays.once({ caller: 'x', key: `key ${index}`, request: '' }, async () => index)
  }
  const kept = (await dumpOf(database.level)).split('\n').filter((line) => line.includes('!admin-replays!'))
  assert.equal(kept.length, 1000)
  const found = await accounts.replays.once({ caller: 'x', key: 'key 1009', request: '' }, async () => 'anew')
  assert.deepEqual(found, { kind: 'answered', answer: 1009 })
})
