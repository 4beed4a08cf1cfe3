import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { test, type TestContext } from 'node:test'
import { aDevice } from '../../support/registry.ts'
import { anAdminDoor, type AdminDoor } from './support.ts'

interface Event {
  readonly event: string
  readonly data: Record<string, unknown>
}

/** A listener that reads as fast as it can, unless it is told to pause. */
async function listen(t: TestContext, door: AdminDoor, headers: Record<string, string>) {
  const request = httpRequest(`${door.baseUrl}/admin/v1/events`, { headers, agent: false })
  t.after(() => request.destroy())
  request.on('error', () => {})
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    response.emit('more')
  })
  const events = (): Event[] =>
    Array.from(text.matchAll(/event: (.+)\ndata: (.+)\n\n/g), ([, event = '', data = '']) => ({
      event,
      data: JSON.parse(data) as Record<string, unknown>,
    }))
  const next = async (event: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = events().find((one) => one.event === event)
      if (found !== undefined) return found.data
      await once(response, 'more')
    }
  }
  return { response, events, next, ended: () => once(response, 'close') }
}

const A_CLIENT = { clientId: 'c', accessKey: 'k', address: '10.0.0.1' }

test('a listener past the hundredth is told to come again', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('viewer')
  for (let index = 0; index < 100; index++) await listen(t, door, headers)
  const { status, body, headers: answered } = await door.ask('/events', { headers })
  assert.deepEqual([status, body['type']], [503, 'urn:mooring:problem:too-many-streams'])
  assert.equal(answered.get('retry-after'), '5')
})

test('a device that comes back is told as that, and not as refused', async (t) => {
  const door = await anAdminDoor(t)
  const listener = await listen(t, door, await door.session('viewer'))
  const { deviceId } = await aDevice(door.registry)
  const device = door.registry.devices.get(deviceId)
  door.registry.deviceReturned.emit({ device, reason: 'window', address: '10.0.0.1' })
  door.news.registrationEnded.emit('returned')
  door.news.registrationEnded.emit('exists')
  assert.deepEqual(await listener.next('registration-refused'), { result: 'exists' })
  const returned = { id: deviceId, manufacturerId: device.manufacturerId, reason: 'window' }
  assert.deepEqual(await listener.next('device-returned'), returned)
})

test('a stream ends within seconds of its session or its token', async (t) => {
  const door = await anAdminDoor(t)
  const session = await listen(t, door, await door.session('viewer'))
  const token = await listen(t, door, await door.apiToken('viewer'))
  const ended = [session.ended(), token.ended()]
  await door.session('admin')
  await door.registry.accounts.remove('viewer-1')
  await door.registry.accounts.apiTokens.revoke('viewer-2')
  await Promise.all(ended)
})

test('a listener that does not read costs a bounded amount, and hears how much it missed', async (t) => {
  const door = await anAdminDoor(t)
  const slow = await listen(t, door, await door.session('viewer'))
  const fast = await listen(t, door, await door.session('viewer'))
  await slow.next('hello')
  slow.response.pause()
  const big = { ...A_CLIENT, clientId: 'x'.repeat(100_000) }
  for (let index = 0; index < 300; index++) {
    door.news.clientConnected.emit({ ...big, accessKey: `${index}` })
    await new Promise(setImmediate)
  }
  while (fast.events().filter(({ event }) => event === 'client-connected').length < 300)
    await once(fast.response, 'more')
  assert.ok(!fast.events().some(({ event }) => event === 'dropped'))
  slow.response.resume()
  const { count } = await slow.next('dropped')
  const arrived = slow.events().filter(({ event }) => event === 'client-connected').length
  assert.ok(Number(count) > 0)
  assert.ok(arrived < 300)
  assert.ok(arrived + Number(count) >= 300)
})

test('what happens is told, and no secret with it', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  const listener = await listen(t, door, headers)
  assert.match(listener.response.headers['content-type'] ?? '', /^text\/event-stream/)
  assert.deepEqual(await listener.next('hello'), {})
  const { deviceId, accessSecret } = await aDevice(door.registry)
  door.news.registrationEnded.emit('created')
  door.news.registrationEnded.emit('bad_token')
  door.news.clientConnected.emit({ ...A_CLIENT, deviceId })
  door.news.clientDisconnected.emit(A_CLIENT)
  const created = await door.ask('/service-keys', { body: { name: 'dash', rules: {} }, headers })
  const { registeredAt, ...device } = await listener.next('device-registered')
  assert.deepEqual(device, { id: deviceId, manufacturerId: 'A1-0001', name: 'Generator - A1-0001' })
  assert.ok(Date.parse(String(registeredAt)))
  assert.deepEqual(await listener.next('registration-refused'), { result: 'bad_token' })
  assert.deepEqual(await listener.next('client-connected'), { ...A_CLIENT, deviceId })
  assert.deepEqual(await listener.next('client-disconnected'), A_CLIENT)
  assert.deepEqual(await listener.next('changed'), {
    operation: 'createServiceKey',
    target: 'dash',
    by: { kind: 'account', name: 'admin-1', address: '127.0.0.1' },
  })
  assert.deepEqual(await listener.next('stats'), { connectedClients: 3 })
  const heard = JSON.stringify(listener.events())
  for (const secret of [accessSecret, created.body['accessSecret']]) assert.ok(!heard.includes(String(secret)))
})

test('a question that changes nothing is not told', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  const listener = await listen(t, door, headers)
  await door.ask('/devices', { headers })
  await door.ask('/accounts/admin-1', { method: 'DELETE', headers })
  await listener.next('stats')
  assert.ok(!listener.events().some(({ event }) => event === 'changed'))
})

test('closing ends every stream', async (t) => {
  const door = await anAdminDoor(t)
  const listener = await listen(t, door, await door.session('viewer'))
  const ended = listener.ended()
  door.admin.close()
  await ended
})
