import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { SIGNING_ALGORITHMS, type Registry } from '../../registry/index.ts'
import { aRegistry, aToken, ISSUER, memoryDatabase, SIGNING_SECRET } from '../support/registry.ts'

let devices = 0
const register = (registry: Registry, token: string) =>
  registry.registerDevice({ token, manufacturerId: `device ${devices++}` })

const INVALID = { code: 'ERR_REGISTRATION_TOKEN_INVALID', message: 'Invalid registration token' }
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

for (const algorithm of SIGNING_ALGORITHMS) {
  test(`tokens of the key before and of the new one (${algorithm}) hold together, until the first is retired`, async (t) => {
    const registry = await aRegistry(t)
    const before = await aToken(registry)
    const { kid } = await registry.signingKeys.rotate(algorithm)
    const after = await aToken(registry)
    assert.deepEqual(decodeProtectedHeader(before), { alg: 'HS256', typ: 'JWT' })
    assert.deepEqual(decodeProtectedHeader(after), { alg: algorithm, typ: 'JWT', kid })
    for (const token of [before, after]) await register(registry, token)

    await registry.signingKeys.retire('shared')
    await assert.rejects(register(registry, before), INVALID)
    await assert.rejects(registry.tokens.verify(before), { message: 'the key that signed it is retired' })
    await register(registry, after)
  })
}

test('keys, and that one is retired, survive a restart', async (t) => {
  const database = memoryDatabase()
  const first = await aRegistry(t, { database })
  const shared = await aToken(first)
  const { kid } = await first.signingKeys.rotate('ES256')
  const es256 = await aToken(first)
  await first.signingKeys.rotate('EdDSA')
  const edDsa = await aToken(first)
  await first.signingKeys.retire(kid)

  const second = await aRegistry(t, { database })
  for (const token of [shared, edDsa]) await register(second, token)
  await assert.rejects(register(second, es256), INVALID)
  assert.equal(decodeProtectedHeader(await aToken(second)).alg, 'EdDSA')
  assert.deepEqual(
    second.signingKeys.list().map(({ algorithm, state }) => [algorithm, state]),
    [
      ['HS256', 'verifying'],
      ['ES256', 'retired'],
      ['EdDSA', 'active'],
    ],
  )
  const stored = await database.level.sublevel('signing-keys').get(kid)
  assert.doesNotMatch(String(stored), /"d"|"k"/)
})

test('an overlap ends by itself, also for a token that was accepted before', async (t) => {
  let at = new Date('2026-01-01T00:00:00Z')
  const registry = await aRegistry(t, { now: () => at })
  const token = await aToken(registry)
  await register(registry, token)
  await registry.signingKeys.rotate('HS256', 3600)
  at = new Date('2026-01-01T00:59:59Z')
  await register(registry, token)
  at = new Date('2026-01-01T01:00:00Z')
  await assert.rejects(register(registry, token), INVALID)
  assert.equal(registry.signingKeys.list()[0]?.state, 'retired')
})

test('the key that signs is not retired, and an unknown one is not there', async (t) => {
  const registry = await aRegistry(t)
  await assert.rejects(registry.signingKeys.retire('shared'), { code: 'ERR_CONFLICT' })
  await assert.rejects(registry.signingKeys.retire('key_0'), { code: 'ERR_NOT_FOUND' })
})

test('a token is verified with the algorithm of its key and no other', async (t) => {
  const registry = await aRegistry(t)
  const { kid } = await registry.signingKeys.rotate('ES256')
  const [key] = registry.signingKeys.jwks().keys
  const payload = base64url({ iss: ISSUER })
  const signed = (header: object, secret: string): string => {
    const input = `${base64url(header)}.${payload}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const forged = [
    // The public key as an HMAC secret, and the shared secret under the name of another key.
    signed({ alg: 'HS256', kid }, JSON.stringify(key)),
    signed({ alg: 'HS256', kid }, String(key?.x)),
    signed({ alg: 'HS256', kid }, SIGNING_SECRET),
    signed({ alg: 'ES256', kid: 'theirs' }, SIGNING_SECRET),
    `${base64url({ alg: 'none', kid })}.${payload}.`,
  ]
  for (const token of forged) await assert.rejects(register(registry, token), INVALID)
  await register(registry, signed({ alg: 'HS256', kid: 'theirs' }, SIGNING_SECRET))
})

test('whoever reads the public keys can check a token, and sees no private part and no secret', async (t) => {
  const registry = await aRegistry(t)
  await registry.signingKeys.rotate('EdDSA')
  await registry.signingKeys.rotate('HS256')
  await registry.signingKeys.rotate('ES256')
  const jwks = registry.signingKeys.jwks()
  assert.deepEqual(
    jwks.keys.map((key) => [key.alg, Object.keys(key).toSorted().join(' ')]),
    [
      ['EdDSA', 'alg crv kid kty use x'],
      ['ES256', 'alg crv kid kty use x y'],
    ],
  )
  const token = await aToken(registry)
  const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { issuer: ISSUER })
  assert.equal(payload.jti, decodeJwt(token).jti)
})
