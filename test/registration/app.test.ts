import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { RegistryError, Secret, type Registry } from '../../registry/index.ts'
import { mint } from '../contract/registration-cases.ts'
import { ask, assertHeaders, jsonOf } from '../contract/registration-door.ts'
import { memoryLog } from '../support/log.ts'
import { aDoor, aPromise, aRawClient, rawRegistration, validToken } from './support.ts'

type Register = Registry['registerDevice']

const body = (manufacturerId: unknown, token: unknown = validToken()): string =>
  JSON.stringify({ token, manufacturerId })

const CREDENTIALS = {
  deviceId: '0123456789abcdef01234567',
  accessKey: 'the-access-key',
  accessSecret: new Secret('the-access-secret'),
}

test('a fault is answered without its words, and logged with its stack and cause', async (t) => {
  const log = memoryLog()
  const fault = new Error('the disk is full', { cause: new Error('ENOSPC') })
  const door = await aDoor(t, { registry: { registerDevice: () => Promise.reject(fault) }, log })
  const reply = await ask(door, { body: body('A1') })
  assert.equal(reply.status, 500)
  const { serverTime, ...others } = jsonOf(reply)
  assert.deepEqual(others, { error: 'Internal error', code: 'ERR_INTERNAL', retryable: true })
  assert.ok(Math.abs(Date.parse(String(serverTime)) - Date.now()) < 60_000)
  assert.equal(reply.headers['access-control-allow-origin'], '*')
  const line = log.lines.find(({ event }) => event === 'request-failed')
  assert.equal(line?.level, 'error')
  assert.match(String(line?.['stack']), /the disk is full[^]*app\.test[^]*caused by Error: ENOSPC/)
})

test('something thrown that is no error is a fault too', async (t) => {
  const log = memoryLog()
  const fault: unknown = Object.assign(Object.create(null), { status: 200 })
  const door = await aDoor(t, { registry: { registerDevice: () => Promise.reject(fault) }, log })
  assert.equal((await ask(door, { body: body('A1') })).status, 500)
  assert.ok(log.lines.some(({ event }) => event === 'request-failed'))
})

test('a registry that is busy is answered 503 with the time to wait', async (t) => {
  const busy = new RegistryError('ERR_BUSY', 'Too many registrations at once.')
  const door = await aDoor(t, { registry: { registerDevice: () => Promise.reject(busy) } })
  const reply = await ask(door, { body: body('A1') })
  assert.equal(reply.status, 503)
  assert.match(reply.headers['retry-after'] ?? '', /^\d+$/)
  const { serverTime: _time, ...others } = jsonOf(reply)
  assert.deepEqual(others, { error: 'Too many registrations at once.', code: 'ERR_BUSY', retryable: true })
})

test('the registry is not asked before the manufacturer ID is one', async (t) => {
  let asked = 0
  const registerDevice: Register = async () => {
    asked += 1
    return CREDENTIALS
  }
  const door = await aDoor(t, { registry: { registerDevice } })
  for (const id of [null, '', ' ', {}, [], true, 1.5, 'a\0b']) await ask(door, { body: body(id) })
  assert.equal(asked, 0)
  const reply = await ask(door, { body: body('A1') })
  assert.equal(asked, 1)
  assert.deepEqual(jsonOf(reply), { ...CREDENTIALS, accessSecret: 'the-access-secret' })
})

test('the log tells of registrations and refusals, and holds no token, secret or body', async (t) => {
  const log = memoryLog()
  const door = await aDoor(t, { log })
  const token = validToken()
  const stolen = mint('another secret of at least thirty-two bytes', { iss: 'x', note: 'STOLEN' })
  const registered = jsonOf(await ask(door, { body: body('line\u2028\u202eend', token) }))
  await ask(door, { body: body('A2', stolen) })
  await ask(door, { body: `{"manufacturerId":"A3","token":"${token}" OOPS` })
  await ask(door, { body: body(''), path: '/api/register-device?token=QUERY' })

  const [first, ...refusals] = log.lines
  assert.ok(first)
  const { event, level, deviceId, manufacturerId, address } = first
  assert.deepEqual(
    { event, level, deviceId, manufacturerId, address },
    {
      event: 'device-registered',
      level: 'info',
      deviceId: registered['deviceId'],
      manufacturerId: 'line\\u{2028}\\u{202e}end',
      address: '127.0.0.1',
    },
  )
  assert.deepEqual(
    refusals.map((line) => [line.event, line.level, line['code'], line['address']]),
    ['ERR_REGISTRATION_TOKEN_INVALID', 'ERR_BODY_MALFORMED', 'ERR_MANUFACTURER_ID_MISSING'].map((code) => [
      'request-refused',
      'info',
      code,
      '127.0.0.1',
    ]),
  )
  assert.match(String(refusals[0]?.['reason']), /signature/)
  const all = JSON.stringify(log.lines)
  for (const secret of [token, stolen, String(registered['accessSecret']), 'OOPS', 'STOLEN', 'QUERY', 'A3']) {
    assert.ok(!all.includes(secret), secret)
  }
})

test('a flood of refusals becomes a few lines and a sum', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const log = memoryLog()
  const door = await aDoor(t, { log })
  for (let index = 0; index < 50; index += 1) await ask(door, { body: body('') })
  assert.equal(log.lines.length, 20)
  t.mock.timers.tick(1000)
  assert.deepEqual(log.lines.at(-1)?.['held'], { ERR_MANUFACTURER_ID_MISSING: 30 })
  await ask(door, { body: body('') })
  assert.equal(log.lines.length, 22)
})

test('headers of proxies are not believed', async (t) => {
  const log = memoryLog()
  const door = await aDoor(t, { log })
  const headers = { 'Content-Type': 'application/json', 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' }
  assertHeaders((await ask(door, { headers, body: body('A1') })).headers, false)
  assert.equal(log.lines[0]?.['address'], '127.0.0.1')
})

test('a device that hung up before its registration began is not registered', async (t) => {
  const log = memoryLog()
  let asked = 0
  const registerDevice: Register = async () => {
    asked += 1
    return CREDENTIALS
  }
  const door = await aDoor(t, { registry: { registerDevice }, log })
  const client = await aRawClient(t, door)
  client.socket.write(rawRegistration('A1').slice(0, -5))
  client.socket.resetAndDestroy()
  while (!log.lines.some((line) => line['code'] === 'ERR_BODY_INCOMPLETE')) await new Promise(setImmediate)
  assert.equal(asked, 0)
})

test('the operator hears of a device whose credentials could not be delivered', async (t) => {
  const log = memoryLog()
  const registering = aPromise()
  const mayFinish = aPromise()
  const registerDevice: Register = async () => {
    registering.resolve()
    await mayFinish.promise
    return CREDENTIALS
  }
  let accepted: { once(event: 'close', tell: () => void): void } | undefined
  const door = await aDoor(t, { registry: { registerDevice }, log }, { onConnection: (socket) => (accepted = socket) })
  const client = await aRawClient(t, door)
  client.socket.write(rawRegistration('A1'))
  await registering.promise
  assert.ok(accepted)
  const gone = new Promise<void>((resolve) => accepted?.once('close', resolve))
  client.socket.resetAndDestroy()
  await gone
  mayFinish.resolve()
  while (!log.lines.some(({ event }) => event === 'credentials-undelivered')) await new Promise(setImmediate)
  assert.equal(log.lines.at(-1)?.['deviceId'], CREDENTIALS.deviceId)
  assert.equal(log.lines.at(-1)?.level, 'warn')
})

test('an address that cannot be read is 400', async (t) => {
  const client = await aRawClient(t, await aDoor(t))
  client.socket.write('POST http://[::1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  assert.match(await client.closed(), /^HTTP\/1\.1 400 [^]*application\/json[^]*"error":/)
})

test('a request of HTTP/1.1 without Host is 400, one of HTTP/1.0 is served', async (t) => {
  const door = await aDoor(t)
  const modern = await aRawClient(t, door)
  modern.socket.write(rawRegistration('A1', 'Connection: close\r\n').replace('Host: x\r\n', ''))
  assert.match(await modern.closed(), /^HTTP\/1\.1 400 [^]*application\/json[^]*Host header/)
  const old = await aRawClient(t, door)
  old.socket.write(rawRegistration('A1').replace('Host: x\r\n', '').replace('HTTP/1.1', 'HTTP/1.0'))
  assert.match(await old.closed(), /^HTTP\/1\.1 200 /)
})

test('requests of one connection are served one after the other, refusals between them', async (t) => {
  const door = await aDoor(t)
  const client = await aRawClient(t, door)
  client.socket.write(rawRegistration('A1') + rawRegistration('') + rawRegistration('A1') + rawRegistration('A2'))
  const text = await client.until(/"deviceId"[^]*"deviceId"/)
  assert.deepEqual(
    text.match(/HTTP\/1\.1 \d+/g),
    ['200', '403', '403', '200'].map((status) => `HTTP/1.1 ${status}`),
  )
  client.socket.end()
  await once(client.socket, 'close')
})
