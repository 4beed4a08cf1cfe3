import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryError, Secret } from '../../../registry/index.ts'
import { aRegistry, memoryDatabase } from '../../support/registry.ts'

const PASSWORD = 'correct horse battery'
const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code

const wrongRequests = [
  { name: 'no name', request: { name: '', password: PASSWORD } },
  { name: 'a name with a space', request: { name: 'a b', password: PASSWORD } },
  { name: 'a name of 65 letters', request: { name: 'a'.repeat(65), password: PASSWORD } },
  { name: 'a password of eleven characters', request: { name: 'ops', password: 'x'.repeat(11) } },
  { name: 'a password that is a film', request: { name: 'ops', password: 'x'.repeat(1025) } },
]
for (const { name, request } of wrongRequests) {
  test(`an account with ${name} is refused`, async (t) => {
    const { accounts } = await aRegistry(t)
    await assert.rejects(accounts.create({ ...request, role: 'viewer' }), refusal('ERR_INPUT_INVALID'))
    assert.ok(accounts.isEmpty)
  })
}

test('a name is taken once, however many ask at the same time', async (t) => {
  const { accounts } = await aRegistry(t)
  const made = Array.from({ length: 20 }, () => accounts.create({ name: 'ops', password: PASSWORD, role: 'admin' }))
  const results = await Promise.allSettled(made)
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) if (result.status === 'rejected') assert.ok(refusal('ERR_CONFLICT')(result.reason))
})

test('somebody is always left with the role admin', async (t) => {
  const { accounts } = await aRegistry(t)
  for (const name of ['one', 'two']) await accounts.create({ name, password: PASSWORD, role: 'admin' })
  await accounts.create({ name: 'three', password: PASSWORD, role: 'operator' })
  const left = await Promise.allSettled([accounts.remove('one'), accounts.setRole('two', 'viewer')])
  assert.deepEqual(
    left.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(accounts.find('two')?.role, 'admin')
  await accounts.remove('three')
})

test('accounts, sessions and API tokens outlive the process', async (t) => {
  const database = memoryDatabase()
  const before = await aRegistry(t, { database })
  await before.accounts.create({ name: 'ops', password: PASSWORD, role: 'operator' })
  const { token } = await before.accounts.logIn({ name: 'ops', password: new Secret(PASSWORD), address: '10.0.0.1' })
  const api = await before.accounts.apiTokens.create({ name: 'ci', role: 'viewer', scopes: ['devices:read'] })
  const { accounts } = await aRegistry(t, { database })
  assert.equal(accounts.find('ops')?.role, 'operator')
  assert.equal(accounts.sessions.find(token.reveal())?.account, 'ops')
  assert.deepEqual(accounts.apiTokens.find(api.token.reveal())?.scopes, ['devices:read'])
  const stored = JSON.stringify(await database.level.iterator({ valueEncoding: 'utf8' }).all())
  for (const secret of [PASSWORD, token.reveal(), api.token.reveal()]) assert.ok(!stored.includes(secret))
})

test('a session lives while it is used, and a week at most', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z')
  const later = (hours: number): void => void (now = new Date(now.getTime() + hours * 3_600_000))
  const { sessions } = (await aRegistry(t, { now: () => now })).accounts
  const used = (await sessions.begin('ops', '')).reveal()
  const unused = (await sessions.begin('ops', '')).reveal()
  for (let hours = 11; hours < 168; hours += 11) {
    later(11)
    assert.ok(sessions.find(used), `${hours}`)
    await sessions.seen(used)
  }
  assert.equal(sessions.find(unused), undefined)
  later(3)
  assert.equal(sessions.find(used), undefined)
})

test('an account has twenty sessions at most; the oldest ends', async (t) => {
  let now = Date.now()
  const { sessions } = (await aRegistry(t, { now: () => new Date(now++) })).accounts
  const tokens = []
  for (let index = 0; index < 21; index++) tokens.push((await sessions.begin('ops', '')).reveal())
  const other = (await sessions.begin('other', '')).reveal()
  assert.deepEqual(
    tokens.map((token) => sessions.find(token) !== undefined),
    [false, ...Array.from({ length: 20 }, () => true)],
  )
  assert.ok(sessions.find(other))
})

test('an API token ends when it says and when it is revoked', async (t) => {
  let now = new Date()
  const { apiTokens } = (await aRegistry(t, { now: () => now })).accounts
  const create = (name: string) => apiTokens.create({ name, role: 'viewer', scopes: ['*'], expiresInSeconds: 60 })
  const revoked = (await create('revoked')).token.reveal()
  const expiring = (await create('expiring')).token.reveal()
  await assert.rejects(create('revoked'), refusal('ERR_CONFLICT'))
  for (const scopes of [[], ['Devices'], ['devices:write'], ['devices', '']]) {
    await assert.rejects(apiTokens.create({ name: 'x', role: 'viewer', scopes }), refusal('ERR_INPUT_INVALID'))
  }
  assert.match(revoked, /^mooring_[\w-]{43}$/)
  await apiTokens.revoke('revoked')
  assert.equal(apiTokens.find(revoked), undefined)
  assert.equal(apiTokens.find(expiring)?.name, 'expiring')
  await apiTokens.used('expiring')
  assert.equal(apiTokens.list()[0]?.lastUsedAt, now.toISOString())
  now = new Date(now.getTime() + 60_000)
  assert.equal(apiTokens.find(expiring), undefined)
})

test('the configured account is made, given its password, and left alone when it has it', async (t) => {
  const { accounts } = await aRegistry(t)
  const password = new Secret(PASSWORD)
  assert.equal(await accounts.furnish('admin', password), 'created')
  assert.equal(await accounts.furnish('admin', password), 'unchanged')
  const session = await accounts.sessions.begin('admin', '')
  assert.equal(await accounts.furnish('admin', new Secret('another good password')), 'changed')
  assert.equal(accounts.sessions.find(session.reveal()), undefined)
  await assert.rejects(accounts.verify('admin', password), refusal('ERR_CREDENTIALS_INVALID'))
})

test('a setup code closes after a hundred wrong ones', async (t) => {
  const { setupCode } = (await aRegistry(t)).accounts
  const code = setupCode.make().code.reveal()
  for (let index = 0; index < 99; index++) assert.ok(!setupCode.isRight('AAAA-AAAA'))
  assert.ok(setupCode.isRight(code))
  assert.ok(!setupCode.isRight('AAAA-AAAA'))
  assert.ok(!setupCode.isRight(code))
})
