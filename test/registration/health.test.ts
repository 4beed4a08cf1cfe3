import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Readiness } from '../../registration/index.ts'
import { ask, assertHeaders, jsonOf } from '../contract/registration-door.ts'
import { memoryLog } from '../support/log.ts'
import { aDoor, aPromise } from './support.ts'

const get = (path: string, method = 'GET') => ({ method, path, headers: {} })

test('other methods than GET and HEAD are refused', async (t) => {
  const door = await aDoor(t)
  for (const path of ['/livez', '/readyz']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const reply = await ask(door, get(path, method))
      assert.equal(reply.status, 405)
      assert.equal(reply.headers.allow, 'GET, HEAD')
      assert.equal(reply.headers['access-control-allow-origin'], undefined)
    }
  }
})

const failing: readonly (readonly [name: string, readiness: Readiness])[] = [
  ['a check that fails', () => [{ name: 'store', ok: false, detail: 'read-only file system' }]],
  [
    'one that fails among others',
    () => [
      { name: 'mqtt', ok: true },
      { name: 'store', ok: false, detail: 'x' },
    ],
  ],
  [
    'checks that throw',
    () => {
      throw new Error('x')
    },
  ],
  ['checks that reject', () => Promise.reject(new Error('x'))],
]
for (const [name, readiness] of failing) {
  test(`/readyz is 503 with ${name}, and /livez is not`, async (t) => {
    const door = await aDoor(t, { readiness })
    const reply = await ask(door, get('/readyz'))
    assert.equal(reply.status, 503)
    assert.deepEqual(jsonOf(reply), { status: 'failing' })
    assertHeaders(reply.headers, false)
    assert.equal((await ask(door, get('/livez'))).status, 200)
  })
}

test('/readyz is 503 with checks that hang', async (t) => {
  const asked = aPromise()
  const readiness: Readiness = () => {
    asked.resolve()
    return new Promise(() => {})
  }
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const reply = ask(await aDoor(t, { readiness }), get('/readyz?verbose'))
  await asked.promise
  t.mock.timers.tick(5000)
  assert.equal((await reply).text, '[-]checks failed: reason withheld\nreadyz check failed\n')
})

test('both are 200 when all is in order', async (t) => {
  const door = await aDoor(t, { readiness: async () => [{ name: 'store', ok: true }] })
  for (const path of ['/livez', '/readyz', '/readyz/']) {
    const reply = await ask(door, get(path))
    assert.equal(reply.status, 200)
    assert.deepEqual(jsonOf(reply), { status: 'ok' })
    assertHeaders(reply.headers, false)
  }
  assert.deepEqual((await ask(door, get('/readyz', 'HEAD'))).text, '')
})

test('the verbose form lists the checks and withholds the reasons', async (t) => {
  const checks = [
    { name: 'store', ok: false, detail: '/var/lib/mooring is read-only' },
    { name: 'mqtt', ok: true },
  ]
  const door = await aDoor(t, { readiness: () => checks })
  const reply = await ask(door, get('/readyz?verbose'))
  assert.equal(reply.status, 503)
  assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(reply.text, '[-]store failed: reason withheld\n[+]mqtt ok\nreadyz check failed\n')
  assert.equal((await ask(door, get('/livez?verbose'))).text, '[+]event-loop ok\nlivez check passed\n')
})

test('the log gives the reason once when a check begins to fail, and says when all pass again', async (t) => {
  const log = memoryLog()
  let ok = true
  const readiness: Readiness = () => [{ name: 'store', ok, ...(!ok && { detail: 'disk full' }) }]
  const door = await aDoor(t, { readiness, log })
  for (const state of [true, true, false, false, true, true]) {
    ok = state
    await ask(door, get('/readyz'))
  }
  assert.deepEqual(
    log.lines.map(({ event, level, failing: why }) => [event, level, why]),
    [
      ['not-ready', 'warn', 'store: disk full'],
      ['ready', 'info', undefined],
    ],
  )
})
