import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { memoryLog } from '../support/log.ts'
import { startMooring, type Mooring } from '../support/server.ts'
import { everyDevice } from '../support/every-device.ts'

const KILLS = process.env['MOORING_LONG_TESTS'] === '1' ? 20 : 3
const USES = 100 * KILLS

/** Devices that register one after the other over 16 connections until the token or the server is no more. */
async function spend(server: Mooring, token: string, acknowledged: Set<string>, enough: number): Promise<void> {
  const url = server.url('http', '/api/register-device')
  const device = async (): Promise<void> => {
    for (;;) {
      const manufacturerId = randomUUID()
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ token, manufacturerId })
      const response = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined)
      const answer: unknown = await response?.json().catch(() => undefined)
      if (response === undefined || answer === undefined) return
      if (response.status === 403) {
        const { serverTime: _serverTime, ...refusal } = Object(answer)
        const error = 'Invalid registration token'
        assert.deepEqual(refusal, { error, code: 'ERR_TOKEN_EXHAUSTED', retryable: false })
        return
      }
      assert.equal(response.status, 200)
      acknowledged.add(manufacturerId)
      if (acknowledged.size === enough) void server.kill()
    }
  }
  await Promise.all(Array.from({ length: 16 }, device))
}

test(`a token with ${USES} uses makes exactly ${USES} devices, though the server is killed ${KILLS} times meanwhile`, async (t) => {
  const acknowledged = new Set<string>()
  let server = await startMooring(t)
  const { data } = server
  const { token } = await server.json('token', 'create', '--name', 'line-3', '--max-registrations', String(USES))
  for (let kill = 0; kill < KILLS; kill++) {
    await spend(server, String(token), acknowledged, acknowledged.size + randomInt(5, 80))
    await server.kill()
    server = await startMooring(t, { data })
  }
  await spend(server, String(token), acknowledged, Infinity)
  const report = await server.json('token', 'get', 'line-3')
  assert.deepEqual([report['uses'], report['state']], [USES, 'exhausted'])
  assert.equal(await server.stop(), 0)

  const { config } = loadConfig({ env: { MOORING_DATA: data }, cwd: data })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  t.after(() => database.close())
  const devices = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
  const stored = new Set(devices.map(({ manufacturerId }) => manufacturerId))
  assert.equal(stored.size, USES)
  for (const manufacturerId of acknowledged) assert.ok(stored.has(manufacturerId), manufacturerId)
})
