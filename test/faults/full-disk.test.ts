import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { publishPacket, WireClient } from '../broker/support/wire.ts'
import { inTime } from '../conformance/support/in-time.ts'
import { startMooring, type Credentials, type Mooring } from '../support/server.ts'

const run = promisify(execFile)
const DISK_BYTES = 192 * 1024 * 1024

/** A disk of its own in memory; undefined where this user may not have one. */
async function aSmallDisk(t: TestContext): Promise<string | undefined> {
  // Not `aFolder`, which is removed before it would be unmounted.
  const folder = await mkdtemp(join(tmpdir(), 'mooring-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder])
  } catch {
    await rmdir(folder)
    return undefined
  }
  t.after(async () => {
    await run('umount', ['-l', folder])
    await rmdir(folder)
  })
  return folder
}

async function login(
  t: TestContext,
  mooring: Mooring,
  of: Partial<Credentials>,
  clientId: string,
): Promise<WireClient> {
  const { port = 0 } = mooring.addresses.mqtt ?? {}
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const client = new WireClient(socket)
  const password = Buffer.from(of.accessSecret ?? '')
  const connack = await inTime(client.login({ clientId, username: of.accessKey ?? '', password }), 'no CONNACK')
  assert.equal(connack['returnCode'], 0)
  return client
}

async function statusOf(mooring: Mooring, path: string, init: RequestInit = {}): Promise<[number, unknown]> {
  const reply = await fetch(mooring.url('http', path), init)
  return [reply.status, ((await reply.json()) as Record<string, unknown>)['code']]
}

test('a full disk: nothing is acknowledged that is not kept, the rest is served, and it heals by itself', async (t) => {
  const disk = await aSmallDisk(t)
  if (disk === undefined) return t.skip('a disk of its own needs the right to mount one')
  const mooring = await startMooring(t, { data: join(disk, 'data') })
  const key = await mooring.serviceKey('software')
  const token = await mooring.token('mqtt')
  const register = async (manufacturerId: string) =>
    await statusOf(mooring, '/api/register-device', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ manufacturerId, token }),
    })
  assert.deepEqual(await register('before'), [200, undefined])

  await writeFile(join(disk, 'filler'), Buffer.alloc(DISK_BYTES)).catch(() => {})
  const publisher = await login(t, mooring, key, 'publisher')
  for (let n = 1; !publisher.isClosed; n++) {
    const body = 'x'.repeat(100_000)
    publisher.send(publishPacket(`losant/full/${n}`, body, { qos: 1, retain: true, messageId: n }))
    await Promise.race([publisher.closed, publisher.hear((one) => one.cmd === 'puback' && one.messageId === n)])
  }
  const acknowledged = publisher.received.filter(({ cmd }) => cmd === 'puback').length

  assert.deepEqual(await statusOf(mooring, '/readyz'), [503, undefined])
  assert.deepEqual(await statusOf(mooring, '/livez'), [200, undefined])
  assert.deepEqual(await register('while it is full'), [503, 'ERR_STORE_UNAVAILABLE'])
  const reader = await login(t, mooring, key, 'reader')
  await reader.subscribe('losant/full/live')
  const other = await login(t, mooring, key, 'other')
  other.publish('losant/full/live', 'served', { qos: 1, messageId: 1 })
  await inTime(reader.hearMessage('served'), 'what needs no disk is not served')

  await rm(join(disk, 'filler'))
  await mooring.process.line(/"event":"store-mended"/)
  assert.deepEqual(await statusOf(mooring, '/readyz'), [200, undefined])
  assert.deepEqual(await register('while it is full'), [200, undefined])
  await mooring.kill()

  const again = await startMooring(t, { data: mooring.data })
  const late = await login(t, again, key, 'late')
  await late.subscribe('losant/full/#', 1)
  await late.ping()
  for (let n = 1; n <= acknowledged; n++) {
    await inTime(
      late.hear(({ cmd, topic, messageId }) => {
        if (cmd === 'publish' && messageId !== undefined) late.send({ cmd: 'puback', messageId })
        return topic === `losant/full/${n}`
      }),
      `retained message ${n} of ${acknowledged} is lost`,
    )
  }
})
