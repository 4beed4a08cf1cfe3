import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOperator, type ServerStatus } from '../../admin/index.ts'
import { RegistryError } from '../../registry/index.ts'
import { A_BACKUP } from './fake-operator.ts'
import { aDevice, aRegistry } from '../support/registry.ts'

const STATUS: ServerStatus = {
  version: '1.2.3',
  node: '20.0.0',
  pid: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  uptimeSeconds: 5,
  data: '/data',
  connectedClients: 2,
  listeners: { mqtt: '127.0.0.1:1883' },
}
const backups = { create: async (to: string | undefined) => ({ ...A_BACKUP, file: to ?? A_BACKUP.file }) }
const URLS = { url: 'https://broker.example/api/register-device', mqtt: 'mqtts://broker.example:8883' }

async function anOperator(t: Parameters<typeof aRegistry>[0]) {
  const registry = await aRegistry(t)
  return { registry, operator: createOperator({ registry, backups, status: () => STATUS }) }
}

const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code

test('a device that does not exist is refused by name, whatever is asked of it', async (t) => {
  const { operator } = await anOperator(t)
  const request = { device: 'A1-9999' }
  for (const method of ['getDevice', 'disableDevice', 'enableDevice', 'rotateDevice', 'deleteDevice'] as const) {
    await assert.rejects(operator[method](request), refusal('ERR_NOT_FOUND'), method)
  }
})

test('a token that a device could not send is not issued', async (t) => {
  const { operator } = await anOperator(t)
  const extra = { note: 'x'.repeat(5000) }
  await assert.rejects(operator.createToken({ ...URLS, extra }), refusal('ERR_INPUT_INVALID'))
})

test('a token that does not hold is an answer with its reason', async (t) => {
  const { operator } = await anOperator(t)
  const { token } = await operator.createToken(URLS)
  const verdict = await operator.verifyToken({ token: `${token.slice(0, -4)}AAAA` })
  assert.deepEqual(verdict, { accepted: false, reason: 'it was signed with another secret' })
  assert.equal((await operator.verifyToken({ token: 'nonsense' })).accepted, false)
})

test('a token carries what was asked for and verifies', async (t) => {
  const { operator } = await anOperator(t)
  const { token, payload } = await operator.createToken({ ...URLS, expiresInSeconds: 60, extra: { line: '3' } })
  assert.equal(payload['url'], URLS.url)
  assert.equal(payload['mqtt'], URLS.mqtt)
  assert.equal(payload['line'], '3')
  assert.equal(payload.exp, (payload.iat ?? 0) + 60)
  assert.deepEqual(await operator.verifyToken({ token }), {
    accepted: true,
    header: { alg: 'HS256', typ: 'JWT' },
    payload,
  })
})

test('a service key shows its secret once, and its hash never', async (t) => {
  const { operator } = await anOperator(t)
  const created = await operator.createServiceKey({ name: 'dashboard', rules: { subscribe: ['losant/+/state'] } })
  assert.match(created.accessSecret, /^[0-9a-f]{64}$/)
  const { keys } = await operator.listServiceKeys({ limit: 10 })
  assert.deepEqual(
    keys.map(({ createdAt: _createdAt, ...key }) => key),
    [
      {
        name: 'dashboard',
        accessKey: created.accessKey,
        rules: { publish: [], subscribe: ['losant/+/state'], deny: [] },
        disabled: false,
      },
    ],
  )
  assert.doesNotMatch(JSON.stringify(keys), /argon2|secret/i)
  assert.deepEqual(await operator.deleteServiceKey({ key: 'dashboard' }), { deleted: 'dashboard' })
  assert.deepEqual(await operator.listServiceKeys({ limit: 10 }), { keys: [] })
})

test('devices come in pages, and the last page says so', async (t) => {
  const { registry, operator } = await anOperator(t)
  for (const id of ['A', 'B', 'C', 'D']) await aDevice(registry, id)
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await operator.listDevices({ limit: 2, ...(after === undefined ? {} : { after }) })
    assert.equal(page.devices.length, 2)
    seen.push(...page.devices.map(({ manufacturerId }) => manufacturerId))
    after = page.next
  } while (after !== undefined)
  assert.deepEqual(seen.toSorted(), ['A', 'B', 'C', 'D'])
})

test('a device is found by either id, disabled, enabled, rotated and deleted', async (t) => {
  const { registry, operator } = await anOperator(t)
  const { deviceId, accessKey, accessSecret } = await aDevice(registry)
  assert.equal((await operator.getDevice({ device: deviceId })).manufacturerId, 'A1-0001')
  assert.equal((await operator.disableDevice({ device: 'A1-0001' })).disabled, true)
  assert.equal((await operator.enableDevice({ device: deviceId })).disabled, false)
  const rotated = await operator.rotateDevice({ device: 'A1-0001' })
  assert.equal(rotated.deviceId, deviceId)
  assert.equal(rotated.accessKey, accessKey)
  assert.notEqual(rotated.accessSecret, accessSecret)
  assert.equal((await operator.deleteDevice({ device: deviceId })).id, deviceId)
  await assert.rejects(operator.getDevice({ device: deviceId }), refusal('ERR_NOT_FOUND'))
})

test('the status is asked for anew each time', async (t) => {
  const registry = await aRegistry(t)
  let connectedClients = 0
  const operator = createOperator({
    registry,
    backups,
    status: () => ({ ...STATUS, connectedClients: ++connectedClients }),
  })
  assert.equal((await operator.status()).connectedClients, 1)
  assert.equal((await operator.status()).connectedClients, 2)
})

const callers = [
  { kind: 'account', name: 'mia', address: '10.0.0.1' },
  { kind: 'api-token', name: 'nightly', address: '10.0.0.1' },
] as const
for (const caller of callers) {
  test(`where a backup goes is not for an ${caller.kind} to choose`, async (t) => {
    const registry = await aRegistry(t)
    const operator = createOperator({ registry, backups, status: () => STATUS }, caller)
    await assert.rejects(operator.createBackup({ to: '/elsewhere' }), refusal('ERR_INPUT_INVALID'))
    assert.deepEqual(await operator.createBackup(), A_BACKUP)
  })
}

test('a shell chooses where a backup goes', async (t) => {
  const { operator } = await anOperator(t)
  assert.equal((await operator.createBackup({ to: '/elsewhere' })).file, '/elsewhere')
})

test('tokens, service keys, accounts and API tokens come in pages that hold each once', async (t) => {
  const { operator } = await anOperator(t)
  for (const name of ['c', 'a', 'd', 'b']) {
    await operator.createToken({ ...URLS, name })
    await operator.createServiceKey({ name, rules: {} })
    await operator.createAccount({ name, password: 'correct horse battery', role: 'viewer' })
    await operator.createApiToken({ name, role: 'viewer', scopes: ['*'] })
  }
  type Page = { readonly limit: number; readonly after?: string }
  const lists: Record<string, (page: Page) => Promise<{ names: string[]; next?: string | undefined }>> = {
    tokens: async (page) => namesOf('tokens', await operator.listTokens(page)),
    keys: async (page) => namesOf('keys', await operator.listServiceKeys(page)),
    accounts: async (page) => namesOf('accounts', await operator.listAccounts(page)),
    apiTokens: async (page) => namesOf('apiTokens', await operator.listApiTokens(page)),
  }
  for (const [list, ask] of Object.entries(lists)) {
    const first = await ask({ limit: 3 })
    const second = await ask({ limit: 3, after: first.next ?? '' })
    assert.equal(first.names.length, 3, list)
    assert.equal(second.next, undefined, list)
    const expected = list === 'tokens' ? ['legacy', 'a', 'b', 'c', 'd'] : ['a', 'b', 'c', 'd']
    assert.deepEqual([...first.names, ...second.names].toSorted(), expected.toSorted(), list)
  }
})

function namesOf<K extends string>(list: K, answer: Record<K, readonly { name: string }[]> & { next?: string }) {
  return { names: answer[list].map(({ name }) => name), next: answer.next }
}
