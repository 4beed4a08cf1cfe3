import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { aDevice } from '../../support/registry.ts'
import { anAdminDoor } from './support.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }
const refusals = [
  { name: 'text that is not JSON', body: '{', status: 400, type: 'request-malformed' },
  { name: 'JSON that is no object', body: '[1]', status: 400, type: 'request-malformed' },
  {
    name: 'a form',
    body: 'name=x',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    type: 'media-type-unsupported',
  },
  { name: 'a field too many', body: { name: 'x', rules: {}, other: 1 }, status: 400, type: 'input-invalid' },
  { name: 'a field too few', body: { name: 'x' }, status: 400, type: 'input-invalid' },
  { name: 'a field of another type', body: { name: 7, rules: {} }, status: 400, type: 'input-invalid' },
  {
    name: 'a name that means more than a name',
    body: '{"__proto__":{"name":"x"},"rules":{}}',
    status: 400,
    type: 'input-invalid',
  },
  { name: 'a body of more than 1 MiB', body: `"${'x'.repeat(1024 * 1024)}"`, status: 413, type: 'body-too-large' },
  {
    name: 'a short idempotency key',
    body: { name: 'x', rules: {} },
    headers: { 'idempotency-key': 'short' },
    status: 400,
    type: 'request-malformed',
  },
]
for (const { name, body, headers = {}, status, type } of refusals) {
  test(`${name} is refused as a problem`, async (t) => {
    const door = await anAdminDoor(t)
    const session = await door.session('admin')
    const answer = await door.ask('/service-keys', {
      method: 'POST',
      body,
      headers: { ...JSON_HEADERS, ...session, ...headers },
    })
    assert.equal(answer.status, status)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual(Object.keys(answer.body), ['type', 'title', 'status', 'detail', 'code'])
    assert.equal(answer.body['type'], `urn:mooring:problem:${type}`)
    assert.equal(answer.body['status'], status)
    assert.deepEqual(await door.registry.serviceKeys.list(), [])
  })
}

const paths = [
  { path: '/nothing', method: 'GET', status: 404 },
  { path: '/devices/', method: 'GET', status: 404 },
  { path: '/devices//disable', method: 'POST', status: 404 },
  { path: '/devices', method: 'PATCH', status: 405 },
  { path: '/devices/%zz', method: 'GET', status: 400 },
  { path: '/devices/x?device=y', method: 'GET', status: 400 },
  { path: '/devices?limit=1&limit=2', method: 'GET', status: 400 },
  { path: '/devices?limit=many', method: 'GET', status: 400 },
  { path: '/devices?limit=0', method: 'GET', status: 400 },
  { path: '/devices?unknown=1', method: 'GET', status: 400 },
]
test('addresses that mean nothing are refused', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  for (const { path, method, status } of paths) {
    const answer = await door.ask(path, { method, headers })
    assert.equal(answer.status, status, path)
    assert.match(answer.headers.get('content-type') ?? '', /problem/)
    if (status === 405) assert.equal(answer.headers.get('allow'), 'GET, HEAD, POST')
  }
})

function broken(): never {
  throw new Error('the secret reason')
}

test('a fault of ours is answered without its reason, which is in the log', async (t) => {
  const door = await anAdminDoor(t, { operator: { status: broken } })
  const answer = await door.ask('/status', { headers: await door.session('viewer') })
  assert.equal(answer.status, 500)
  assert.doesNotMatch(answer.text, /reason/)
  assert.ok(
    door.log.lines.some(({ event, error }) => event === 'admin-fault' && String(error).includes('secret reason')),
  )
})

test('a body that breaks off changes nothing', async (t) => {
  const door = await anAdminDoor(t)
  const headers = { ...JSON_HEADERS, ...(await door.session('admin')), 'content-length': '1000' }
  await new Promise<void>((resolve) => {
    const request = httpRequest(`${door.baseUrl}/admin/v1/service-keys`, { method: 'POST', headers })
    request.on('error', () => resolve())
    request.write('{"name":"x","rules":{}}', () => request.destroy(new Error('gone')))
  })
  assert.deepEqual(await door.registry.serviceKeys.list(), [])
})

test('the fields of path, query and body together are the request', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  const { deviceId } = await aDevice(door.registry, 'A/1 ä?')
  await aDevice(door.registry, 'B')
  const found = await door.ask(`/devices/${encodeURIComponent('A/1 ä?')}`, { headers })
  assert.equal(found.body['id'], deviceId)
  const page = await door.ask('/devices?limit=1', { headers })
  const [first] = page.body['devices'] as { id: string }[]
  assert.equal(page.body['next'], first?.id)
  const rest = await door.ask(`/devices?limit=1&after=${String(page.body['next'])}`, { headers })
  assert.equal((rest.body['devices'] as unknown[]).length, 1)
  assert.equal(rest.body['next'], undefined)
  const disabled = await door.ask('/devices/B/disable', { method: 'POST', headers })
  assert.equal(disabled.body['disabled'], true)
})

test('every answer forbids to be kept, guessed at, framed or run', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('viewer')
  for (const path of ['/me', '/nothing', '//openapi.json', '/setup']) {
    const { headers: answered } = await door.ask(path, { headers })
    assert.equal(answered.get('cache-control'), 'no-store')
    assert.equal(answered.get('x-content-type-options'), 'nosniff')
    assert.match(answered.get('content-security-policy') ?? '', /default-src 'none'; frame-ancestors 'none'/)
    assert.equal(answered.get('access-control-allow-origin'), null)
  }
})

test('HEAD shows only the head', async (t) => {
  const door = await anAdminDoor(t)
  const answer = await door.ask('/status', { method: 'HEAD', headers: await door.session('viewer') })
  assert.deepEqual([answer.status, answer.text], [200, ''])
})
