import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalEntry } from '../../../registry/index.ts'
import { anAdminDoor, PASSWORD, type AdminDoor } from './support.ts'

/** Oldest first. */
async function entriesOf({ registry }: AdminDoor): Promise<readonly JournalEntry[]> {
  return (await registry.journal.list({ limit: 100, after: 0, filter: {} })).entries
}

const logIn = (door: AdminDoor, name: string, password: string) => door.ask('/login', { body: { name, password } })

const ADDRESS = '127.0.0.1'

test('a login that is refused is in the journal with its name and address, and without its password', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  await logIn(door, 'ops', 'another password')
  await logIn(door, 'x'.repeat(5000), 'another password')
  const entries = await entriesOf(door)
  assert.deepEqual(
    entries.map(({ kind, result, code, operation, address, caller }) => [
      kind,
      result,
      code,
      operation,
      address,
      caller?.name,
    ]),
    ['ops', 'x'.repeat(256)].map((name) => ['login', 'refused', 'ERR_LOGIN_REFUSED', 'logIn', ADDRESS, name]),
  )
  assert.doesNotMatch(JSON.stringify(entries), /another password/)
})

test('guesses are counted, and those that were too many say when the next may be tried', async (t) => {
  const door = await anAdminDoor(t)
  for (let index = 0; index < 14; index++) await logIn(door, 'ops', `wrong ${index}`)
  await door.registry.close()
  const found = (await entriesOf(door)).map(({ code, count, retryAt }) => [code, count, retryAt !== undefined])
  assert.deepEqual(found, [
    ['ERR_LOGIN_REFUSED', undefined, false],
    ['ERR_TOO_MANY_ATTEMPTS', undefined, true],
    ['ERR_LOGIN_REFUSED', 9, false],
    ['ERR_TOO_MANY_ATTEMPTS', 3, true],
  ])
})

test('an API token that does not hold is in the journal, and its text is not; whoever shows nothing is no news', async (t) => {
  const door = await anAdminDoor(t)
  await door.ask('/devices')
  await door.ask('/devices', { headers: { cookie: 'mooring=nonsense' } })
  await door.ask('/devices', { headers: { authorization: 'Bearer mooring_nonsense' } })
  const entries = await entriesOf(door)
  assert.deepEqual(
    entries.map(({ kind, code, caller, operation }) => [kind, code, caller, operation]),
    [['login', 'ERR_UNAUTHENTICATED', { kind: 'api-token', address: ADDRESS }, 'listDevices']],
  )
  assert.doesNotMatch(JSON.stringify(entries), /nonsense/)
})

test('what somebody may not do and wanted to is in the journal', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('viewer')
  await door.ask('/devices/A1', { method: 'DELETE', headers })
  const [entry, ...others] = await entriesOf(door)
  assert.deepEqual(others, [])
  assert.deepEqual(
    [entry?.kind, entry?.result, entry?.code, entry?.operation, entry?.caller],
    ['operation', 'refused', 'ERR_FORBIDDEN', 'deleteDevice', { kind: 'account', name: 'viewer-1', address: ADDRESS }],
  )
})

test('who sets up, logs in, changes his password and leaves is in the journal before he is answered', async (t) => {
  const door = await anAdminDoor(t)
  const { code } = door.registry.accounts.setupCode.make()
  const made = await door.ask('/setup', { body: { code: code.reveal(), name: 'ops', password: PASSWORD } })
  assert.equal(made.status, 200)
  const cookie = ((await logIn(door, 'ops', PASSWORD)).headers.get('set-cookie') ?? '').split(';', 1)[0] ?? ''
  const body = { current: PASSWORD, password: `${PASSWORD} 2` }
  assert.equal((await door.ask('/me/password', { body, headers: { cookie } })).status, 204)
  assert.equal((await door.ask('/logout', { body: {}, headers: { cookie } })).status, 204)
  const account = { kind: 'account', name: 'ops', address: ADDRESS }
  const entries = await entriesOf(door)
  assert.deepEqual(
    entries.map(({ result, operation, caller }) => [result, operation, caller]),
    [
      ['done', 'setUp', { ...account, kind: 'setup-code' }],
      ['done', 'logIn', account],
      ['done', 'changeMyPassword', account],
      ['done', 'logOut', account],
    ],
  )
  assert.ok(!JSON.stringify(entries).includes(code.reveal()))
})
