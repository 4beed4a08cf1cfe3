import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aDevice } from '../../support/registry.ts'
import { startMooring } from '../../support/server.ts'
import { anAdminDoor, ask } from './support.ts'

const send = (body: unknown) => ({ body })

for (const { name, device = 'A1-0001', body, status } of [
  { name: 'a device that is not there', device: 'A1-0009', body: { name: 'start' }, status: 404 },
  { name: 'no name', body: {}, status: 400 },
  { name: 'an empty name', body: { name: '' }, status: 400 },
  { name: 'a name without end', body: { name: 'x'.repeat(257) }, status: 400 },
  { name: 'a topic of the caller', body: { name: 'start', topic: 'losant/x/state' }, status: 400 },
  { name: 'a payload beyond a body', body: { name: 'start', payload: 'x'.repeat(1024 * 1024) }, status: 413 },
  {
    name: 'a payload too deep to be written',
    body: `{"name":"x","payload":${'['.repeat(2e5)}${']'.repeat(2e5)}}`,
    status: 400,
  },
]) {
  test(`a command with ${name} answers ${status}`, async (t) => {
    const door = await anAdminDoor(t, {
      operator: { server: { sendCommand: () => assert.fail('it was sent') } as never },
    })
    await aDevice(door.registry)
    const headers = await door.session('operator')
    assert.equal((await door.ask(`/devices/${device}/commands`, { ...send(body), headers })).status, status)
  })
}

test('a device that is disabled gets no command', async (t) => {
  const door = await anAdminDoor(t, {
    operator: { server: { sendCommand: () => assert.fail('it was sent') } as never },
  })
  await aDevice(door.registry)
  await door.registry.devices.change('A1-0001', { kind: 'disable' })
  const { status, body } = await door.ask('/devices/A1-0001/commands', {
    ...send({ name: 'start' }),
    headers: await door.session('operator'),
  })
  assert.deepEqual([status, body['type']], [409, 'urn:mooring:problem:conflict'])
})

test('the journal has who sent which command to whom, and nothing of its payload', async (t) => {
  const door = await anAdminDoor(t)
  await aDevice(door.registry)
  const body = { name: 'unlock', payload: { pin: 'the pin of the door' } }
  const headers = await door.session('operator')
  assert.equal((await door.ask('/devices/A1-0001/commands', { ...send(body), headers })).status, 200)
  const { entries } = await door.registry.journal.list({ limit: 100, after: 0, filter: { kind: 'operation' } })
  const entry = entries.find(({ operation }) => operation === 'sendCommand')
  assert.deepEqual([entry?.target, entry?.detail, entry?.caller?.name], ['A1-0001', 'unlock', 'operator-1'])
  assert.ok(!JSON.stringify(entries).includes('pin'))
})

test('a running server says what it is told, and nothing that is secret; it counts, warns and sends', async (t) => {
  const secret = 'a signing secret that nobody may read, ever'
  const webhook = 'https://erp.example/may-register?key=hidden'
  const server = await startMooring(t, {
    settings: {
      registration: { secret, webhookUrl: webhook, webhookSecret: `${secret} either` },
      admin: { account: 'ops' },
    },
    env: { MOORING_LOG_LEVEL: 'info' },
  })
  const { token } = await server.json('apitoken', 'create', 'ci', '--role', 'admin')
  const headers = { authorization: `Bearer ${String(token)}` }
  const at = (path: string) => `${server.url('http')}/admin/v1${path}`
  const config = await ask(at('/config'), { headers })
  for (const hidden of [secret, 'hidden']) assert.ok(!config.text.includes(hidden), hidden)
  const settings = config.body['settings'] as { path: string; value?: string; source: string; detail?: string }[]
  const of = (path: string) => settings.find((setting) => setting.path === path)
  assert.equal(of('registration.secret')?.value, '(set)')
  assert.match(of('registration.webhookUrl')?.value ?? '', /^https:\/\/erp\.example\/may-register \(/)
  assert.deepEqual(of('log.level'), {
    path: 'log.level',
    value: 'info',
    source: 'environment',
    detail: 'MOORING_LOG_LEVEL',
  })
  assert.deepEqual([of('tls.cert')?.value, of('tls.cert')?.source], [undefined, 'default'])

  const { deviceId } = await server.register('A1')
  await assert.rejects(server.register('A1'))
  const { body } = await ask(at('/overview'), { headers })
  assert.deepEqual(body['registrations'], { accepted: 1, refused: 1 })
  assert.equal(body['devices'], 1)
  const disk = body['disk'] as Record<string, number>
  assert.ok(Object.values(disk).every((bytes) => bytes > 0))
  const checks = body['checks'] as { check: string; state: string; hint?: string }[]
  assert.equal(checks.find(({ check }) => check === 'listen')?.state, 'warning')
  assert.equal(checks.find(({ check }) => check === 'store')?.state, 'ok')
  const sent = await ask(at(`/devices/${deviceId}/commands`), { body: { name: 'start' }, headers })
  assert.deepEqual(sent.body, { topic: `losant/${deviceId}/command`, sent: 0, queued: 0, device: 'unheard' })
  assert.equal((await ask(at('/history?span=24h'), { headers })).status, 200)
  assert.equal((await ask(at('/history?span=2h'), { headers })).status, 400)
})
