import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Registry, TokenTerms } from '../../registry/index.ts'
import { aRegistry, aToken, memoryDatabase } from '../support/registry.ts'

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS

/** One clock that anybody can set, and one that nobody can. */
function twoClocks() {
  let ms = Date.parse('2026-01-01T00:00:30Z')
  let elapsed = 30_000
  return {
    now: () => new Date(ms),
    elapsedMs: () => elapsed,
    set: (by: number): void => void (ms += by),
    pass: (by: number): void => {
      ms += by
      elapsed += by
    },
  }
}

async function aStage(t: TestContext, terms: TokenTerms) {
  const clocks = twoClocks()
  const database = memoryDatabase()
  const open = (): Promise<Registry> => aRegistry(t, { database, now: clocks.now, elapsedMs: clocks.elapsedMs })
  const registry = await open()
  return { clocks, open, registry, token: await aToken(registry, terms) }
}

const register = (registry: Registry, token: string, manufacturerId: string) =>
  registry.registerDevice({ token, manufacturerId, address: '10.1.2.3' })

for (const [way, by] of [
  ['forwards', YEAR_MS],
  ['back', -YEAR_MS],
] as const) {
  test(`a clock that is set ${way} neither opens nor closes the hour of a token`, async (t) => {
    const { clocks, registry, token } = await aStage(t, { registrationsPerHour: 2 })
    await register(registry, token, 'A1')
    await register(registry, token, 'A2')
    clocks.set(by)
    await assert.rejects(register(registry, token, 'A3'), { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 3630 })
    clocks.pass(HOUR_MS + 60_000)
    await register(registry, token, 'A3')
  })

  test(`a clock that is set ${way} neither hurries nor delays a device that comes back`, async (t) => {
    const { clocks, registry, token } = await aStage(t, { comingBack: 'always-rotate' })
    for (let times = 0; times < 4; times++) await register(registry, token, 'A1')
    clocks.set(by)
    await assert.rejects(register(registry, token, 'A1'), { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 60 })
    clocks.pass(60_000)
    await register(registry, token, 'A1')
  })
}

test('after a restart devices from the future close a token for an hour, and not for longer', async (t) => {
  const { clocks, open, registry, token } = await aStage(t, { registrationsPerHour: 1 })
  clocks.set(YEAR_MS)
  await register(registry, token, 'A1')
  clocks.set(-YEAR_MS)
  const again = await open()
  await assert.rejects(register(again, token, 'A2'), { code: 'ERR_RATE_LIMITED' })
  clocks.pass(HOUR_MS + 60_000)
  await register(again, token, 'A2')
})

test('a token that expires does so by the clock as it is set now, and holds again when it was wrong', async (t) => {
  const { clocks, registry } = await aStage(t, {})
  const urls = { url: 'http://127.0.0.1/api/register-device', mqtt: 'mqtt://127.0.0.1' }
  const { token } = await registry.tokens.create({ ...urls, expiresInSeconds: 86_400 })
  clocks.set(YEAR_MS)
  await assert.rejects(register(registry, token, 'A1'), { code: 'ERR_REGISTRATION_TOKEN_INVALID' })
  clocks.set(-YEAR_MS)
  await register(registry, token, 'A1')
})

test('devices that register while the clock is set back are all there, and listed', async (t) => {
  const { clocks, registry, token } = await aStage(t, {})
  for (const [index, by] of [0, -YEAR_MS, 2 * YEAR_MS, -YEAR_MS].entries()) {
    clocks.set(by)
    await register(registry, token, `A${index}`)
  }
  const { devices } = await registry.devices.list({ filter: {}, limit: 10 })
  assert.deepEqual(new Set(devices.map(({ manufacturerId }) => manufacturerId)), new Set(['A0', 'A1', 'A2', 'A3']))
  for (let index = 0; index < 4; index++) assert.equal(registry.devices.get(`A${index}`).manufacturerId, `A${index}`)
})
