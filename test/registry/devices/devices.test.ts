import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BulkChange, DeviceChange, Registry, Revocation } from '../../../registry/index.ts'
import { aDevice, aRegistry, aToken, memoryDatabase } from '../../support/registry.ts'

const address = '192.0.2.1'

const refusal = { code: 'ERR_CREDENTIALS_INVALID', message: 'Bad access key or access secret' }

type Device = Awaited<ReturnType<typeof aDevice>>

const login = (registry: Registry, { deviceId, accessKey, accessSecret }: Device, change: object = {}) =>
  registry.authenticate({ clientId: deviceId, accessKey, accessSecret, address, ...change })

function revocationsOf(registry: Registry): Revocation[] {
  const revocations: Revocation[] = []
  registry.accessRevoked.on((revocation) => revocations.push(revocation))
  return revocations
}

const everyChange: DeviceChange[] = [
  { kind: 'disable' },
  { kind: 'enable' },
  { kind: 'quarantine' },
  { kind: 'release' },
  { kind: 'tag', set: [], remove: [] },
  { kind: 'restrict' },
]

test('a device that does not exist is refused by name, whatever is to be done with it', async (t) => {
  const { devices } = await aRegistry(t)
  const missing = { code: 'ERR_NOT_FOUND' }
  for (const change of everyChange) await assert.rejects(devices.change('A1-9999', change), missing, change.kind)
  await assert.rejects(devices.rotate('A1-9999'), missing)
  await assert.rejects(devices.delete('A1-9999'), missing)
  assert.throws(() => devices.disconnect('A1-9999'), missing)
  assert.throws(() => devices.get('A1-9999'), missing)
})

const wrongChanges: { name: string; change: DeviceChange }[] = [
  {
    name: 'the tag that says who it is',
    change: { kind: 'tag', set: [{ key: 'manufacturerId', value: 'x' }], remove: [] },
  },
  { name: 'to lose the tag of its recipe', change: { kind: 'tag', set: [], remove: ['DeviceRecipe'] } },
  { name: 'a tag without a key', change: { kind: 'tag', set: [{ key: '', value: 'x' }], remove: [] } },
  { name: 'a tag with a line break', change: { kind: 'tag', set: [{ key: 'a', value: 'x\ny' }], remove: [] } },
  {
    name: 'more tags than there may be',
    change: { kind: 'tag', set: Array.from({ length: 101 }, (_, n) => ({ key: `${n}`, value: '' })), remove: [] },
  },
  { name: 'an address that is none', change: { kind: 'restrict', addresses: ['10.0.0.0/8', 'example.com'] } },
  { name: 'a network that is longer than its address', change: { kind: 'restrict', addresses: ['10.0.0.0/33'] } },
  {
    name: 'a filter that is none',
    change: { kind: 'restrict', filter: { filterType: 'whitelist', pubTopics: ['a/#/b'], subTopics: [] } },
  },
  {
    name: 'a filter of the server itself',
    change: { kind: 'restrict', filter: { filterType: 'whitelist', pubTopics: [], subTopics: ['$SYS/#'] } },
  },
  {
    name: 'topics that would not count',
    change: { kind: 'restrict', filter: { filterType: 'all', pubTopics: ['a'], subTopics: [] } },
  },
  {
    name: 'a list without topics',
    change: { kind: 'restrict', filter: { filterType: 'blacklist', pubTopics: [], subTopics: [] } },
  },
]

for (const { name, change } of wrongChanges) {
  test(`a device is not given ${name}`, async (t) => {
    const registry = await aRegistry(t)
    const { deviceId } = await aDevice(registry)
    const before = registry.devices.get(deviceId)
    const revocations = revocationsOf(registry)
    await assert.rejects(registry.devices.change(deviceId, change), { code: 'ERR_INPUT_INVALID' })
    assert.deepEqual(registry.devices.get(deviceId), before)
    assert.deepEqual(revocations, [])
  })
}

test('a device whose addresses are listed gets in from there alone, cached or not', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  await login(registry, device)
  await registry.devices.change('A1-0001', {
    kind: 'restrict',
    addresses: ['10.20.0.0/16', '2001:db8::/48', '192.0.2.7'],
  })
  const cases: [address: string, goes: boolean][] = [
    ['10.20.255.1', true],
    ['::ffff:10.20.0.1', true],
    ['192.0.2.7', true],
    ['2001:db8::1', true],
    ['fe80::1%eth0', false],
    ['10.21.0.1', false],
    ['2001:db9::1', false],
    ['192.0.2.1', false],
    ['', false],
    ['nonsense', false],
  ]
  for (const [from, goes] of [...cases, ...cases]) {
    const answer = login(registry, device, { address: from })
    await (goes ? answer : assert.rejects(answer, refusal, from))
  }
  await registry.devices.change('A1-0001', { kind: 'restrict', addresses: [] })
  await login(registry, device)
})

test('a service key gets in from its networks alone', async (t) => {
  const registry = await aRegistry(t)
  const bad = registry.serviceKeys.create({ name: 'bad', rules: {}, addresses: ['here'] })
  await assert.rejects(bad, { code: 'ERR_INPUT_INVALID' })
  const { accessKey, accessSecret } = await registry.serviceKeys.create({
    name: 's',
    rules: {},
    addresses: ['10.0.0.0/8'],
  })
  const presented = { clientId: 'c', accessKey, accessSecret: accessSecret.reveal() }
  await assert.rejects(registry.authenticate({ ...presented, address }), refusal)
  await registry.authenticate({ ...presented, address: '10.1.1.1' })
})

test('every change of what a device may do cuts it off, and what is no change does not', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const { accessKey } = device
  const revocations = revocationsOf(registry)
  const cuts = async (work: () => unknown, expected: Revocation[], what: string): Promise<void> => {
    revocations.length = 0
    await work()
    assert.deepEqual(revocations, expected, what)
  }
  const { devices } = registry
  const change = (wanted: DeviceChange) => () => devices.change('A1-0001', wanted)
  await cuts(change({ kind: 'quarantine' }), [{ accessKey }], 'quarantine')
  await cuts(change({ kind: 'quarantine' }), [], 'the same again')
  await cuts(change({ kind: 'release' }), [{ accessKey }], 'release')
  await cuts(change({ kind: 'tag', set: [{ key: 'line', value: '3' }], remove: [] }), [], 'a tag')
  await cuts(change({ kind: 'restrict', addresses: [address] }), [{ accessKey }], 'addresses')
  await cuts(change({ kind: 'disable' }), [{ accessKey }], 'disable')
  await cuts(change({ kind: 'enable' }), [], 'enable')
  await cuts(() => devices.disconnect('A1-0001'), [{ accessKey }], 'disconnect')
  await cuts(() => devices.rotate('A1-0001'), [{ accessKey }], 'rotate')
  await cuts(() => devices.delete('A1-0001'), [{ accessKey }], 'delete')
})

test('a quarantined device logs in as that, and after its release as before', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  await login(registry, device)
  const plain = { kind: 'device', accessKey: device.accessKey, deviceId: device.deviceId }
  await registry.devices.change('A1-0001', { kind: 'quarantine' })
  assert.deepEqual(await login(registry, device), { ...plain, quarantined: true })
  assert.deepEqual(await login(registry, device), { ...plain, quarantined: true }, 'from the cache')
  await registry.devices.change('A1-0001', { kind: 'release' })
  assert.deepEqual(await login(registry, device), plain)
})

test('with an overlap the old and the new secret are valid until it ends, and then the new one alone', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z')
  const registry = await aRegistry(t, { now: () => now })
  const device = await aDevice(registry)
  await login(registry, device)
  const revocations = revocationsOf(registry)
  const { accessSecret } = await registry.devices.rotate('A1-0001', 60_000)
  const renewed = { ...device, accessSecret: accessSecret.reveal() }
  assert.deepEqual(revocations, [{ accessKey: device.accessKey, secretsBefore: 0 }], 'its connection goes on')

  const plain = { kind: 'device', accessKey: device.accessKey, deviceId: device.deviceId }
  for (const _ of ['hashed', 'again']) {
    assert.deepEqual(await login(registry, device), plain)
    assert.deepEqual(await login(registry, renewed), { ...plain, secretVersion: 1 })
  }
  await assert.rejects(login(registry, { ...device, accessSecret: 'wrong' }), refusal)
  now = new Date('2026-01-01T00:01:00Z')
  await assert.rejects(login(registry, device), refusal)
  await login(registry, renewed)
})

test('whoever is connected with the old secret is cut off when the overlap ends', async (t) => {
  const registry = await aRegistry(t)
  const device = await aDevice(registry)
  const ended = new Promise<Revocation>((resolve) => {
    registry.accessRevoked.on((revocation) => {
      if (revocation.secretsBefore === 1) resolve(revocation)
    })
  })
  const { accessSecret } = await registry.devices.rotate('A1-0001', 20)
  // The timer does not hold the process.
  const awake = setTimeout(() => {}, 10_000)
  t.after(() => clearTimeout(awake))
  assert.deepEqual(await ended, { accessKey: device.accessKey, secretsBefore: 1 })
  await assert.rejects(login(registry, device), refusal)
  await login(registry, { ...device, accessSecret: accessSecret.reveal() })
})

test('a secret that is replaced twice within its overlap is no longer valid, and one without overlap never', async (t) => {
  const registry = await aRegistry(t, { rotationOverlapMs: 60_000 })
  const first = await aDevice(registry)
  const second = { ...first, accessSecret: (await registry.devices.rotate('A1-0001')).accessSecret.reveal() }
  const revocations = revocationsOf(registry)
  await registry.devices.rotate('A1-0001')
  assert.deepEqual(revocations, [{ accessKey: first.accessKey, secretsBefore: 1 }])
  await assert.rejects(login(registry, first), refusal)
  await login(registry, second)
  await registry.devices.rotate('A1-0001', 0)
  await assert.rejects(login(registry, second), refusal)
  await assert.rejects(registry.devices.rotate('A1-0001', -1), { code: 'ERR_INPUT_INVALID' })
})

test('a tag takes the place of those with its key, and others stay', async (t) => {
  const registry = await aRegistry(t)
  const { deviceId } = await aDevice(registry)
  const [id, recipe] = [
    { key: 'manufacturerId', value: 'A1-0001' },
    { key: 'DeviceRecipe', value: 'tl-generator' },
  ]
  const tagged = async (set: object, remove: string[]) => {
    const tags = Object.entries(set).map(([key, value]) => ({ key, value: String(value) }))
    return (await registry.devices.change(deviceId, { kind: 'tag', set: tags, remove })).tags
  }
  assert.deepEqual(await tagged({ line: 3, site: 'x' }, []), [
    id,
    recipe,
    { key: 'line', value: '3' },
    { key: 'site', value: 'x' },
  ])
  assert.deepEqual(await tagged({ line: 4 }, ['site', 'nothing']), [id, recipe, { key: 'line', value: '4' }])
})

test('a device remembers the token it registered with and where from, when there is something to remember', async (t) => {
  const registry = await aRegistry(t)
  const made = await registry.tokens.create({ url: 'u', mqtt: 'm', terms: {} })
  await registry.registerDevice({ token: made.token, manufacturerId: 'one', address })
  await registry.registerDevice({ token: await aToken(registry), manufacturerId: 'two' })
  const { tokenId, registeredFrom } = registry.devices.get('one')
  assert.deepEqual([tokenId, registeredFrom], [made.record.id, address])
  assert.equal('registeredFrom' in registry.devices.get('two'), false)
})

const bulk: BulkChange[] = [{ kind: 'disable' }, { kind: 'rotate' }, { kind: 'delete' }, { kind: 'disconnect' }]

test('many devices are not changed unless it is said which', async (t) => {
  const registry = await aRegistry(t)
  await aDevice(registry)
  for (const change of bulk) {
    await assert.rejects(registry.devices.changeMany({ filter: {}, limit: 10 }, change), { code: 'ERR_INPUT_INVALID' })
  }
})

test('a page of devices is changed in one write, and only those that are meant', async (t) => {
  const database = memoryDatabase()
  let writes = 0
  const writer = {
    write: (...args: Parameters<typeof database.writer.write>) => {
      writes += 1
      return database.writer.write(...args)
    },
  }
  const registry = await aRegistry(t, { database: { ...database, writer } })
  const { token, record } = await registry.tokens.create({ url: 'u', mqtt: 'm', terms: {} })
  const leaked = await Promise.all(
    Array.from({ length: 5 }, (_, n) => registry.registerDevice({ token, manufacturerId: `leaked-${n}` })),
  )
  const other = await aDevice(registry, 'other')
  writes = 0
  const revocations = revocationsOf(registry)
  const selection = { filter: { tokenId: record.id }, limit: 3 }
  assert.equal((await registry.devices.changeMany(selection, undefined)).matched, 3, 'counted')
  assert.equal(writes, 0)

  const first = await registry.devices.changeMany(selection, { kind: 'quarantine' })
  const rest = await registry.devices.changeMany({ ...selection, after: first.next ?? '' }, { kind: 'quarantine' })
  assert.deepEqual([first.changed.length, rest.changed.length, rest.next, writes], [3, 2, undefined, 2])
  assert.deepEqual(
    revocations.map(({ accessKey }) => accessKey).toSorted(),
    leaked.map(({ accessKey }) => accessKey).toSorted(),
  )
  const again = await registry.devices.changeMany({ ...selection, limit: 10 }, { kind: 'quarantine' })
  assert.deepEqual([again.matched, again.changed.length, writes], [5, 0, 2], 'what is so already is not written')

  const { credentials } = await registry.devices.changeMany({ ...selection, limit: 10 }, { kind: 'rotate' })
  assert.equal(writes, 3)
  for (const { deviceId, accessKey, accessSecret } of credentials) {
    await login(registry, { deviceId, accessKey, accessSecret: accessSecret.reveal() })
  }
  await login(registry, other)
  const gone = await registry.devices.changeMany({ ...selection, limit: 10 }, { kind: 'delete' })
  assert.equal(gone.changed.length, 5)
  assert.deepEqual(
    (await registry.devices.list({ filter: {}, limit: 10 })).devices.map(({ id }) => id),
    [other.deviceId],
  )
})

test('ninety changes of one device at once lose none', async (t) => {
  const registry = await aRegistry(t)
  const { deviceId } = await aDevice(registry)
  await Promise.all(
    Array.from({ length: 90 }, (_, n) =>
      registry.devices.change(deviceId, { kind: 'tag', set: [{ key: `t${n}`, value: '' }], remove: [] }),
    ),
  )
  assert.equal(registry.devices.get(deviceId).tags.length, 92)
})
