import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { startMooring } from '../support/server.ts'

test('a service manager that cannot be told is a warning, and the server serves', async (t) => {
  const mooring = await startMooring(t, { env: { NOTIFY_SOCKET: '/nowhere', PATH: await aFolder(t) } })
  await mooring.process.line(/"event":"notify-failed"/)
  await mooring.register('A1')
})

test('the service manager hears when the server serves and when it stops', async (t) => {
  const folder = await aFolder(t)
  const heard = join(folder, 'heard')
  const program = join(folder, 'systemd-notify')
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $1" > ${heard}\n`)
  await chmod(program, 0o755)
  // A pipe, so that reading waits for what is told.
  assert.equal(spawnSync('mkfifo', [heard]).status, 0)

  const env = { NOTIFY_SOCKET: '/run/notify', PATH: `${folder}:${process.env['PATH']}` }
  const mooring = await startMooring(t, { env })
  assert.equal(await readFile(heard, 'utf8'), '/run/notify READY=1\n')
  const stopped = mooring.stop()
  assert.equal(await readFile(heard, 'utf8'), '/run/notify STOPPING=1\n')
  assert.equal(await stopped, 0)
})
