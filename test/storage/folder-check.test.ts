import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkFolder, openDatabase, type Migration } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'

async function aStore(t: TestContext): Promise<string> {
  const folder = join(await aFolder(t), 'data')
  const database = await openDatabase(folder)
  await database.writer.write([{ type: 'put', key: 'device', value: 'one'.repeat(1000) }])
  await database.close()
  return folder
}

/** Names, contents and times of change of all files. */
async function fingerprint(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  return await Promise.all(
    names.map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mtimeMs, ctimeMs, mode } = await stat(path)
      const digest = entry.isFile()
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : 'folder'
      return `${path} ${mode} ${mtimeMs} ${ctimeMs} ${digest}`
    }),
  )
}

const step = (what: string): Migration => ({ what, async *batches() {} })

const identity = (format: number) => JSON.stringify({ format, storeId: 'id', state: 'ready' })

const refusals: readonly { name: string; harm: (folder: string) => Promise<unknown>; message: RegExp }[] = [
  {
    name: 'a newer format',
    harm: (folder) => writeFile(join(folder, 'mooring.json'), identity(7)),
    message: /says format 7; this version of Mooring knows formats up to 1/,
  },
  {
    name: 'a store that is gone',
    harm: (folder) => rm(join(folder, 'store'), { recursive: true }),
    message: /store is missing/,
  },
  { name: 'a witness that is gone', harm: (folder) => rm(join(folder, 'witness')), message: /witness is missing/ },
  {
    name: 'an identity that is gone',
    harm: (folder) => rm(join(folder, 'mooring.json')),
    message: /the folder is not whole/,
  },
  {
    name: 'a damaged store',
    harm: (folder) => truncate(join(folder, 'store', 'CURRENT'), 3),
    message: /The store is damaged/,
  },
]

for (const { name, harm, message } of refusals) {
  test(`${name} is refused before anything is opened`, async (t) => {
    const folder = await aStore(t)
    // The test itself is a process that runs; the one that wrote is not.
    await writeFile(join(folder, 'witness'), '')
    await harm(folder)
    const before = await fingerprint(folder)
    await assert.rejects(checkFolder(folder), message)
    assert.deepEqual(await fingerprint(folder), before)
  })
}

test('a folder without data of ours is nothing to open', async (t) => {
  const folder = await aFolder(t)
  assert.equal(await checkFolder(folder), undefined)
  assert.equal(await checkFolder(join(folder, 'missing')), undefined)
})

test('a folder that can be opened is said to be, and not touched', async (t) => {
  const folder = await aStore(t)
  const before = await fingerprint(folder)
  assert.deepEqual(await checkFolder(folder), { format: 1, newestFormat: 1, migrations: [] })
  assert.deepEqual(await fingerprint(folder), before)
})

test('what a newer version would change first is listed', async (t) => {
  const folder = await aStore(t)
  const check = await checkFolder(folder, [step('keys are longer'), step('values are shorter')])
  assert.deepEqual(check, { format: 1, newestFormat: 3, migrations: ['keys are longer', 'values are shorter'] })
})

test('a server that has the folder open is no obstacle', async (t) => {
  const folder = join(await aFolder(t), 'data')
  const database = await openDatabase(folder)
  t.after(() => database.close())
  await database.writer.write([{ type: 'put', key: 'device', value: 'one' }])
  assert.equal((await checkFolder(folder))?.format, 1)
})
