import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegistryError, Registry } from '../../registry/index.ts'
import { aDevice, aRegistry } from '../support/registry.ts'

const address = '192.0.2.1'

const refusal = { code: 'ERR_CREDENTIALS_INVALID', message: 'Bad access key or access secret' }

type Device = Awaited<ReturnType<typeof aDevice>>

const login = (registry: Registry, { deviceId, accessKey, accessSecret }: Device, change: object = {}) =>
  registry.authenticate({ clientId: deviceId, accessKey, accessSecret, address, ...change })

test('a device logs in with its own ID, key and secret', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const principal = { kind: 'device', accessKey: device.accessKey, deviceId: device.deviceId }
  assert.deepEqual(await login(registry, device), principal)
  assert.deepEqual(await login(registry, device), principal, 'and once more, from the cache')
})

test('no part of the credentials of one device works with the parts of another', async (t) => {
  const registry = await aRegistry(t)
  const one = await aDevice(registry, 'one')
  const two = await aDevice(registry, 'two')
  await login(registry, one)
  await login(registry, two)
  const wrong = [
    { accessKey: two.accessKey },
    { accessSecret: two.accessSecret },
    { clientId: two.deviceId },
    { clientId: '' },
    { clientId: one.deviceId.toUpperCase() },
    { accessKey: '' },
    { accessKey: 'unknown' },
    { accessKey: one.accessKey.toUpperCase() },
    { accessSecret: '' },
    { accessSecret: `${one.accessSecret} ` },
  ]
  for (const change of wrong) await assert.rejects(login(registry, one, change), refusal, JSON.stringify(change))
})

test('a rotated secret works and the old one does not, cached or not', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  await login(registry, device)
  const { accessSecret } = await registry.devices.rotate(device.deviceId)
  await assert.rejects(login(registry, device), refusal)
  await login(registry, { ...device, accessSecret: accessSecret.reveal() })
})

test('a disabled device cannot log in until it is enabled', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  await login(registry, device)
  assert.equal((await registry.devices.change('A1-0001', { kind: 'disable' })).disabled, true)
  await assert.rejects(login(registry, device), refusal)
  assert.equal((await registry.devices.change('A1-0001', { kind: 'enable' })).disabled, false)
  await login(registry, device)
})

test('a deleted device cannot log in, and its manufacturer ID can register again', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  await login(registry, device)
  await registry.devices.delete(device.deviceId)
  await assert.rejects(login(registry, device), refusal)
  assert.throws(() => registry.devices.get('A1-0001'), { code: 'ERR_NOT_FOUND' })
  assert.notEqual((await aDevice(registry)).deviceId, device.deviceId)
})

test('a device that is disabled while its secret is being verified does not get in, or is cut off', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const cutOff: string[] = []
  registry.accessRevoked.on(({ accessKey }) => cutOff.push(accessKey))
  const [answer] = await Promise.allSettled([
    login(registry, device),
    registry.devices.change(device.deviceId, { kind: 'disable' }),
  ])
  // Whichever is quicker, the hash or the write.
  assert.ok(answer.status === 'rejected' || cutOff.includes(device.accessKey))
  await assert.rejects(login(registry, device), refusal)
  await registry.devices.change(device.deviceId, { kind: 'enable' })
  await login(registry, device)
})

test('disabling, rotating and deleting announce the access key that must be cut off', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const { accessKey } = await registry.serviceKeys.create({ name: 'dashboard', rules: {} })
  const revoked: string[] = []
  registry.accessRevoked.on((event) => revoked.push(event.accessKey))
  await registry.devices.change(device.deviceId, { kind: 'disable' })
  await registry.devices.rotate(device.deviceId)
  await registry.devices.delete(device.deviceId)
  await registry.serviceKeys.delete('dashboard')
  assert.deepEqual(revoked, [device.accessKey, device.accessKey, device.accessKey, accessKey])
})

test('an operator who gives a device ID means that device, whatever manufacturer IDs others chose', async (t) => {
  const registry = await aRegistry(t)
  const victim = await aDevice(registry, 'victim')
  await aDevice(registry, victim.deviceId)
  assert.equal(registry.devices.get(victim.deviceId).manufacturerId, 'victim')
})

test('a service key uses any client ID that is not a device', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const { accessKey, accessSecret } = await registry.serviceKeys.create({ name: 'dashboard', rules: {} })
  const presented = { accessKey, accessSecret: accessSecret.reveal(), address }
  const principal = await registry.authenticate({ ...presented, clientId: 'anything' })
  assert.deepEqual(principal, {
    kind: 'service',
    accessKey,
    name: 'dashboard',
    rules: { publish: ['losant/#'], subscribe: ['losant/#'], deny: [] },
  })
  await registry.authenticate({ ...presented, clientId: 'f'.repeat(24) })
  await assert.rejects(registry.authenticate({ ...presented, clientId: device.deviceId }), refusal)
})

test('two hundred clients of one service key come back at once after a restart, and all get in', async (t) => {
  const registry = await aRegistry(t)
  const { accessKey, accessSecret } = await registry.serviceKeys.create({ name: 'workers', rules: {} })
  const presented = { accessKey, accessSecret: accessSecret.reveal() }
  const logins = Array.from({ length: 200 }, (_, index) =>
    registry.authenticate({ ...presented, clientId: `worker-${index}`, address: `192.0.2.${index % 8}` }),
  )
  for (const { accessKey: own } of await Promise.all(logins)) assert.equal(own, accessKey)
})

test('a chosen secret is hashed at full cost, a minted one at the cost that its entropy allows', async (t) => {
  const registry = await aRegistry(t)
  await registry.serviceKeys.create({ name: 'minted', rules: {} })
  const chosen = await registry.serviceKeys.create({ name: 'chosen', rules: {}, secret: 'correct horse battery' })
  const hashes = new Map((await registry.serviceKeys.list()).map((key) => [key.name, key.secretHash]))
  assert.match(hashes.get('minted') ?? '', /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/)
  assert.match(hashes.get('chosen') ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  await registry.authenticate({
    clientId: 'c',
    accessKey: chosen.accessKey,
    accessSecret: 'correct horse battery',
    address,
  })
})

test('a service key with a bad name, a bad filter, a short secret or a name that is taken is refused', async (t) => {
  const registry = await aRegistry(t)
  await registry.serviceKeys.create({ name: 'taken', rules: {} })
  const cases: [Parameters<Registry['serviceKeys']['create']>[0], string][] = [
    [{ name: '', rules: {} }, 'ERR_INPUT_INVALID'],
    [{ name: 'a b', rules: {} }, 'ERR_INPUT_INVALID'],
    [{ name: 'a', rules: { subscribe: ['a/#/b'] } }, 'ERR_INPUT_INVALID'],
    [{ name: 'a', rules: { publish: ['a+'] } }, 'ERR_INPUT_INVALID'],
    [{ name: 'a', rules: { deny: ['$SYS/#'] } }, 'ERR_INPUT_INVALID'],
    [{ name: 'a', rules: {}, secret: 'short' }, 'ERR_INPUT_INVALID'],
    [{ name: 'taken', rules: {} }, 'ERR_CONFLICT'],
  ]
  for (const [request, code] of cases) await assert.rejects(registry.serviceKeys.create(request), { code })
  assert.equal((await registry.serviceKeys.list()).length, 1)
})

test('simultaneous changes of one device do not undo each other', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const [rotated] = await Promise.all([
    registry.devices.rotate('A1-0001'),
    registry.devices.change('A1-0001', { kind: 'disable' }),
  ])
  await registry.devices.change('A1-0001', { kind: 'enable' })
  await login(registry, { ...device, accessSecret: rotated.accessSecret.reveal() })
})

test('too many waiting logins are told to come again, and those that wait are served', async (t) => {
  const registry = await aRegistry(t, { loginQueue: 2 })
  const devices = []
  for (let n = 0; n < 8; n++) devices.push(await aDevice(registry, `device ${n}`))
  const answers = await Promise.allSettled(devices.map((device) => login(registry, device)))
  const busy = answers.filter(({ status }) => status === 'rejected')
  assert.ok(busy.length > 0 && busy.length < devices.length)
  for (const answer of answers) {
    if (answer.status === 'rejected') assert.equal((answer.reason as RegistryError).code, 'ERR_BUSY')
  }
  for (const device of devices) await login(registry, device)
})
