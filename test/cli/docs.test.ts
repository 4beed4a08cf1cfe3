import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { cliDocs } from '../../cli/docs.ts'
import { aFolder, projectFolder } from '../support/folder.ts'
import { run } from './harness.ts'

test('docs/cli.md is what the commands say; write it anew with: node dist/main.js docs > docs/cli.md', async () => {
  assert.equal(await readFile(join(projectFolder, 'docs', 'cli.md'), 'utf8'), await cliDocs())
})

test('mooring docs prints the page', async (t) => {
  assert.deepEqual(await run(['docs'], { cwd: await aFolder(t) }), { code: 0, stdout: await cliDocs(), stderr: '' })
})
