import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildProgram, GROUPS } from '../../cli/program.ts'

const nowhere = { write: () => true }
const programFor = (argv: readonly string[]) =>
  buildProgram({ argv, version: '1', run: async () => {}, stdout: nowhere, stderr: nowhere })

const namesIn = async (argv: readonly string[]): Promise<string[]> =>
  (await programFor(argv)).commands.map((command) => command.name())

test('a command line is offered every command unless it names one', async () => {
  const all = await namesIn([])
  assert.ok(all.includes('serve') && all.includes('files'))
  for (const argv of [['--help'], ['help'], ['help', 'device'], ['sevre'], ['--data', 'serve'], ['complete', '--']]) {
    assert.deepEqual(await namesIn(argv), all, argv.join(' '))
  }
})

test('the words of a group are the names and aliases of its commands', async () => {
  for (const [words] of GROUPS) {
    for (const word of words) {
      const { commands } = await programFor([word])
      const visible = commands.filter((command) => !['manual', 'docs', 'complete'].includes(command.name()))
      assert.deepEqual(
        visible.flatMap((command) => [command.name(), ...command.aliases()]),
        words,
      )
    }
  }
})

test('options before the command, and their values, are passed over', async () => {
  for (const argv of [
    ['--data', 'serve', 'files'],
    ['--config', 'device', '--json', 'files', 'serve'],
    ['-o', 'json', '--data=x', 'files'],
  ]) {
    assert.deepEqual(await namesIn(argv), ['files'], argv.join(' '))
  }
})

test('the version is known without any command', async () => {
  assert.deepEqual(await namesIn(['--version']), [])
  assert.deepEqual(await namesIn(['-V']), [])
})
