import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { openRealStore, run } from './harness.ts'

const URLS = ['--url', 'https://broker.example/api/register-device', '--mqtt-url', 'mqtts://broker.example']

test('a token that leaked is revoked by the command that shuts its devices out, and not by looking', async (t) => {
  const cwd = await aFolder(t)
  const mooring = (...argv: readonly string[]) => run([...argv, '--data', 'data'], { cwd, openLocal: openRealStore })
  const stateOf = async (): Promise<unknown> =>
    (JSON.parse((await mooring('token', 'get', 'line-3', '--json')).stdout) as { state: unknown }).state
  assert.equal((await mooring('token', 'create', ...URLS, '--name', 'line-3')).code, 0)

  for (const looking of [['--list'], ['--list', '--yes'], ['--quarantine'], ['--rotate']]) {
    assert.equal((await mooring('token', 'leak', 'line-3', ...looking)).code, 0)
    assert.equal(await stateOf(), 'valid', looking.join(' '))
  }
  for (let times = 0; times < 2; times++) {
    assert.equal((await mooring('token', 'leak', 'line-3', '--quarantine', '--yes')).code, 0)
    assert.equal(await stateOf(), 'revoked')
  }
})
