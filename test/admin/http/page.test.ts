import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { anAdminDoor, type AdminDoor } from './support.ts'

const PAGE = {
  'index.html': '<!doctype html><title>page</title>',
  'icon.svg': '<svg/>',
  'assets/index-1a2b3c4d.js': 'export {}',
  'assets/plain.js': 'export {}',
  'docs/index.html': '<!doctype html><title>docs</title>',
  'docs/swagger-ui.css': 'a{}',
}

/** As the bytes say it: a client library would tidy the path up. */
async function askRaw(door: AdminDoor, path: string): Promise<string> {
  const socket = connect(Number(new URL(door.baseUrl).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`, 'latin1')
  await once(socket, 'close')
  return text
}

const outside = [
  '/../package.json',
  '/assets/../index.js',
  '/assets/..%2f..%2fpackage.json',
  '/..%2fpackage.json',
  '/%2e%2e/package.json',
  '/..%5cpackage.json',
  '/assets/%00',
  '/icon.svg%00.js',
  '//etc/passwd',
  '//devices',
  '/etc/passwd',
  '/file:///etc/passwd',
  '/INDEX.HTML',
  '/assets',
  '/assets/',
  '/docs/index.html',
  '/index.html',
  '/__proto__',
  '/constructor',
  '/%',
]
for (const path of outside) {
  test(`${path} leads to nothing`, async (t) => {
    const door = await anAdminDoor(t, { page: PAGE })
    assert.match(await askRaw(door, path), /^HTTP\/1\.1 404 [^]*urn:mooring:problem:route-not-found/)
  })
}

test('a page that was not built is missed in so many words', async (t) => {
  const door = await anAdminDoor(t)
  for (const path of ['//', '//devices', '//docs']) {
    const { status, text, headers } = await door.ask(path)
    assert.deepEqual([status, text], [404, 'The page is not built. Run: npm run build\n'])
    assert.match(headers.get('content-type') ?? '', /^text\/plain/)
  }
  assert.equal((await door.ask('//icon.svg')).body['type'], 'urn:mooring:problem:route-not-found')
})

test('the page is read, and nothing is sent to it', async (t) => {
  const door = await anAdminDoor(t, { page: PAGE })
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await door.ask('//', { method })).status, 404, method)
})

test('every answer forbids what the page does not need', async (t) => {
  const door = await anAdminDoor(t, { page: PAGE })
  const tag = (await door.ask('//')).headers.get('etag') ?? ''
  for (const [path, headers] of [
    ['//', {}],
    ['//', { 'cache-control': 'max-age=0', 'if-none-match': tag }],
    ['//devices/x', {}],
    ['//assets/index-1a2b3c4d.js', {}],
    ['//docs', {}],
    ['//nothing', {}],
  ] as const) {
    const { headers: answered } = await door.ask(path, { headers })
    const policy = answered.get('content-security-policy') ?? ''
    assert.match(policy, path === '//nothing' ? /^default-src 'none'; / : /^default-src 'self'; /, path)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    assert.equal(policy.includes('data:'), path === '//docs')
    assert.equal(answered.get('x-content-type-options'), 'nosniff')
    assert.equal(answered.get('referrer-policy'), 'no-referrer')
  }
})

test('its views are one document, whatever stands below them', async (t) => {
  const door = await anAdminDoor(t, { page: PAGE })
  const views = ['', 'setup', 'login', 'devices', 'devices/', 'devices/a%2Fb', 'devices?tag=a', 'registration?first=1']
  for (const view of [...views, 'allow-list', 'approvals', 'journal', 'security', 'system']) {
    const { status, text, headers } = await door.ask(`//${view}`)
    assert.deepEqual([status, text], [200, PAGE['index.html']], view)
    assert.equal(headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(headers.get('cache-control'), 'no-cache')
  }
  assert.equal((await door.ask('//docs/')).text, PAGE['docs/index.html'])
})

test('a file whose name holds a hash is kept for ever, and others are asked about', async (t) => {
  const door = await anAdminDoor(t, { page: PAGE })
  const hashed = await door.ask('//assets/index-1a2b3c4d.js')
  assert.equal(hashed.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  assert.equal(hashed.headers.get('content-type'), 'text/javascript; charset=utf-8')
  for (const path of ['//icon.svg', '//assets/plain.js', '//docs/swagger-ui.css']) {
    const first = await door.ask(path)
    assert.deepEqual([first.status, first.headers.get('cache-control')], [200, 'no-cache'])
    // Without the first, fetch would forbid an answer from memory.
    const asked = { 'cache-control': 'max-age=0', 'if-none-match': first.headers.get('etag') ?? '' }
    const again = await door.ask(path, { headers: asked })
    assert.deepEqual([again.status, again.text], [304, ''])
    assert.equal((await door.ask(path, { headers: { 'if-none-match': '"other"' } })).status, 200)
  }
})

test('HEAD says what GET would, without the body', async (t) => {
  const door = await anAdminDoor(t, { page: PAGE })
  for (const path of ['//', '//icon.svg', '//docs', '//nothing']) {
    const [get, head] = await Promise.all([door.ask(path), door.ask(path, { method: 'HEAD' })])
    assert.deepEqual([head.status, head.text], [get.status, ''])
    for (const name of ['content-length', 'content-type', 'etag', 'content-security-policy'])
      assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${path}`)
  }
})

test('only whoever asks for something of the page or of the API is answered here', async (t) => {
  const { admin } = await anAdminDoor(t, { page: PAGE })
  // Of a request only this is looked at.
  const owns = (method: string, url: string): boolean => admin.owns({ method, url } as never)
  for (const url of ['/', '/?x', '/icon.svg', '/docs', '/devices/a', '/openapi.json', '/admin/v1/me'])
    assert.equal(owns('GET', url), true, url)
  for (const url of ['/livez', '/readyz', '/metrics', '/mqtt', '/.well-known/jwks.json', '/api/register-device', '/x'])
    assert.equal(owns('GET', url), false, url)
  assert.equal(owns('POST', '/'), false)
})
