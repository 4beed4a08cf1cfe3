import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jwksPage } from '../../registration/index.ts'
import { ask, jsonOf } from '../contract/registration-door.ts'
import { memoryLog } from '../support/log.ts'
import { aRegistry, aToken } from '../support/registry.ts'
import { aDoor } from './support.ts'

const body = (token: string, manufacturerId: string) => ({ body: JSON.stringify({ token, manufacturerId }) })

test('refusals of limited tokens keep the frozen text and say by code what they are, the log says why', async (t) => {
  const registry = await aRegistry(t)
  const log = memoryLog()
  const door = await aDoor(t, { registry, log })
  const revoked = await aToken(registry)
  await registry.tokens.revoke((await registry.tokens.verify(revoked)).jti ?? '')
  const spent = await aToken(registry, { maxRegistrations: 1 })
  await ask(door, body(spent, 'A1'))
  const cases = [
    [revoked, 'ERR_TOKEN_REVOKED', /was revoked at/],
    [
      await aToken(registry, { manufacturerIds: ['B*'] }),
      'ERR_TOKEN_NOT_FOR_DEVICE',
      /for the manufacturer IDs B\* only/,
    ],
    [await aToken(registry, { networks: ['10.0.0.0/8'] }), 'ERR_TOKEN_NOT_FOR_DEVICE', /holds in 10\.0\.0\.0\/8 only/],
    [spent, 'ERR_TOKEN_EXHAUSTED', /its 1 registrations are used up/],
  ] as const
  for (const [token, code, reason] of cases) {
    const reply = await ask(door, body(token, 'A2'))
    const { serverTime: _serverTime, ...refusal } = jsonOf(reply)
    assert.equal(reply.status, 403)
    assert.deepEqual(refusal, { error: 'Invalid registration token', code, retryable: false })
    assert.equal(reply.headers['retry-after'], undefined)
    assert.match(String(log.lines.at(-1)?.['reason']), reason)
  }
})

test('too many registrations within the hour are 429 with the time to wait', async (t) => {
  const registry = await aRegistry(t)
  const door = await aDoor(t, { registry })
  const token = await aToken(registry, { registrationsPerHour: 1, networks: ['127.0.0.1'] })
  assert.equal((await ask(door, body(token, 'A1'))).status, 200)
  const reply = await ask(door, body(token, 'A2'))
  assert.equal(reply.status, 429)
  assert.equal(jsonOf(reply)['code'], 'ERR_RATE_LIMITED')
  assert.equal(jsonOf(reply)['retryable'], true)
  const seconds = Number(reply.headers['retry-after'])
  assert.ok(seconds > 3500 && seconds <= 3660, `${seconds}`)
})

test('a device that comes back gets the three fields and is told apart in the log', async (t) => {
  const registry = await aRegistry(t)
  const log = memoryLog()
  const door = await aDoor(t, { registry, log })
  const token = await aToken(registry, { comingBack: 'until-first-use' })
  const first = jsonOf(await ask(door, body(token, 'A1')))
  const again = jsonOf(await ask(door, body(token, 'A1')))
  assert.deepEqual(Object.keys(again), ['deviceId', 'accessKey', 'accessSecret'])
  assert.equal(again['deviceId'], first['deviceId'])
  assert.notEqual(again['accessSecret'], first['accessSecret'])
  assert.deepEqual(
    log.lines.map(({ event, ...facts }) => [event, facts['reason']]),
    [
      ['device-registered', undefined],
      ['device-returned', 'until-first-use'],
    ],
  )
})

test('the public signing keys are shown to everyone, and nothing else of them', async (t) => {
  const registry = await aRegistry(t)
  const door = await aDoor(t, { registry, pages: [jwksPage(registry)] })
  const get = { method: 'GET', path: '/.well-known/jwks.json', headers: {} }
  assert.deepEqual(jsonOf(await ask(door, get)), { keys: [] })
  const { kid } = await registry.signingKeys.rotate('ES256')
  const reply = await ask(door, get)
  assert.equal(reply.headers['content-type'], 'application/jwk-set+json')
  assert.doesNotMatch(reply.text, /"(d|k)":/)
  assert.deepEqual(jsonOf(reply), { keys: registry.signingKeys.jwks().keys })
  assert.ok(reply.text.includes(kid))
})
