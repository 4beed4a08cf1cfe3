import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { generatedText, StorageError } from '../../storage/index.ts'

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mooring-generated-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

const refused = (words: RegExp) => (error: Error) => error instanceof StorageError && words.test(error.message)

test('a new data folder gets its text once, for its owner alone, and keeps it', async (t) => {
  const folder = await aFolder(t)
  const get = (created: boolean, made: string) =>
    generatedText({ folder, created }, 'registration-secret', 'MOORING_REGISTRATION_SECRET', () => made)
  assert.equal(await get(true, 'first'), 'first')
  assert.equal(await get(false, 'second'), 'first')
  assert.equal(await get(true, 'third'), 'first', 'a first start that was cut off goes on with what it made')
  assert.equal((await stat(join(folder, 'registration-secret'))).mode & 0o777, 0o600)
})

test('an older store that has lost its text, or holds an empty one, is refused with the way out', async (t) => {
  const folder = await aFolder(t)
  const get = () => generatedText({ folder, created: false }, 'registration-secret', 'MOORING_X', () => 'made')
  await assert.rejects(
    get,
    refused(/registration-secret is missing, and MOORING_X is not set\.\nSet MOORING_X as it was/),
  )
  await writeFile(join(folder, 'registration-secret'), '\n')
  await assert.rejects(get, refused(/registration-secret is empty/))
})
