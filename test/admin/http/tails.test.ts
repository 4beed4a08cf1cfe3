import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { test, type TestContext } from 'node:test'
import { aDevice } from '../../support/registry.ts'
import { anAdminDoor, type AdminDoor } from './support.ts'

interface Event {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

async function tail(t: TestContext, door: AdminDoor, device: string, headers: Record<string, string>) {
  const request = httpRequest(`${door.baseUrl}/admin/v1/devices/${device}/messages`, { headers, agent: false })
  t.after(() => request.destroy())
  request.on('error', () => {})
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    response.emit('more')
  })
  const events = (): Event[] =>
    Array.from(text.matchAll(/event: (.+)\ndata: (.+)\n\n/g), ([, event = '', data = '']) => ({
      event,
      data: JSON.parse(data) as Event['data'],
    }))
  const until = async (reached: () => boolean): Promise<void> => {
    while (!reached()) await once(response, 'more')
  }
  const messages = (): Event['data'][] =>
    events()
      .filter(({ event }) => event === 'message')
      .map(({ data }) => data)
  const skipped = (): number =>
    events().reduce((sum, { event, data }) => (event === 'skipped' ? sum + Number(data['count']) : sum), 0)
  const ended = new Promise<void>((resolve) => response.once('close', resolve))
  await until(() => events().some(({ event }) => event === 'hello'))
  return { request, response, messages, skipped, until, ended }
}

test('a viewer sees no messages, and of a device that is not there nobody does', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const path = `/devices/${deviceId}/messages`
  assert.equal((await door.ask(path, { headers: await door.session('viewer') })).status, 403)
  assert.equal((await door.ask(path, { headers: await door.apiToken('admin', ['devices:read']) })).status, 403)
  assert.equal((await door.ask('/devices/nobody/messages', { headers: await door.session('operator') })).status, 404)
  assert.deepEqual(door.watched.devices, [])
})

test('a page past the hundredth is told to come again', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const headers = await door.session('operator')
  for (let index = 0; index < 100; index++) await tail(t, door, deviceId, headers)
  const { status, body } = await door.ask(`/devices/${deviceId}/messages`, { headers })
  assert.deepEqual([status, body['type']], [503, 'urn:mooring:problem:too-many-streams'])
})

test('HEAD opens no stream', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const headers = await door.session('operator')
  const { status, text } = await door.ask(`/devices/${deviceId}/messages`, { method: 'HEAD', headers })
  assert.deepEqual([status, text, door.watched.devices], [200, '', []])
})

test('only the device that is looked at is listened to, and for as long as somebody looks', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const { deviceId: other } = await aDevice(door.registry, 'A1-0002')
  const headers = await door.session('operator')
  // By its manufacturer ID too.
  const seen = await tail(t, door, 'A1-0001', headers)
  assert.deepEqual(door.watched.devices, [deviceId])
  door.watched.publish(other, 'not for this page')
  door.watched.publish(deviceId, '{"data":{"rpm":1}}')
  await seen.until(() => seen.messages().length > 0)
  const [{ at, ...message } = {}] = seen.messages()
  assert.ok(Date.parse(String(at)))
  assert.deepEqual(message, {
    topic: `losant/${deviceId}/state`,
    payload: '{"data":{"rpm":1}}',
    encoding: 'text',
    bytes: 18,
    cut: false,
    qos: 0,
    retain: false,
  })
  seen.request.destroy()
  // The server hears of it when it hears of it.
  while (door.watched.devices.length > 0) await new Promise(setImmediate)
})

const ESSAY = `${'x'.repeat(4095)}ä${'x'.repeat(9000)}`
const payloads = [
  {
    name: 'bytes that are no text',
    given: Buffer.from([0xff, 0, 0xfe]),
    payload: '/wD+',
    encoding: 'base64',
    cut: false,
  },
  { name: 'nothing', given: Buffer.alloc(0), payload: '', encoding: 'text', cut: false },
  { name: 'a long text', given: Buffer.from(ESSAY), payload: 'x'.repeat(4095), encoding: 'text', cut: true },
  {
    name: 'many bytes',
    given: Buffer.alloc(9000, 0xff),
    payload: Buffer.alloc(4096, 0xff).toString('base64'),
    encoding: 'base64',
    cut: true,
  },
]
for (const { name, given, payload, encoding, cut } of payloads) {
  test(`${name} is shown as far as it can be`, async (t) => {
    const door = await anAdminDoor(t)
    const { deviceId } = await aDevice(door.registry)
    const seen = await tail(t, door, deviceId, await door.session('operator'))
    door.watched.publish(deviceId, given)
    await seen.until(() => seen.messages().length > 0)
    const [message = {}] = seen.messages()
    assert.deepEqual(
      [message['payload'], message['encoding'], message['cut'], message['bytes']],
      [payload, encoding, cut, given.length],
    )
  })
}

test('of a device that says too much a hundred messages a second are shown, and the others counted', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const seen = await tail(t, door, deviceId, await door.session('operator'))
  for (let index = 0; index < 1000; index++) door.watched.publish(deviceId, `${index}`)
  await seen.until(() => seen.messages().length + seen.skipped() === 1000)
  assert.ok(seen.messages().length >= 100 && seen.messages().length <= 200, `${seen.messages().length}`)
})

test('a page that does not read costs a bounded amount, and hears how much it missed', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const headers = await door.session('operator')
  const slow = await tail(t, door, deviceId, headers)
  const fast = await tail(t, door, deviceId, headers)
  slow.response.pause()
  const rounds = 40
  for (let round = 1; round <= rounds; round++) {
    for (let index = 0; index < 100; index++) door.watched.publish(deviceId, Buffer.alloc(4096, 0xff))
    const told = round * 100
    await fast.until(() => fast.messages().length + fast.skipped() >= told)
  }
  slow.response.resume()
  await slow.until(() => slow.messages().length + slow.skipped() === rounds * 100)
  assert.ok(slow.messages().length < fast.messages().length, `${slow.messages().length}`)
})

test('a stream goes on when the device is changed, and ends when it is deleted', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const seen = await tail(t, door, 'A1-0001', await door.session('operator'))
  await door.registry.devices.change(deviceId, { kind: 'tag', set: [{ key: 'site', value: 'b' }], remove: [] })
  await door.registry.devices.change(deviceId, { kind: 'disable' })
  door.watched.publish(deviceId, 'still heard')
  await seen.until(() => seen.messages().length > 0)
  await door.registry.devices.delete(deviceId)
  await seen.ended
})

test('a stream ends within seconds of its session, and with the server', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry)
  const first = await tail(t, door, deviceId, await door.session('operator'))
  const second = await tail(t, door, deviceId, await door.apiToken('operator'))
  await door.session('admin')
  await door.registry.accounts.remove('operator-1')
  await first.ended
  door.admin.close()
  await second.ended
})
