import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { MemoryLevel } from 'memory-level'
import { test, type TestContext } from 'node:test'
import { TL_GENERATOR, type Registry } from '../../registry/index.ts'
import type { WriteOperation } from '../../storage/index.ts'
import { aRegistry, aToken, ISSUER, memoryDatabase, SIGNING_SECRET } from '../support/registry.ts'

const now = new Date('2026-01-01T00:00:00Z')
const seconds = now.getTime() / 1000
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token as any other library mints it, and as no honest one would. */
function mint(payload: object, header: object = {}, secret = SIGNING_SECRET): string {
  const input = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url({ iss: ISSUER, ...payload })}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const registryAt = (t: TestContext): Promise<Registry> => aRegistry(t, { now: () => now })

const refusedTokens: { name: string; token: unknown }[] = [
  { name: 'nothing', token: undefined },
  { name: 'an array', token: [mint({})] },
  { name: 'an object', token: { toString: () => mint({}) } },
  { name: 'no JWT', token: 'a.b' },
  { name: 'a signature by another secret', token: mint({}, {}, 'another secret of at least thirty-two bytes') },
  { name: 'another issuer', token: mint({ iss: 'elsewhere' }) },
  { name: 'an issuer in other letters', token: mint({ iss: ISSUER.toUpperCase() }) },
  { name: 'a list of issuers', token: mint({ iss: [ISSUER] }) },
  { name: 'no issuer', token: mint({ iss: undefined }) },
  { name: 'alg none', token: `${base64url({ alg: 'none' })}.${base64url({ iss: ISSUER })}.` },
  { name: 'alg RS256 over an HMAC', token: mint({}, { alg: 'RS256' }) },
  { name: 'alg HS512 over an HS256', token: mint({}, { alg: 'HS512' }) },
  { name: 'an unknown crit', token: mint({}, { crit: ['x'], x: 1 }) },
  { name: 'an expiry more than 60 s ago', token: mint({ exp: seconds - 61 }) },
  { name: 'an expiry that is no number', token: mint({ exp: '9999999999' }) },
  { name: 'a start more than 60 s ahead', token: mint({ nbf: seconds + 61 }) },
  { name: 'more than 4 KB', token: mint({ padding: 'x'.repeat(4096) }) },
]

for (const { name, token } of refusedTokens) {
  test(`a registration token with ${name} is refused and nothing is stored`, async (t) => {
    const registry = await registryAt(t)
    await assert.rejects(registry.registerDevice({ token, manufacturerId: 'A1' }), {
      code: 'ERR_REGISTRATION_TOKEN_INVALID',
      message: 'Invalid registration token',
    })
    assert.deepEqual((await registry.devices.list({ filter: {}, limit: 10 })).devices, [])
  })
}

const acceptedTokens = [
  { name: 'by another library', token: mint({ iat: seconds }) },
  { name: 'with further claims', token: mint({ url: 'https://example/api/register-device', line: 3 }) },
  { name: 'that expired 59 s ago', token: mint({ exp: seconds - 59 }) },
  { name: 'that starts in 59 s', token: mint({ nbf: seconds + 59 }) },
]

for (const { name, token } of acceptedTokens) {
  test(`a registration token ${name} is accepted`, async (t) => {
    const registry = await registryAt(t)
    assert.match((await registry.registerDevice({ token, manufacturerId: 'A1' })).deviceId, /^[0-9a-f]{24}$/)
  })
}

test('a token that was accepted is refused as soon as it has expired, and before it starts', async (t) => {
  let at = now
  let devices = 0
  const registry = await aRegistry(t, { now: () => at })
  const token = mint({ nbf: seconds - 10, exp: seconds + 10 })
  const register = (manufacturerId: string) => registry.registerDevice({ token, manufacturerId })
  const cases: [atSeconds: number, accepted: boolean][] = [
    [seconds, true],
    [seconds + 69, true],
    [seconds + 70, false],
    [seconds - 70, true],
    [seconds - 71, false],
    [seconds, true],
  ]
  for (const [atSeconds, accepted] of cases) {
    at = new Date(atSeconds * 1000)
    const answer = register(`device ${devices++}`)
    if (accepted) await answer
    else await assert.rejects(answer, { code: 'ERR_REGISTRATION_TOKEN_INVALID' })
  }
})

test('a token that differs in one character from an accepted one is refused', async (t) => {
  const registry = await registryAt(t)
  const token = mint({})
  await registry.registerDevice({ token, manufacturerId: 'A1' })
  const [header, payload, signature = ''] = token.split('.')
  const others = [
    `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`,
    `${header}.${base64url({ iss: ISSUER, more: 1 })}.${signature}`,
    `${base64url({ alg: 'none' })}.${payload}.`,
  ]
  for (const other of others) {
    await assert.rejects(registry.registerDevice({ token: other, manufacturerId: 'A2' }), {
      code: 'ERR_REGISTRATION_TOKEN_INVALID',
    })
  }
})

const badManufacturerIds = ['', '   ', '\u3000', 'a\0b', 'a\nb', 'a\u007fb', 'a\u0085b', '\ud800', 'x'.repeat(244)]

for (const manufacturerId of badManufacturerIds) {
  test(`the manufacturer ID ${JSON.stringify(manufacturerId).slice(0, 20)} is refused before the token is looked at`, async (t) => {
    const registry = await registryAt(t)
    await assert.rejects(registry.registerDevice({ token: 'not even a token', manufacturerId }), {
      code: 'ERR_MANUFACTURER_ID_MISSING',
      message: 'Missing manufacturerId field.',
    })
  })
}

test('a new device is what the recipe says, under the manufacturer ID exactly as it was sent', async (t) => {
  const registry = await registryAt(t)
  const manufacturerId = ' <b>ÄÖ</b> '
  const { deviceId } = await registry.registerDevice({ token: mint({}), manufacturerId })
  assert.deepEqual(registry.devices.get(manufacturerId), {
    id: deviceId,
    manufacturerId,
    name: `Generator - ${manufacturerId}`,
    deviceClass: 'standalone',
    description: 'Industrial power generator.',
    tags: [
      { key: 'manufacturerId', value: manufacturerId },
      { key: 'DeviceRecipe', value: 'tl-generator' },
    ],
    attributes: TL_GENERATOR.attributes,
    registeredAt: now.toISOString(),
    disabled: false,
    tokenId: 'legacy',
  })
  assert.equal(TL_GENERATOR.attributes.length, 18)
})

test('credentials fit into the buffers of small clients', async (t) => {
  const registry = await registryAt(t)
  const { accessKey, accessSecret } = await registry.registerDevice({ token: mint({}), manufacturerId: 'A1' })
  assert.match(accessKey, /^[\x21-\x7e]{1,36}$/)
  assert.match(accessSecret.reveal(), /^[0-9a-f]{64}$/)
})

test('manufacturer IDs are compared as they are: case, separators and accents count', async (t) => {
  const registry = await registryAt(t)
  for (const manufacturerId of ['AA:BB', 'aa:bb', 'AA-BB', 'e\u0301', '\u00e9', 'x'.repeat(243)]) {
    await registry.registerDevice({ token: mint({}), manufacturerId })
  }
  assert.equal((await registry.devices.list({ filter: {}, limit: 10 })).devices.length, 6)
})

test('of 200 simultaneous registrations of one manufacturer ID exactly one succeeds', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry)
  const answers = await Promise.allSettled(
    Array.from({ length: 200 }, () => registry.registerDevice({ token, manufacturerId: 'A1' })),
  )
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.message] : []))
  assert.deepEqual(
    refusals,
    Array.from({ length: 199 }, () => 'Device already registered.'),
  )
  assert.equal((await registry.devices.list({ filter: {}, limit: 10 })).devices.length, 1)
})

test('a device, its key, both indexes and the use of the token are written in one batch', async (t) => {
  const database = memoryDatabase()
  const batches: (readonly WriteOperation[])[] = []
  const writer = {
    write: (operations: readonly WriteOperation[]) => {
      batches.push(operations)
      return database.writer.write(operations)
    },
  }
  const registry = await aRegistry(t, { database: { level: database.level, writer } })
  await registry.registerDevice({ token: mint({}), manufacturerId: 'A1' })
  assert.equal(batches.length, 1)
  // Beside them its state and its token in the index of devices, that the index is whole, and the use of the token.
  assert.equal(batches[0]?.length, 8)
})

test('a registration that could not be written leaves nothing behind, and the next one succeeds', async (t) => {
  const level = new MemoryLevel()
  const database = memoryDatabase(level)
  let fail = true
  const writer = {
    write: (operations: readonly WriteOperation[]) =>
      fail ? Promise.reject(new Error('No space left on device')) : database.writer.write(operations),
  }
  const registry = await aRegistry(t, { database: { level, writer } })
  const token = mint({})
  const both = await Promise.allSettled([
    registry.registerDevice({ token, manufacturerId: 'A1' }),
    registry.registerDevice({ token, manufacturerId: 'A1' }),
  ])
  assert.deepEqual(
    both.map((answer) => answer.status),
    ['rejected', 'rejected'],
  )
  assert.deepEqual(await level.keys().all(), [])
  fail = false
  await registry.registerDevice({ token, manufacturerId: 'A1' })
})

test('an operator is told why a token is refused', async (t) => {
  const registry = await registryAt(t)
  const reasons: [string, RegExp][] = [
    [mint({}, {}, 'another secret of at least thirty-two bytes'), /signed with another secret/],
    [mint({ iss: 'elsewhere' }), /its issuer is "elsewhere", not "registration.example"/],
    [mint({ exp: seconds - 3600 }), /it expired at 2025-12-31T23:00:00.000Z/],
    [mint({ nbf: seconds + 3600 }), /it is not valid before 2026-01-01T01:00:00.000Z/],
    [mint({}, { alg: 'HS512' }), /its algorithm is not HS256/],
  ]
  for (const [token, reason] of reasons) await assert.rejects(registry.tokens.verify(token), { message: reason })
})
