import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { openRealStore, run, type CliParts, type Outcome } from './harness.ts'

async function aShell(t: TestContext, parts: CliParts = {}) {
  const cwd = await aFolder(t)
  const mooring = (...argv: readonly string[]) =>
    run([...argv, '--data', 'data'], { cwd, openLocal: openRealStore, ...parts })
  return { cwd, mooring }
}

const aTerminal = (answer: string): CliParts => ({
  stdinIsTTY: true,
  askSecret: async () => answer,
  ask: async () => answer,
})

test('with --no-input nobody is asked for a password, and the refusal names the option that gives it', async (t) => {
  const { mooring } = await aShell(t, {
    stdinIsTTY: true,
    askSecret: async () => assert.fail('somebody was asked'),
  })
  const { code, stderr } = await mooring('admin', 'create', 'ops', '--no-input')
  assert.equal(code, 2)
  assert.match(stderr, /--no-input[^]*--password-file/)
})

test('with --no-input what comes through a pipe is still taken', async (t) => {
  const { mooring } = await aShell(t, { stdin: 'a password that came along\n' })
  assert.equal((await mooring('admin', 'create', 'ops', '--no-input')).code, 0)
})

test('without it whoever sits there is asked', async (t) => {
  const { mooring } = await aShell(t, aTerminal('a password that was typed'))
  assert.equal((await mooring('admin', 'create', 'ops')).code, 0)
})

test('--quiet and --verbose exclude each other', async (t) => {
  const { mooring } = await aShell(t)
  const { code, stderr } = await mooring('device', 'list', '--quiet', '--verbose')
  assert.equal(code, 2)
  assert.match(stderr, /cannot be used with/)
})

test('--quiet leaves the answer, and errors, and takes the talk away', async (t) => {
  const { mooring } = await aShell(t)
  const loud = await mooring('key', 'create', '--service', 'one')
  assert.match(loud.stderr, /shown this once/)
  const quiet = await mooring('-q', 'key', 'create', '--service', 'two')
  assert.equal(quiet.stderr, '')
  assert.match(quiet.stdout, /access secret/)
  assert.match((await mooring('key', 'delete', 'three', '-q')).stderr, /error: There is no service key three/)
})

test('--verbose tells who was asked', async (t) => {
  const { cwd, mooring } = await aShell(t)
  const { stdout, stderr } = await mooring('device', 'list', '-v')
  assert.match(stdout, /no devices yet/)
  assert.match(stderr, new RegExp(`asked the store in ${join(cwd, 'data')}, opened here: \\d+ ms`))
})

const faulty = async (): Promise<never> => {
  throw new TypeError('a fault of ours')
}

test('--verbose tells where a fault happened', async (t) => {
  const { mooring } = await aShell(t, { openLocal: faulty })
  assert.match(
    (await mooring('device', 'list', '-v')).stderr,
    /error: a fault of ours\nTypeError: a fault of ours\n +at /,
  )
  assert.equal((await mooring('device', 'list')).stderr, 'error: a fault of ours\n')
})

const isColoured = ({ stdout, stderr }: Outcome): boolean => `${stdout}${stderr}`.includes('\u001b[')
const colourful = { stdoutIsTTY: true, stderrIsTTY: true }

test('--no-color takes the colours off a terminal, those of errors too', async (t) => {
  const { mooring } = await aShell(t, colourful)
  await mooring('key', 'create', '--service', 'one')
  for (const words of [
    ['key', 'list'],
    ['key', 'delete', 'none'],
    ['kye', 'list'],
  ]) {
    const plain = await mooring(...words, '--no-color')
    const coloured = await mooring(...words)
    assert.deepEqual([isColoured(plain), isColoured(coloured)], [false, true], words.join(' '))
  }
})

test('the setup code has a short name, and needs a server under both', async (t) => {
  const { mooring } = await aShell(t)
  for (const words of [['setup'], ['admin', 'setup-url']]) {
    const { code, stderr } = await mooring(...words)
    assert.equal(code, 7)
    assert.match(stderr, /mooring admin create NAME/)
  }
})
