import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Operator } from '../../admin/index.ts'
import { A_DEVICE, fakeOperator } from '../admin/fake-operator.ts'
import { startProgram } from '../support/server.ts'
import { aFolder } from '../support/folder.ts'
import { aListeningFolder } from './harness.ts'

/** What a shell is offered; the completion package writes to the process itself. */
async function offered(t: TestContext, ...words: readonly string[]): Promise<string[]> {
  const program = startProgram(t, ['complete', '--', ...words], { cwd: await aFolder(t), env: {} })
  assert.equal(await program.ended, 0)
  return program.lines.filter((line) => !line.startsWith(':')).map((line) => line.split('\t', 1)[0] ?? '')
}

const devicesNamed = (...names: readonly string[]): Partial<Operator> => ({
  listDevices: async () => ({ devices: names.map((manufacturerId) => ({ ...A_DEVICE, manufacturerId })) }),
})

test('a device that is called like a command of the shell is not offered', async (t) => {
  const names = ['$(reboot)', '`reboot`', 'a;reboot', 'a b', "a'b", 'a"b', '-rf', '~root', 'a\u001bb', 'A1-0001']
  const data = await aListeningFolder(t, fakeOperator(devicesNamed(...names)))
  assert.deepEqual(await offered(t, 'device', 'get', '--data', data, ''), [A_DEVICE.id, 'A1-0001'])
})

test('without a server there is nothing to offer, and no noise', async (t) => {
  assert.deepEqual(await offered(t, 'device', 'get', '--data', await aFolder(t), ''), [])
})

const cases = [
  { words: ['dev'], offers: ['device'] },
  { words: ['device', 'en'], offers: ['enable'] },
  { words: ['devices', 'en'], offers: ['enable'] },
  { words: ['completion', ''], offers: ['bash', 'zsh', 'fish', 'powershell'] },
  { words: ['apitoken', 'create', 'x', '--role', ''], offers: ['viewer', 'operator', 'admin'] },
  { words: ['-o', 'js'], offers: ['json', 'jsonl'] },
]
for (const { words, offers } of cases) {
  test(`mooring ${words.join(' ')} goes on with ${offers.join(', ')}`, async (t) => {
    assert.deepEqual(await offered(t, ...words), offers)
  })
}

test('service keys, accounts and API tokens are offered where one is named', async (t) => {
  const data = await aListeningFolder(t, fakeOperator())
  assert.deepEqual(await offered(t, 'key', 'delete', '--data', data, ''), ['dashboard'])
  assert.deepEqual(await offered(t, 'admin', 'passwd', '--data', data, ''), ['ops'])
  assert.deepEqual(await offered(t, 'apitoken', 'revoke', '--data', data, ''), ['ci'])
})

for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
  test(`completion ${shell} prints a script that asks the program`, async (t) => {
    const program = startProgram(t, ['completion', shell], { cwd: await aFolder(t), env: {} })
    assert.equal(await program.ended, 0)
    assert.match(program.lines.join('\n'), /mooring complete '?--/)
  })
}
