import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import type { CliContext, RunningServer } from '../../cli/index.ts'
import type { Config } from '../../config.ts'
import { startServer as startRealServer } from '../../server.ts'
import { fakeOperator } from '../admin/fake-operator.ts'
import { aFolder } from '../support/folder.ts'
import { run } from './harness.ts'

const startServer: CliContext['startServer'] = (config, { log }) =>
  startRealServer(config, { log, version: '1.2.3', poolThreads: 4 })

/** Remembers the data folders that servers were started with. */
function watched(start: CliContext['startServer']): { start: CliContext['startServer']; configs: Config[] } {
  const configs: Config[] = []
  return {
    configs,
    start: (config, parts) => {
      configs.push(config)
      return start(config, parts)
    },
  }
}

function assertNothingKept(configs: readonly Config[]): void {
  assert.equal(configs.length, 1)
  for (const { data } of configs) assert.equal(existsSync(dirname(data)), false)
}

test('a demo whose server does not start says so and keeps nothing', async (t) => {
  const { start, configs } = watched(async () => {
    throw new Error('no memory left')
  })
  const { code, stderr } = await run(['demo'], { cwd: await aFolder(t), startServer: start })
  assert.equal(code, 1)
  assert.equal(stderr, 'error: the demo could not start a server: no memory left\n')
  assertNothingKept(configs)
})

test('a demo that fails half-way says where, closes its server and keeps nothing', async (t) => {
  let closed = 0
  const { start, configs } = watched(async (config, parts): Promise<RunningServer> => {
    const server = await startServer(config, parts)
    const created = await server.operator.createToken({ url: 'u', mqtt: 'm' })
    const operator = fakeOperator({
      createToken: async () => ({ ...created, token: `${created.token.slice(0, -4)}AAAA` }),
      createServiceKey: (request) => server.operator.createServiceKey(request),
    })
    return {
      addresses: server.addresses,
      operator,
      close: () => {
        closed++
        return server.close()
      },
    }
  })
  const { code, stderr } = await run(['demo'], { cwd: await aFolder(t), startServer: start })
  assert.equal(code, 1)
  assert.match(stderr, /^error: the demo could not register sensor-001: 403 Invalid registration token\n$/)
  assert.equal(closed, 1)
  assertNothingKept(configs)
})

test('an interrupt in the middle of the start ends the demo and keeps nothing', async (t) => {
  const signals = new EventEmitter()
  let closed = 0
  const { start, configs } = watched(async () => {
    signals.emit('SIGINT')
    await once(signals, 'started')
    return { addresses: {}, operator: fakeOperator(), close: async () => void closed++ }
  })
  const ended = run(['demo'], {
    cwd: await aFolder(t),
    startServer: start,
    onInterrupt: (listener) => {
      signals.on('SIGINT', () => {
        listener()
        // The server comes up after the demo has given up on it.
        setImmediate(() => signals.emit('started'))
      })
      return () => signals.removeAllListeners('SIGINT')
    },
  })
  const { code, stderr } = await ended
  assert.equal(code, 130)
  assert.equal(stderr, '')
  assert.equal(closed, 1)
  assert.equal(signals.listenerCount('SIGINT'), 0)
  assertNothingKept(configs)
})

test('the demo shows the whole loop with a real server and keeps nothing', async (t) => {
  const { start, configs } = watched(startServer)
  // What the operator has set must not matter.
  const env = { MOORING_LISTEN_HTTP: 'off', MOORING_DATA: '/nowhere' }
  const { code, stdout, stderr } = await run(['demo'], { cwd: await aFolder(t), startServer: start, env })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  const lines = stdout.split('\n')
  assert.equal(lines.filter((line) => /^ {2}sensor-00\d {4}created .* \d+ ms +10 +10$/.test(line)).length, 3)
  assert.match(stdout, /sensor-003 {4}refused {3}403 Device already registered\./)
  assert.match(stdout, /3 devices registered, 60 of 60 messages delivered \(QoS 1\), 1 replay refused/)
  assertNothingKept(configs)
})

test('the demo gives a program one document', async (t) => {
  const { code, stdout, stderr } = await run(['demo', '--json'], { cwd: await aFolder(t), startServer })
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const { devices, replay, messages } = JSON.parse(stdout)
  assert.equal(devices.length, 3)
  assert.deepEqual(replay, { status: 403, error: 'Device already registered.' })
  assert.deepEqual(messages, { sent: 60, delivered: 60 })
})
