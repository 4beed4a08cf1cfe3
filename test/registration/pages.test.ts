import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from '../../registration/index.ts'
import { ask, jsonOf } from '../contract/registration-door.ts'
import { memoryLog } from '../support/log.ts'
import { aDoor } from './support.ts'

const get = (path: string, method = 'GET', headers: Record<string, string> = {}) => ({ method, path, headers })

const aPage = (parts: Partial<Page> = {}): Page => ({
  path: '/page',
  mayRead: () => true,
  read: async () => ({ type: 'text/x-page; charset=utf-8', text: 'ä page\n' }),
  ...parts,
})

const timeless = (text: string): string => text.replace(/"serverTime":"[^"]+"/, '')

test('whoever may not read a page cannot tell it from nothing, whatever the method', async (t) => {
  const door = await aDoor(t, { pages: [aPage({ mayRead: () => false })] })
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
    const hidden = await ask(door, get('/page', method))
    const nothing = await ask(door, get('/nothing', method))
    assert.equal(hidden.status, 404)
    assert.equal(timeless(hidden.text), timeless(nothing.text))
    assert.deepEqual({ ...hidden.headers, date: '' }, { ...nothing.headers, date: '' })
  }
})

test('other methods than GET and HEAD are refused', async (t) => {
  const door = await aDoor(t, { pages: [aPage()] })
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const reply = await ask(door, get('/page', method))
    assert.equal(reply.status, 405)
    assert.equal(reply.headers.allow, 'GET, HEAD')
    assert.equal(reply.headers['access-control-allow-origin'], undefined)
  }
})

test('a page that cannot be made is a fault of ours, and is logged as one', async (t) => {
  const log = memoryLog()
  const door = await aDoor(t, { pages: [aPage({ read: () => Promise.reject(new Error('broken')) })], log })
  const reply = await ask(door, get('/page'))
  assert.equal(reply.status, 500)
  assert.equal(jsonOf(reply)['error'], 'Internal error')
  assert.ok(log.lines.some(({ event }) => event === 'request-failed'))
})

test('a page is shown as it is, and HEAD shows only its head', async (t) => {
  const door = await aDoor(t, { pages: [aPage()] })
  for (const path of ['/page', '/page/', '/page?x=1']) {
    const reply = await ask(door, get(path))
    assert.equal(reply.status, 200)
    assert.equal(reply.text, 'ä page\n')
    assert.equal(reply.headers['content-type'], 'text/x-page; charset=utf-8')
    assert.equal(reply.headers['cache-control'], 'no-store')
  }
  const head = await ask(door, get('/page', 'HEAD'))
  assert.equal(head.status, 200)
  assert.equal(head.text, '')
  assert.equal(head.headers['content-length'], '8')
})

test('a page hears who asks, and whether a proxy passed the request on', async (t) => {
  const callers: unknown[] = []
  const mayRead: Page['mayRead'] = (caller) => callers.push(caller) > 0
  const door = await aDoor(t, { pages: [aPage({ mayRead })] })
  for (const name of ['Forwarded', 'X-Forwarded-For', 'X-Real-IP', 'Via']) {
    await ask(door, get('/page', 'GET', { [name]: '127.0.0.1' }))
    assert.deepEqual(callers.pop(), { address: '127.0.0.1', forwarded: true }, name)
  }
  await ask(door, get('/page'))
  assert.deepEqual(callers.pop(), { address: '127.0.0.1', forwarded: false })
})

test('no page can take the place of a route that devices rely on', async (t) => {
  const door = await aDoor(t, { pages: [aPage({ path: '/livez' }), aPage({ path: '/api/register-device' })] })
  assert.deepEqual(jsonOf(await ask(door, get('/livez'))), { status: 'ok' })
  assert.equal((await ask(door, get('/api/register-device'))).status, 405)
})
