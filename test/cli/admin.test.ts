import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { openRealStore, run, type CliParts } from './harness.ts'

const PASSWORD = 'correct horse battery'

/** `mooring …` over one store that no server holds. */
async function aStore(t: TestContext) {
  const cwd = await aFolder(t)
  return {
    cwd,
    mooring: (line: string, parts: CliParts = {}) =>
      run([...line.split(' '), '--data', join(cwd, 'data')], { cwd, openLocal: openRealStore, ...parts }),
  }
}

test('a password is never an argument', async (t) => {
  const { mooring } = await aStore(t)
  const { code, stderr } = await mooring(`admin create ops ${PASSWORD.replaceAll(' ', '-')}`)
  assert.equal(code, 2)
  assert.match(stderr, /too many arguments/)
})

const refused = [
  { name: 'a password that is too short', line: 'admin create ops', stdin: 'short\n', code: 2 },
  { name: 'no password at all', line: 'admin create ops', stdin: '', code: 2 },
  { name: 'a role that there is not', line: 'admin create ops --role king', stdin: PASSWORD, code: 2 },
  { name: 'a role that there is not, later', line: 'admin role ops king', stdin: '', code: 2 },
  { name: 'a file that is not there', line: 'admin create ops --password-file nowhere', stdin: '', code: 2 },
  { name: 'an account that is not there', line: 'admin passwd ops', stdin: PASSWORD, code: 3 },
  { name: 'a token that is not there', line: 'apitoken revoke ci', stdin: '', code: 3 },
  { name: 'a scope that is none', line: 'apitoken create ci --scope Devices', stdin: '', code: 2 },
  { name: 'a setup code without a server', line: 'admin setup-url', stdin: '', code: 7 },
]
for (const { name, line, stdin, code } of refused) {
  test(`${name} is refused with ${code}`, async (t) => {
    const { mooring } = await aStore(t)
    const outcome = await mooring(line, { stdin })
    assert.equal(outcome.code, code, outcome.stderr)
    assert.match(outcome.stderr, /^error: /)
  })
}

test('a password comes from a person, a pipe or a file', async (t) => {
  const { cwd, mooring } = await aStore(t)
  await writeFile(join(cwd, 'password'), `${PASSWORD}\n`)
  const questions: string[] = []
  const askSecret = async (question: string) => {
    questions.push(question)
    return PASSWORD
  }
  assert.equal((await mooring('admin create person', { askSecret })).code, 0)
  assert.deepEqual(questions, ['Password (at least 12 characters)'])
  assert.equal((await mooring('admin create pipe --role viewer', { stdin: `${PASSWORD}\n` })).code, 0)
  assert.equal((await mooring('admin create file --role operator --password-file password')).code, 0)
  const { stdout } = await mooring('admin list')
  assert.match(stdout, /^NAME +ROLE/)
  for (const row of [/^person +admin/m, /^pipe +viewer/m, /^file +operator/m]) assert.match(stdout, row)
})

test('the last admin stays', async (t) => {
  const { mooring } = await aStore(t)
  await mooring('admin create one', { stdin: PASSWORD })
  assert.equal((await mooring('admin remove one')).code, 5)
  assert.equal((await mooring('admin role one viewer')).code, 5)
  await mooring('admin create two', { stdin: PASSWORD })
  assert.equal((await mooring('admin remove one')).code, 0)
})

test('a token is shown when it is made, and in no list', async (t) => {
  const { mooring } = await aStore(t)
  const { stdout: token } = await mooring('apitoken create ci --role viewer --scope devices:read --expires 90d')
  assert.match(token, /^mooring_[\w-]{43}\n$/)
  const { stdout } = await mooring('apitoken list')
  assert.match(stdout, /^ci +viewer +devices:read/m)
  assert.ok(!stdout.includes(token.trim()))
  assert.equal((await mooring('apitoken revoke ci')).code, 0)
})
