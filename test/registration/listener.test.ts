import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, connect } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { listenHttp } from '../../registration/index.ts'
import { ask, jsonOf } from '../contract/registration-door.ts'
import { aCertificate } from '../support/certificate.ts'
import { memoryLog } from '../support/log.ts'
import { aDoor, aListener, aPromise, aRawClient, rawRegistration, validToken } from './support.ts'

const fast = { headersMs: 200, requestMs: 400, keepAliveMs: 200, checkEveryMs: 20 }
const good = (manufacturerId: string) => ({ body: JSON.stringify({ token: validToken(), manufacturerId }) })
const hello = (_request: IncomingMessage, response: ServerResponse): void => void response.end('hello')

/** One reply with all the headers of the contract, and the end of the connection. */
const refusal = (status: number): RegExp =>
  new RegExp(
    `^HTTP/1\\.1 ${status} [^]*Content-Type: application/json\\r\\nCache-Control: no-store\\r\\n` +
      'X-Content-Type-Options: nosniff\\r\\n(?=[^]*Date: \\w{3}, )[^]*Connection: close\\r\\n(?:[^]*\\r\\n)?\\r\\n\\{"error":"[^"]+","code":"ERR_[A-Z_]+",' +
      `"retryable":${status === 408},"serverTime":"[^"]+"\\}$`,
    'i',
  )

const POST = 'POST /api/register-device HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

const brokenRequests: readonly (readonly [name: string, bytes: string, status: number])[] = [
  ['a connection that says nothing', '', 408],
  ['headers that never end', 'POST /api/register-device HTTP/1.1\r\nHost: x\r\nX-A: b', 408],
  ['a body that never ends', `${POST}Content-Length: 100\r\n\r\n{"token":`, 408],
  ['chunks that never end', `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{"tok\r\n`, 408],
  ['headers of 17 KiB', `${POST}X-A: ${'a'.repeat(17 * 1024)}\r\n\r\n`, 431],
  ['garbage', 'garbage garbage garbage\r\n\r\n', 400],
  ['MQTT', '\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`, 400],
  ['a length and chunks', `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a length below zero', `${POST}Content-Length: -1\r\n\r\n`, 400],
  ['a chunk that is none', `${POST}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 400],
  ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', 405],
  ['an announced body of 1 GB', `${POST}Content-Length: 1000000000\r\n\r\n{"token":`, 413],
  [
    'an announced body of 1 GB, asked about first',
    `${POST}Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n`,
    413,
  ],
  ['endless chunks', `${POST}Transfer-Encoding: chunked\r\n\r\n${`1000\r\n${'a'.repeat(4096)}\r\n`.repeat(5)}`, 413],
  ['an announced body on another path', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n{', 404],
  [
    'an announced body of another kind',
    'POST /api/register-device HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{',
    415,
  ],
]

for (const [name, bytes, status] of brokenRequests) {
  test(`${name} is answered ${status}, the connection closed, and the next request served`, async (t) => {
    const door = await aDoor(t, {}, { timeouts: fast })
    const client = await aRawClient(t, door)
    client.socket.write(bytes, 'latin1')
    assert.match(await client.closed(), refusal(status))
    assert.equal((await ask(door, good('A1'))).status, 200)
    assert.deepEqual(await door.manufacturerIds(), ['A1'])
  })
}

test('a body larger than 16 KiB is refused while the client is still sending, and not read on', async (t) => {
  const door = await aDoor(t)
  const client = await aRawClient(t, door)
  client.socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
  let sent = 0
  const send = (): void => {
    while (!client.socket.destroyed && client.socket.write(chunk)) sent += chunk.length
  }
  client.socket.on('drain', send)
  send()
  await client.until(refusal(413))
  await client.closed()
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`)
})

test('100 Continue is sent when the body is wanted, and not before', async (t) => {
  const door = await aDoor(t)
  const client = await aRawClient(t, door)
  const [head = '', body = ''] = rawRegistration('A1', 'Expect: 100-continue\r\n').split('\r\n\r\n')
  client.socket.write(`${head}\r\n\r\n`)
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  client.socket.write(body)
  await client.until(/HTTP\/1\.1 200 [^]*"accessSecret"/)

  const refused = await aRawClient(t, door)
  refused.socket.write(`${POST}Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n`)
  assert.match(await refused.until(/\}$/), /^HTTP\/1\.1 413 /)
})

test('garbage behind a good request does not take its answer', async (t) => {
  const door = await aDoor(t)
  const client = await aRawClient(t, door)
  client.socket.write(`${rawRegistration('A1')}garbage garbage\r\n\r\n`)
  const text = await client.closed()
  assert.match(text, /^HTTP\/1\.1 200 [^]*"accessSecret":"\w+"\}HTTP\/1\.1 400 [^]*\}$/)
  assert.deepEqual(await door.manufacturerIds(), ['A1'])
})

test('a half-sent request behind a good one is cut without harm to the answer', async (t) => {
  const door = await aDoor(t, {}, { timeouts: fast })
  const client = await aRawClient(t, door)
  client.socket.write(`${rawRegistration('A1')}${POST}Content-Length: 100\r\n\r\n{`)
  assert.match(await client.closed(), /^HTTP\/1\.1 200 [^]*"accessSecret":"\w+"\}HTTP\/1\.1 408 [^]*\}$/)
})

test('a client that closes its sending half gets its answer', async (t) => {
  const client = await aRawClient(t, await aDoor(t))
  client.socket.end(rawRegistration('A1'))
  assert.match(await client.closed(), /^HTTP\/1\.1 200 [^]*"accessSecret":"\w+"\}$/)
})

test('a connection that waits for its next request too long is closed', async (t) => {
  const client = await aRawClient(t, await aDoor(t, {}, { timeouts: fast }))
  client.socket.write(rawRegistration('A1'))
  assert.match(await client.closed(), /^HTTP\/1\.1 200 [^]*\}$/)
})

test('connections beyond the cap are closed and the operator is told once', async (t) => {
  const log = memoryLog()
  const listener = await aListener(t, hello, { log, maxConnections: 2 })
  const clients = [await aRawClient(t, listener), await aRawClient(t, listener)]
  for (let index = 0; index < 3; index += 1) assert.equal(await (await aRawClient(t, listener)).closed(), '')
  for (const client of clients) {
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until(/hello/)
  }
  assert.deepEqual(
    log.lines.map(({ event, level }) => [event, level]),
    [['http-connection-dropped', 'warn']],
  )
})

const OFFER = 'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\nUpgrade: h2c\r\n'
const WEBSOCKET = 'GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'

test('a request that offers another protocol than WebSocket is served as it is', async (t) => {
  let upgrades = 0
  const door = await aDoor(t, {}, { onUpgrade: () => (upgrades += 1) })
  const client = await aRawClient(t, door)
  client.socket.write(rawRegistration('A1', OFFER))
  await client.until(/^HTTP\/1\.1 200 [^]*"accessSecret":"\w+"\}$/)
  client.socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n')
  await client.until(/HTTP\/1\.1 200 [^]*"status":"ok"/)
  assert.equal(upgrades, 0)
})

test('a WebSocket goes to whoever takes upgrades, and is an ordinary request when nobody does', async (t) => {
  const taken = await aDoor(
    t,
    {},
    { onUpgrade: (request, socket, head) => socket.end(`${request.url} ${head.toString()}`) },
  )
  const client = await aRawClient(t, taken)
  client.socket.write(`${WEBSOCKET}first bytes`)
  assert.equal(await client.closed(), '/mqtt first bytes')

  const alone = await aRawClient(t, await aDoor(t))
  alone.socket.write(WEBSOCKET)
  assert.match(await alone.until(/\}$/), /^HTTP\/1\.1 404 /)
})

test('an upgrade that fails by our fault costs its connection and nothing else', async (t) => {
  const log = memoryLog()
  const door = await aDoor(t, { log }, { onUpgrade: () => assert.fail('our fault') })
  const client = await aRawClient(t, door)
  client.socket.write(WEBSOCKET)
  assert.equal(await client.closed(), '')
  assert.ok(log.lines.some(({ event, level }) => event === 'upgrade-failed' && level === 'error'))
  assert.equal((await ask(door, good('A1'))).status, 200)
})

test('closing finishes what is in flight, says that the connection ends, and drops what only waits', async (t) => {
  const begun = aPromise()
  const mayFinish = aPromise()
  const app = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    begun.resolve()
    await mayFinish.promise
    response.end('finished')
  }
  const listener = await aListener(t, app)
  const silent = await aRawClient(t, listener)
  const busy = await aRawClient(t, listener)
  busy.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await begun.promise

  const closed = listener.close()
  assert.equal(await silent.closed(), '')
  await assert.rejects(ask(listener, { path: '/' }), { code: 'ECONNREFUSED' })
  mayFinish.resolve()
  assert.match(await busy.closed(), /^HTTP\/1\.1 200 [^]*Connection: close[^]*finished$/)
  await closed
  await listener.close()
})

test('closing over TLS drops what only waits, and waits for no handshake longer than the grace', async (t) => {
  const { cert, key, ca } = await aCertificate()
  const listener = await aListener(t, hello, { tls: { cert, key } })
  const idle = connectTls({ host: '127.0.0.1', port: listener.address.port, ca })
  t.after(() => idle.destroy())
  idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(idle, 'data')
  const shaking = await aRawClient(t, listener)
  const ended = once(idle, 'close')
  const closed = listener.close(100)
  await ended
  assert.equal(await shaking.closed(), '')
  await closed
})

test('closing ends what does not finish, upgraded connections too, when the grace is over', async (t) => {
  const listener = await aListener(t, () => {}, { onUpgrade: (_request, socket) => socket.write('upgraded') })
  const stuck = await aRawClient(t, listener)
  const upgraded = await aRawClient(t, listener)
  stuck.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  upgraded.socket.write(WEBSOCKET)
  await upgraded.until(/upgraded/)
  listener.stopAccepting()
  await assert.rejects(ask(listener, { path: '/' }), { code: 'ECONNREFUSED' })
  assert.equal(upgraded.socket.destroyed, false)
  await listener.close(50)
  assert.equal(await stuck.closed(), '')
  assert.equal(await upgraded.closed(), 'upgraded')
})

const unusable: readonly (readonly [code: string, host: string, words: RegExp])[] = [
  [
    'EADDRINUSE',
    '127.0.0.1',
    /^Error: listen\.http \(MOORING_LISTEN_HTTP\): cannot listen on 127\.0\.0\.1:\d+: another program/,
  ],
  [
    'EADDRNOTAVAIL',
    '192.0.2.1',
    /^Error: listen\.http \(MOORING_LISTEN_HTTP\): .*192\.0\.2\.1:\d+: this machine has no such address/,
  ],
]
for (const [code, host, words] of unusable) {
  test(`an address that gives ${code} is reported with the setting and the way out`, async (t) => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const bound = other.address()
    assert.ok(bound !== null && typeof bound === 'object')
    const address = { host, port: bound.port }
    await assert.rejects(listenHttp({ address, app: hello, log: memoryLog() }), words)
  })
}

test('a certificate that does not work is reported with the settings', async () => {
  const { cert } = await aCertificate()
  const address = { host: '127.0.0.1', port: 0 }
  for (const tls of [
    { cert: 'not PEM', key: 'not PEM' },
    { cert, key: cert },
  ]) {
    await assert.rejects(
      listenHttp({ address, tls, app: hello, log: memoryLog() }),
      /^Error: tls\.cert \(MOORING_TLS_CERT\) and tls\.key \(MOORING_TLS_KEY\) do not work together: /,
    )
  }
})

test('TLS is 1.2 or newer, and a new certificate is served without a restart', async (t) => {
  const { cert, key, ca } = await aCertificate()
  const listener = await aListener(t, hello, { tls: { cert, key } })
  const { port } = listener.address
  const shake = async (options: object = {}): Promise<TLSSocket> => {
    const socket = connectTls({ host: '127.0.0.1', port, ca, ...options })
    t.after(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }
  await assert.rejects(shake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  assert.equal((await shake({ maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2')

  assert.throws(() => listener.setCertificate({ cert, key: 'not PEM' }), /MOORING_TLS_KEY/)
  await shake()
  listener.setCertificate({ cert, key })
  await shake()
  await assert.rejects(shake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  const plain = await aListener(t, hello)
  assert.throws(() => plain.setCertificate({ cert, key }), /no TLS/)
})

test('a TLS handshake that never comes is cut', async (t) => {
  const { cert, key } = await aCertificate()
  const listener = await aListener(t, hello, { tls: { cert, key }, timeouts: fast })
  const client = await aRawClient(t, listener)
  await client.closed()
})

test('every connection is shown as it is accepted', async (t) => {
  const seen: (string | undefined)[] = []
  const listener = await aListener(t, hello, { onConnection: (socket) => seen.push(socket.remoteAddress) })
  const socket = connect(listener.address.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  assert.deepEqual(seen, ['127.0.0.1'])
})

test('the answer to a bad client is JSON that says what is wrong', async (t) => {
  const client = await aRawClient(t, await aDoor(t))
  client.socket.write('garbage\r\n\r\n')
  const [, body = ''] = (await client.closed()).split('\r\n\r\n')
  const { serverTime, ...others } = jsonOf({ status: 400, headers: {}, text: body })
  assert.deepEqual(others, {
    error: 'This is not an HTTP request.',
    code: 'ERR_REQUEST_MALFORMED',
    retryable: false,
  })
  assert.match(String(serverTime), /^\d{4}-.*Z$/)
})
