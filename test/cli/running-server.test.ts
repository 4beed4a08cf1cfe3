import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { startServer } from '../../server.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { aDevice } from '../support/registry.ts'
import { openRealStore, run, type Outcome } from './harness.ts'

test('commands on a real store say the same whether its server runs or not', async (t) => {
  const cwd = await aFolder(t)
  const env = { MOORING_LISTEN_MQTT: '127.0.0.1:0', MOORING_LISTEN_HTTP: '127.0.0.1:0' }
  const { config } = loadConfig({ env, cwd })
  const log = memoryLog()

  const { database, registry } = await openStore(config, { log, poolThreads: 4 })
  await aDevice(registry, 'A1-0001')
  await aDevice(registry, 'line 3 – ä\u202e')
  await registry.createServiceKey({ name: 'dashboard', rules: { subscribe: ['losant/+/state'] } })
  const token = await registry.issueToken({ url: 'http://broker.example/r', mqtt: 'mqtt://broker.example' })
  await database.close()

  const lines = [
    ['device', 'list'],
    ['device', 'list', '--limit', '1'],
    ['device', 'get', 'A1-0001'],
    ['device', 'get', 'nothing of the kind'],
    ['device', 'disable', 'A1-0001'],
    ['device', 'enable', 'A1-0001'],
    ['device', 'delete', 'nothing of the kind', '--yes'],
    ['key', 'list'],
    ['key', 'create', '--service', 'dashboard'],
    ['key', 'create', '--service', 'a name with blanks'],
    ['key', 'create', '--service', 'x', '--publish', 'a/#/b'],
    ['key', 'delete', 'nobody'],
    ['token', 'verify', token],
    ['token', 'verify', `${token}x`],
  ].flatMap((line) => [line, [...line, '--json']])

  const alone: Outcome[] = []
  for (const line of lines) alone.push(await run(line, { cwd, env, openLocal: openRealStore }))
  const server = await startServer(config, { log, version: '1.2.3', poolThreads: 4 })
  t.after(() => server.close())
  for (const [index, line] of lines.entries()) {
    assert.deepEqual(await run(line, { cwd, env }), alone[index], line.join(' '))
  }
  assert.deepEqual(
    alone.filter((_, index) => index % 2 === 0).map(({ code }) => code),
    [0, 0, 0, 3, 0, 0, 3, 0, 5, 2, 2, 3, 0, 4],
  )
})
