import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import type { CliContext } from '../../cli/index.ts'
import { startServer as startRealServer } from '../../server.ts'
import { aFolder } from '../support/folder.ts'
import { run } from './harness.ts'

const startServer: CliContext['startServer'] = (config, { log }) =>
  startRealServer(config, { log, version: '1.2.3', poolThreads: 4 })

test('a self-test says what did not work, and fails', async (t) => {
  let data = ''
  let starts = 0
  const { code, stdout, stderr } = await run(['self-test'], {
    cwd: await aFolder(t),
    startServer: async (config, parts) => {
      data = config.data
      if (++starts === 2) throw new Error('the store is gone')
      return await startServer(config, parts)
    },
  })
  assert.equal(code, 1)
  assert.match(stdout, /over WebSocket/)
  assert.equal(stderr, 'error: the self-test could not start a server: the store is gone\n')
  assert.equal(existsSync(dirname(data)), false)
})

test('a self-test over a server that works passes, and keeps nothing', async (t) => {
  let data = ''
  const { code, stdout, stderr } = await run(['self-test', '--json'], {
    cwd: await aFolder(t),
    startServer: async (config, parts) => {
      data = config.data
      return await startServer(config, parts)
    },
  })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.equal((JSON.parse(stdout) as { passed: string[] }).passed.length, 6)
  assert.equal(existsSync(dirname(data)), false)
})
