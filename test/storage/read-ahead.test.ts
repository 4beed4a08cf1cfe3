import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readAhead } from '../../storage/read-ahead.ts'

async function filesOf(t: TestContext, ...texts: readonly string[]): Promise<{ path: string; text: string }[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mooring-read-ahead-'))
  t.after(() => rm(folder, { recursive: true }))
  const files = texts.map((text, index) => ({ path: join(folder, `${index}`), text }))
  for (const { path, text } of files) await writeFile(path, text)
  return files
}

test('a file that is not there fails when its turn comes, and those before it are read', async (t) => {
  const files = await filesOf(t, 'one', 'two')
  const read: string[] = []
  await assert.rejects(
    async () => {
      for await (const { bytes } of readAhead([...files, { path: `${files[0]?.path}-missing` }])) {
        read.push(bytes.toString())
      }
    },
    { code: 'ENOENT' },
  )
  assert.deepEqual(read, ['one', 'two'])
})

test('each file comes whole and with nothing of another, however long the ones before it were', async (t) => {
  const files = await filesOf(t, 'l'.repeat(1_000_000), '', 'short', 'm'.repeat(70_000), 'x', 'n'.repeat(2_000_000))
  let seen = 0
  for await (const { text, bytes } of readAhead(files)) {
    // The next one is in the other buffer by then.
    await new Promise(setImmediate)
    assert.ok(bytes.equals(Buffer.from(text)), `file ${seen}`)
    seen++
  }
  assert.equal(seen, files.length)
})

test('no files are nothing', async () => {
  for await (const _ of readAhead([])) assert.fail()
})
