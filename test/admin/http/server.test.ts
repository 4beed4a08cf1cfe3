import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { aFolder } from '../../support/folder.ts'
import { startMooring, type Mooring } from '../../support/server.ts'
import { ask, PASSWORD } from './support.ts'

const outerAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

const logIn = (server: Mooring, password: string) =>
  ask(`${server.url('http')}/admin/v1/login`, { body: { name: 'admin', password } })

async function setUp(server: Mooring, url: string): Promise<{ cookie: string }> {
  const line = await server.process.line(/"event":"admin-setup"/)
  const { code } = JSON.parse(line) as { code: string }
  const answer = await ask(`${url}/admin/v1/setup`, { body: { code, name: 'ops', password: PASSWORD } })
  assert.equal(answer.status, 200, answer.text)
  return { cookie: (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '' }
}

const timeless = (text: string): string => text.replace(/"serverTime":"[^"]+"/, '')

test('unless told otherwise only this machine reaches it, and others see nothing', async (t) => {
  const server = await startMooring(t, { env: { MOORING_LISTEN_HTTP: '0.0.0.0:0' } })
  const url = server.url('http')
  const nothing = await ask(`${url}/nothing`, {})
  const elsewhere = [
    ask(`${url}/admin/v1/setup`, { headers: { via: '1.1 proxy' } }),
    ask(`${url}/openapi.json`, { headers: { 'x-forwarded-for': '127.0.0.1' } }),
    ask(`${url}/`, { headers: { via: '1.1 proxy' } }),
    ask(`${url}/docs`, { headers: { via: '1.1 proxy' } }),
    ...(outerAddress === undefined ? [] : [ask(`${url.replace('127.0.0.1', outerAddress)}/admin/v1/setup`, {})]),
  ]
  for (const { status, text } of await Promise.all(elsewhere)) {
    assert.deepEqual([status, timeless(text)], [404, timeless(nothing.text)])
  }
  assert.equal((await ask(`${url}/admin/v1/status`, {})).status, 401)
  const line = await server.process.line(/"event":"admin-setup"/)
  const { urls } = JSON.parse(line) as { urls: string[] }
  const { code } = JSON.parse(line) as { code: string }
  assert.deepEqual(urls, [`${url}/setup#${code}`])
})

for (const { access, status } of [
  { access: 'off', status: 404 },
  { access: 'all', status: 200 },
]) {
  test(`with admin.access ${access} everyone gets ${status}`, async (t) => {
    const server = await startMooring(t, { settings: { admin: { access } }, env: { MOORING_LISTEN_HTTP: '0.0.0.0:0' } })
    const url = server.url('http')
    const hosts = outerAddress === undefined ? [url] : [url, url.replace('127.0.0.1', outerAddress)]
    for (const host of hosts) {
      assert.equal((await ask(`${host}/admin/v1/setup`, { headers: { via: '1.1 proxy' } })).status, status)
    }
    assert.equal(server.count('admin-setup'), access === 'off' ? 0 : 1)
  })
}

test('on a listener of its own it is there and nowhere else', async (t) => {
  const server = await startMooring(t, { env: { MOORING_LISTEN_ADMIN: '127.0.0.1:0' } })
  const admin = `http://127.0.0.1:${server.addresses['admin' as 'http']?.port}`
  assert.equal((await ask(`${server.url('http')}/admin/v1/setup`, {})).status, 404)
  assert.equal((await ask(`${admin}/admin/v1/setup`, {})).status, 200)
  assert.match((await ask(`${server.url('http')}/`, {})).text, /There is nothing here/)
  assert.match((await ask(`${admin}/`, {})).headers.get('content-security-policy') ?? '', /default-src 'self'/)
  const registration = await ask(`${admin}/api/register-device`, { body: {} })
  assert.equal(registration.body['type'], 'urn:mooring:problem:route-not-found')
})

test('on a listener of its own in the network it speaks TLS, with a cookie for TLS alone', async (t) => {
  const server = await startMooring(t, { tls: true, env: { MOORING_LISTEN_ADMIN: '0.0.0.0:0' } })
  const { code } = JSON.parse(await server.process.line(/"event":"admin-setup"/)) as { code: string }
  const request = httpsRequest({
    host: '127.0.0.1',
    port: server.addresses['admin' as 'http']?.port,
    path: '/admin/v1/setup',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    rejectUnauthorized: false,
  })
  request.end(JSON.stringify({ code, name: 'ops', password: PASSWORD }))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  assert.equal(response.statusCode, 200)
  assert.match(
    response.headers['set-cookie']?.[0] ?? '',
    /^__Host-mooring=[\w-]{43}; path=\/; samesite=strict; secure; httponly$/,
  )
  assert.match(response.headers['strict-transport-security'] ?? '', /^max-age=/)
})

test('a listener of its own in the network needs a certificate', async (t) => {
  const folder = await aFolder(t)
  const { startProgram } = await import('../../support/server.ts')
  const program = startProgram(t, ['serve', '--data', join(folder, 'data'), '--listen', 'admin=0.0.0.0:0'], {
    cwd: folder,
  })
  assert.equal(await program.ended, 6)
  assert.match(program.lines.join('\n'), /listen\.admin: TLS needs tls\.cert and tls\.key/)
})

test('what devices and operators do is heard as it happens, and a stop does not wait for who listens', async (t) => {
  const server = await startMooring(t, { env: { MOORING_SHUTDOWN_GRACE_TIMEOUT: '1h' } })
  const url = server.url('http')
  const headers = await setUp(server, url)
  const request = httpRequest(`${url}/admin/v1/events`, { headers })
  t.after(() => request.destroy())
  request.on('error', () => {})
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let heard = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    heard += text
    response.emit('more')
  })
  const hears = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(heard)) await once(response, 'more')
  }
  await hears(/event: hello/)
  const { deviceId, accessKey, accessSecret } = await server.register('A1')
  await hears(/event: device-registered\ndata: .*"manufacturerId":"A1"/)
  await assert.rejects(server.register('A1'))
  await hears(/event: registration-refused\ndata: \{"result":"exists"\}/)
  const client = await connectAsync(server.url('mqtt'), {
    clientId: deviceId,
    username: accessKey,
    password: accessSecret,
    reconnectPeriod: 0,
  })
  t.after(() => client.end(true))
  await hears(new RegExp(`event: client-connected\\ndata: .*"deviceId":"${deviceId}","address":"127\\.0\\.0\\.1"`))
  await hears(/event: stats\ndata: \{"connectedClients":1,.*"registrations":1,"registrationsRefused":1/)
  await server.cli('device', 'disable', 'A1')
  await hears(/event: changed\ndata: \{"operation":"disableDevice","target":"A1","by":\{"kind":"shell"\}\}/)
  await hears(new RegExp(`event: client-disconnected\\ndata: .*"deviceId":"${deviceId}"`))
  const closed = once(response, 'close')
  // A stop that waits for all of the grace time is forced, and ends with another code.
  assert.equal(await server.stop(), 0)
  await closed
})

test('a session outlives a pulled plug', async (t) => {
  const server = await startMooring(t)
  const headers = await setUp(server, server.url('http'))
  await server.kill()
  const again = await startMooring(t, { data: server.data })
  assert.equal((await ask(`${again.url('http')}/admin/v1/me`, { headers })).body['name'], 'ops')
  assert.equal(again.count('admin-setup'), 0)
})

test('MOORING_ADMIN_PASSWORD_FILE makes the account at the first start and sets its password at a later one', async (t) => {
  const folder = await aFolder(t)
  const file = join(folder, 'password')
  await writeFile(file, `${PASSWORD}\n`)
  const env = { MOORING_ADMIN_PASSWORD_FILE: file }
  const first = await startMooring(t, { env })
  assert.equal((await logIn(first, PASSWORD)).status, 200)
  assert.equal(first.count('admin-setup'), 0)
  await first.stop()
  await writeFile(file, 'another good password')
  const second = await startMooring(t, { env, data: first.data })
  assert.equal((await logIn(second, PASSWORD)).status, 401)
  assert.equal((await logIn(second, 'another good password')).status, 200)
  assert.equal(second.count('admin-password-set'), 1)
})

test('the commands make accounts, codes and tokens for a server that runs', async (t) => {
  const folder = await aFolder(t)
  const server = await startMooring(t)
  const password = join(folder, 'password')
  await writeFile(password, `${PASSWORD}\n`)
  assert.equal((await server.cli('admin', 'create', 'ops', '--password-file', password)).code, 0)
  const login = { body: { name: 'ops', password: PASSWORD } }
  assert.equal((await ask(`${server.url('http')}/admin/v1/login`, login)).status, 200)
  const { code, urls } = await server.json('admin', 'setup-url')
  assert.deepEqual(urls, [`${server.url('http')}/setup#${String(code)}`])
  const setup = { body: { code, name: 'second', password: PASSWORD } }
  assert.equal((await ask(`${server.url('http')}/admin/v1/setup`, setup)).status, 200)
  const { token } = await server.json('apitoken', 'create', 'ci', '--role', 'viewer', '--scope', 'devices:read')
  const headers = { authorization: `Bearer ${String(token)}` }
  assert.equal((await ask(`${server.url('http')}/admin/v1/devices`, { headers })).status, 200)
  assert.equal((await server.cli('apitoken', 'revoke', 'ci')).code, 0)
  assert.equal((await ask(`${server.url('http')}/admin/v1/devices`, { headers })).status, 401)
})
