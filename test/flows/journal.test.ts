import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import mqtt from 'mqtt'
import { startMooring, type Mooring } from '../support/server.ts'

const entriesOf = async (mooring: Mooring, ...filter: readonly string[]): Promise<Record<string, unknown>[]> =>
  (await mooring.json('journal', 'list', ...filter))['entries'] as Record<string, unknown>[]

const refusedRegistration = async (mooring: Mooring, manufacturerId: string): Promise<void> => {
  const response = await fetch(mooring.url('http', '/api/register-device'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: 'nonsense', manufacturerId }),
  })
  assert.equal(response.status, 403)
}

async function refusedLogin(mooring: Mooring, clientId: string, username: string): Promise<void> {
  const client = mqtt.connect(mooring.url('mqtt'), { clientId, username, password: 'wrong', reconnectPeriod: 0 })
  await new Promise((resolve) => client.once('error', resolve))
  await client.endAsync(true)
}

/** Speaks HTTP to a TLS port. */
async function failedHandshake(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.0\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
}

test('every way in that was refused is in the journal, and explain says which', async (t) => {
  const mooring = await startMooring(t, { tls: true })
  const { deviceId, accessKey } = await mooring.register('A1-0001')
  await refusedRegistration(mooring, 'A1-0002')
  await refusedLogin(mooring, deviceId, accessKey)
  await failedHandshake(mooring.addresses.mqtts?.port ?? 0)
  await failedHandshake(mooring.addresses.https?.port ?? 0)
  await mooring.json('device', 'disable', 'A1-0001')

  const entries = await entriesOf(mooring)
  const facts = entries.map(({ kind, result, code, address, transport, target }) => ({
    kind,
    result,
    ...(code === undefined ? {} : { code }),
    ...(kind === 'operation' ? { target } : { address, transport }),
  }))
  const address = '127.0.0.1'
  for (const expected of [
    { kind: 'registration', result: 'accepted', address, transport: 'http' },
    { kind: 'registration', result: 'refused', code: 'ERR_REGISTRATION_TOKEN_INVALID', address, transport: 'http' },
    { kind: 'login', result: 'refused', code: 'ERR_CREDENTIALS_INVALID', address, transport: 'tcp' },
    { kind: 'tls', result: 'failed', address, transport: 'tls' },
    { kind: 'tls', result: 'failed', address, transport: 'https' },
    { kind: 'operation', result: 'done', target: 'A1-0001' },
  ]) {
    assert.ok(
      facts.some((one) => JSON.stringify(one) === JSON.stringify(expected)),
      `${JSON.stringify(expected)} is not in ${JSON.stringify(facts)}`,
    )
  }
  const { findings } = (await mooring.json('explain', 'A1-0001')) as { findings: { check: string; verdict: string }[] }
  assert.deepEqual(
    findings.filter(({ verdict }) => verdict === 'blocks').map(({ check }) => check),
    ['device', 'connect', 'tls'],
  )
  assert.equal((await mooring.json('journal', 'verify'))['whole'], true)
})

test('a server that is killed leaves a whole journal, in which every device has its entry', async (t) => {
  const mooring = await startMooring(t)
  await mooring.token('mqtt')
  const registered: string[] = []
  const atWork = Array.from({ length: 8 }, async (_, worker) => {
    for (let index = 0; ; index++) {
      const answer = await mooring.register(`A${worker}-${index}`).catch(() => undefined)
      if (answer === undefined) return
      registered.push(answer.deviceId)
      if (registered.length === 300) await mooring.kill()
    }
  })
  await Promise.all(atWork)

  const next = await startMooring(t, { data: mooring.data })
  assert.equal((await next.json('journal', 'verify'))['whole'], true)
  const entries = await entriesOf(next, '--kind', 'registration', '--limit', '1000')
  const recorded = new Set(entries.map(({ deviceId }) => deviceId))
  assert.deepEqual(
    registered.filter((id) => !recorded.has(id)),
    [],
  )
  assert.equal(recorded.size, entries.length)
  const late = entries.filter(({ reason }) => reason !== undefined)
  t.diagnostic(`${registered.length} devices were answered; ${late.length} entries were made at the next start`)
})
