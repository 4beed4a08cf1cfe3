import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import { MemoryLevel } from 'memory-level'
import { TL_GENERATOR, type Registry, type RegistryOptions, type TokenTerms } from '../../registry/index.ts'
import { StoreUnavailable, type WriteOperation } from '../../storage/index.ts'
import { aRegistry, aToken, ISSUER, memoryDatabase, SIGNING_SECRET } from '../support/registry.ts'
import { everyDevice } from '../support/every-device.ts'

const URLS = { url: 'http://127.0.0.1/api/register-device', mqtt: 'mqtt://127.0.0.1' }

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token of another library with the shared secret. */
function foreignToken(payload: object = {}): string {
  const input = `${base64url({ alg: 'HS256', kid: 'theirs' })}.${base64url({ iss: ISSUER, ...payload })}`
  return `${input}.${createHmac('sha256', SIGNING_SECRET).update(input).digest('base64url')}`
}

/** A clock that the test sets. */
function aClock(): { now: () => Date; set(at: string): void } {
  let at = new Date('2026-01-01T00:00:30Z')
  return { now: () => at, set: (text) => (at = new Date(text)) }
}

const register = (registry: Registry, token: string, manufacturerId: string, address = '10.1.2.3') =>
  registry.registerDevice({ token, manufacturerId, address })

const idOf = (token: string): string => decodeJwt(token).jti ?? ''

const codes = (answers: readonly PromiseSettledResult<unknown>[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const answer of answers) {
    const code = answer.status === 'fulfilled' ? 'ok' : String(Object(answer.reason).code)
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

const termsThatAreNone: readonly (readonly [name: string, terms: TokenTerms])[] = [
  ['an empty pattern', { manufacturerIds: [''] }],
  ['a pattern with a control character', { manufacturerIds: ['a\0'] }],
  ['a pattern that is too long', { manufacturerIds: ['*'.repeat(244)] }],
  ['101 patterns', { manufacturerIds: Array.from({ length: 101 }, () => '*') }],
  ['a host name as network', { networks: ['localhost'] }],
  ['a network with too many bits', { networks: ['10.0.0.0/33'] }],
  ['a network with half a length', { networks: ['10.0.0.0/'] }],
  ['a network with a zone', { networks: ['fe80::1%eth0/64'] }],
  ['a recipe that does not exist', { recipe: 'pump' }],
  ['a tag that Mooring sets itself', { tags: [{ key: 'manufacturerId', value: 'x' }] }],
  ['a tag without a name', { tags: [{ key: ' ', value: 'x' }] }],
  ['no registrations at all', { maxRegistrations: 0 }],
  ['half a registration', { registrationsPerHour: 0.5 }],
]
for (const [name, terms] of termsThatAreNone) {
  test(`a token with ${name} is not made`, async (t) => {
    const registry = await aRegistry(t)
    await assert.rejects(registry.tokens.create({ ...URLS, terms }), { code: 'ERR_INPUT_INVALID' })
    assert.deepEqual(
      registry.tokens.records.map(({ id }) => id),
      ['legacy'],
    )
  })
}

for (const name of ['', 'a b', 'x'.repeat(65), 'tok_0123456789abcdef']) {
  test(`${JSON.stringify(name.slice(0, 30))} is no name for a token`, async (t) => {
    const registry = await aRegistry(t)
    await assert.rejects(registry.tokens.create({ ...URLS, name }), { code: 'ERR_INPUT_INVALID' })
  })
}

test('of 20 tokens of one name that are made at once one is', async (t) => {
  const registry = await aRegistry(t)
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, () => registry.tokens.create({ ...URLS, name: 'line-3' })),
  )
  assert.deepEqual(codes(answers), { ok: 1, ERR_CONFLICT: 19 })
})

const scopes: readonly {
  readonly terms: TokenTerms
  readonly inside: readonly (readonly [manufacturerId: string, address: string])[]
  readonly outside: readonly (readonly [manufacturerId: string, address: string])[]
}[] = [
  {
    terms: { manufacturerIds: ['A1-*', 'B?'] },
    inside: [
      ['A1-', '::1'],
      ['A1-0001', '::1'],
      ['B😀', '::1'],
    ],
    outside: [
      ['a1-0001', '::1'],
      ['xA1-0001', '::1'],
      ['B', '::1'],
      ['B12', '::1'],
    ],
  },
  {
    terms: { networks: ['10.1.0.0/16', '192.168.1.7', 'fd00::/8'] },
    inside: [
      ['1', '10.1.255.255'],
      ['2', '::ffff:10.1.0.1'],
      ['3', '192.168.1.7'],
      ['4', 'fd12::1'],
    ],
    outside: [
      ['5', '10.2.0.1'],
      ['6', '192.168.1.8'],
      ['7', 'fe80::1'],
      ['8', ''],
      ['9', '10.1.0.1:8080'],
    ],
  },
]
for (const { terms, inside, outside } of scopes) {
  test(`a token with ${JSON.stringify(terms)} holds for these devices and no others`, async (t) => {
    const registry = await aRegistry(t)
    const token = await aToken(registry, terms)
    for (const [manufacturerId, address] of outside) {
      await assert.rejects(
        register(registry, token, manufacturerId, address),
        { code: 'ERR_TOKEN_NOT_FOR_DEVICE', message: 'Invalid registration token' },
        `${manufacturerId} ${address}`,
      )
    }
    for (const [manufacturerId, address] of inside) await register(registry, token, manufacturerId, address)
    const { uses, refusals } = await registry.tokens.get(idOf(token))
    assert.deepEqual([uses, refusals.count], [inside.length, outside.length])
  })
}

test('a pattern is compared with an ID as it was sent, and in the form in which IDs are compared', async (t) => {
  const registry = await aRegistry(t, { normalisation: 'mac' })
  const token = await aToken(registry, { manufacturerIds: ['AABB*', 'cc-dd-*'] })
  for (const id of ['aa:bb:00:00:00:01', 'AABB00000002', 'cc-dd-00-00-00-01']) await register(registry, token, id)
  for (const id of ['aa:bc:00:00:00:01', 'CC:DD:00:00:00:02']) {
    await assert.rejects(register(registry, token, id), { code: 'ERR_TOKEN_NOT_FOR_DEVICE' })
  }
})

test('a pattern that is all wild takes no longer than the lengths multiplied', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry, { manufacturerIds: [`${'*a'.repeat(121)}*`] })
  const startedAt = performance.now()
  await assert.rejects(register(registry, token, 'a'.repeat(120) + 'b'.repeat(123)), {
    code: 'ERR_TOKEN_NOT_FOR_DEVICE',
  })
  assert.ok(performance.now() - startedAt < 1000)
})

test('a revoked token is refused from the next request on, and its devices stay', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry)
  await register(registry, token, 'A1')
  assert.equal((await registry.tokens.revoke(idOf(token))).state, 'revoked')
  const refused = { code: 'ERR_TOKEN_REVOKED', message: 'Invalid registration token' }
  await assert.rejects(register(registry, token, 'A2'), refused)
  await assert.rejects(register(registry, token, 'A1'), refused)
  assert.equal(registry.devices.get('A1').tokenId, idOf(token))
  await assert.rejects(registry.tokens.verify(token), { message: /was revoked at/ })
  await assert.rejects(registry.tokens.reopen(idOf(token)), { code: 'ERR_CONFLICT' })
})

test('a token of our form without a record is refused: its record is somewhere else', async (t) => {
  const registry = await aRegistry(t)
  const token = foreignToken({ jti: 'tok_0123456789abcdef' })
  await assert.rejects(register(registry, token, 'A1'), { code: 'ERR_REGISTRATION_TOKEN_INVALID' })
})

test('tokens that were signed elsewhere belong to legacy, which can be capped, closed and reopened', async (t) => {
  const registry = await aRegistry(t)
  for (const [index, payload] of [{}, { jti: 'their-own' }, { jti: 7 }].entries()) {
    await register(registry, foreignToken(payload), `device ${index}`)
  }
  assert.equal((await registry.tokens.get('legacy')).uses, 3)
  await registry.tokens.limit('legacy', { maxRegistrations: 4 })
  await register(registry, foreignToken(), 'the last')
  await assert.rejects(register(registry, foreignToken(), 'one more'), { code: 'ERR_TOKEN_EXHAUSTED' })
  await registry.tokens.limit('legacy', { maxRegistrations: null })
  await register(registry, foreignToken(), 'one more')
  await registry.tokens.revoke('legacy')
  await assert.rejects(register(registry, foreignToken(), 'closed'), { code: 'ERR_TOKEN_REVOKED' })
  await register(registry, await aToken(registry), 'with a record')
  await registry.tokens.reopen('legacy')
  await register(registry, foreignToken(), 'closed')
})

test('an expired token is refused, counted at its record, and shown as expired', async (t) => {
  const clock = aClock()
  const registry = await aRegistry(t, { now: clock.now })
  const { token, record } = await registry.tokens.create({ ...URLS, expiresInSeconds: 60 })
  await register(registry, token, 'A1')
  clock.set('2026-01-01T00:03:00Z')
  await assert.rejects(register(registry, token, 'A2'), { code: 'ERR_REGISTRATION_TOKEN_INVALID' })
  const { state, refusals } = await registry.tokens.get(record.id)
  assert.deepEqual([state, refusals.count], ['expired', 1])
})

test('of 1,000 devices at once exactly as many register as the token has uses', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry, { maxRegistrations: 500 })
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, index) => register(registry, token, `device ${index}`)),
  )
  assert.deepEqual(codes(answers), { ok: 500, ERR_TOKEN_EXHAUSTED: 500 })
  const made = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
  assert.equal(made.length, 500)
  const { state, uses } = await registry.tokens.get(idOf(token))
  assert.deepEqual([state, uses], ['exhausted', 500])
})

test('a device that is here already costs no use, and is told so also when there are none left', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry, { maxRegistrations: 1 })
  await register(registry, token, 'A1')
  await assert.rejects(register(registry, token, 'A1'), { code: 'ERR_DEVICE_ALREADY_REGISTERED' })
  await assert.rejects(register(registry, token, 'A2'), { code: 'ERR_TOKEN_EXHAUSTED' })
  await registry.devices.delete('A1')
  await assert.rejects(register(registry, token, 'A1'), { code: 'ERR_TOKEN_EXHAUSTED' })
})

/** The same store with another registry over it, as after a restart. */
async function restarted(t: TestContext, options: Partial<RegistryOptions> = {}): Promise<() => Promise<Registry>> {
  const database = memoryDatabase()
  return () => aRegistry(t, { ...options, database })
}

test('uses, limits, revocation and the hour survive a restart', async (t) => {
  const clock = aClock()
  const start = await restarted(t, { now: clock.now })
  const before = await start()
  const token = await aToken(before, { maxRegistrations: 3, registrationsPerHour: 2 })
  const revoked = await aToken(before)
  await before.tokens.revoke(idOf(revoked))
  await register(before, token, 'A1')
  await register(before, token, 'A2')

  const after = await start()
  await assert.rejects(register(after, revoked, 'A3'), { code: 'ERR_TOKEN_REVOKED' })
  await assert.rejects(register(after, token, 'A3'), { code: 'ERR_RATE_LIMITED' })
  assert.equal((await after.tokens.get(idOf(token))).lastUsedAt, '2026-01-01T00:00:30.000Z')
  clock.set('2026-01-01T01:01:00Z')
  await register(after, token, 'A3')
  await assert.rejects(register(after, token, 'A4'), { code: 'ERR_TOKEN_EXHAUSTED' })
})

test('never more than the limit register within any hour, and the refusal says when to come again', async (t) => {
  const clock = aClock()
  const registry = await aRegistry(t, { now: clock.now })
  const token = await aToken(registry, { registrationsPerHour: 10 })
  const answers = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => register(registry, token, `device ${index}`)),
  )
  assert.deepEqual(codes(answers), { ok: 10, ERR_RATE_LIMITED: 40 })
  const refused = { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 3630 }
  await assert.rejects(register(registry, token, 'next'), refused)
  clock.set('2026-01-01T01:00:29Z')
  await assert.rejects(register(registry, token, 'next'), { code: 'ERR_RATE_LIMITED' })
  clock.set('2026-01-01T01:01:00Z')
  await register(registry, token, 'next')
})

for (const fault of ['lost', 'unsure'] as const) {
  test(`however many writes fail (${fault}), a token with 20 uses makes exactly 20 devices`, async (t) => {
    const level = new MemoryLevel()
    const database = memoryDatabase(level)
    let armed = false
    let chance = 7
    const writer = {
      write: async (operations: readonly WriteOperation[]) => {
        // Two of three fail, the same ones each time the test runs. Source: Numerical Recipes, «quick and dirty» generators.
        chance = (chance * 1664525 + 1013904223) % 2 ** 32
        const fails = armed && chance / 2 ** 32 < 2 / 3
        if (!fails || fault === 'unsure') await database.writer.write(operations)
        if (fails) throw new StoreUnavailable(new Error('No space left on device'))
      },
    }
    const registry = await aRegistry(t, { database: { level, writer } })
    const token = await aToken(registry, { maxRegistrations: 20 })
    armed = true
    let acknowledged = 0
    const exhausted = new Set<string>()
    // Devices that try again as long as they are told to; each has an ID of its own.
    const device = async (manufacturerId: string): Promise<void> => {
      for (let tries = 0; tries < 200; tries++) {
        try {
          await register(registry, token, manufacturerId)
          acknowledged++
          return
        } catch (error) {
          const { code } = Object(error)
          if (code === 'ERR_STORE_UNAVAILABLE') continue
          assert.equal(code, 'ERR_TOKEN_EXHAUSTED')
          exhausted.add(manufacturerId)
          return
        }
      }
      assert.fail(`${manufacturerId} never had an answer`)
    }
    for (let wave = 0; wave < 8; wave++) {
      await Promise.all(Array.from({ length: 8 }, (_, index) => device(`${wave}/${index}`)))
    }
    armed = false
    assert.equal(acknowledged, 20)
    assert.ok(exhausted.size > 0)
    // Whoever is refused last has waited until nothing is unsure any more.
    await device('after all')
    const stored = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
    assert.equal(stored.length, 20)
    const uses = await level.sublevel('token-devices').keys().all()
    assert.deepEqual(uses, stored.map(({ id }) => `${idOf(token)}/${id}`).toSorted())
  })
}

test('a device gets the recipe and the tags of its token', async (t) => {
  const pump = { ...TL_GENERATOR, name: 'pump', deviceName: 'Pump' }
  const registry = await aRegistry(t, { recipes: [pump] })
  const token = await aToken(registry, { recipe: 'pump', tags: [{ key: 'line', value: '3' }] })
  await register(registry, token, 'A1')
  const { name, tags } = registry.devices.get('A1')
  assert.equal(name, 'Pump - A1')
  assert.deepEqual(tags, [
    { key: 'line', value: '3' },
    { key: 'manufacturerId', value: 'A1' },
    { key: 'DeviceRecipe', value: 'pump' },
  ])
})

test('the devices of a token are told with the address they came from, deleted ones too', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry)
  const { deviceId } = await register(registry, token, 'A1', '10.0.0.7')
  await registry.devices.delete('A1')
  const made: string[] = []
  for await (const device of registry.tokens.devicesOf(idOf(token))) made.push(`${device.deviceId} ${device.address}`)
  assert.deepEqual(made, [`${deviceId} 10.0.0.7`])
})
