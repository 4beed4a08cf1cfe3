import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  FORMAT,
  formatAfter,
  MIGRATIONS,
  openDatabase,
  StorageError,
  type Database,
  type Migrated,
  type Migration,
} from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'

const ENTRIES = 25
const BATCH = 10

/** Puts `new-` before every key that begins with `old-`; can be made to fail, as a kill would, after some batches. */
const renaming = (failAfter = Infinity): Migration => ({
  what: 'keys begin with new',
  async *batches(level, reached) {
    let batches = 0
    for (;;) {
      const keys = await level.keys({ gt: reached ?? 'old-', lt: 'old-~', limit: BATCH }).all()
      const last = keys.at(-1)
      if (last === undefined) return
      if (batches++ === failAfter) throw new Error('cut off')
      const values = await level.getMany(keys)
      reached = last
      yield {
        reached,
        operations: keys.flatMap((key, index) => [
          { type: 'del', key: key } as const,
          { type: 'put', key: `new-${key}`, value: values[index] } as const,
        ]),
      }
    }
  },
})

async function anOldStore(t: TestContext): Promise<string> {
  const folder = join(await aFolder(t), 'data')
  const database = await openDatabase(folder)
  await database.writer.write(
    Array.from({ length: ENTRIES }, (_, n) => ({ type: 'put', key: `old-${100 + n}`, value: `value ${n}` })),
  )
  await database.close()
  return folder
}

/** Values in the order of their keys; closes the database. */
async function contentOf(database: Database, prefix: string): Promise<unknown[]> {
  const values = await database.level.values({ gt: `${prefix}-`, lt: `${prefix}-~` }).all()
  await database.close()
  return values
}

const formatIn = async (folder: string): Promise<unknown> =>
  (JSON.parse(await readFile(join(folder, 'mooring.json'), 'utf8')) as { format: unknown }).format

const expected = Array.from({ length: ENTRIES }, (_, n) => `value ${n}`)

test('the migrations of this version lead to its format', () => {
  assert.equal(formatAfter(MIGRATIONS), FORMAT)
})

test('a store is left as it was when its backup cannot be made', async (t) => {
  const folder = await anOldStore(t)
  // The name is taken, so that the finished copy cannot get it.
  await mkdir(join(folder, 'registration-secret'))
  await assert.rejects(openDatabase(folder, { migrations: [renaming()] }), (error: Error) => {
    assert.ok(error instanceof StorageError)
    assert.match(error.message, /has format 1 .* backup that is made first cannot be written/)
    assert.match(error.message, /Nothing was changed/)
    return true
  })
  assert.equal(await formatIn(folder), 1)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('backup')),
    [],
  )
  const database = await openDatabase(folder)
  assert.deepEqual(await contentOf(database, 'old'), expected)
})

test('an older version refuses a store from the moment its migration begins', async (t) => {
  const folder = await anOldStore(t)
  await assert.rejects(openDatabase(folder, { migrations: [renaming(1)] }), /cut off/)
  await assert.rejects(openDatabase(folder), /says format 2; this version of Mooring knows formats up to 1/)
})

test('a migration brings all of a store to the next format and says so once', async (t) => {
  const folder = await anOldStore(t)
  const news: Migrated[] = []
  const migrations = [renaming()]
  const database = await openDatabase(folder, { migrations, onMigrated: (migrated) => news.push(migrated) })
  assert.deepEqual(await database.level.values({ gt: 'old-', lt: 'old-~' }).all(), [])
  assert.deepEqual(await contentOf(database, 'new'), expected)
  assert.deepEqual(news, [{ from: 1, to: 2, backup: join(folder, 'backup-of-format-1') }])
  assert.equal(await formatIn(folder), 2)

  await (await openDatabase(folder, { migrations, onMigrated: (migrated) => news.push(migrated) })).close()
  assert.equal(news.length, 1)
})

for (const batches of [0, 1, 2]) {
  test(`a migration that was cut off after ${batches} batches goes on where it was`, async (t) => {
    const folder = await anOldStore(t)
    await assert.rejects(openDatabase(folder, { migrations: [renaming(batches)] }), /cut off/)
    const resumedFrom: (string | undefined)[] = []
    const resuming: Migration = {
      what: 'the rest',
      batches(level, reached) {
        resumedFrom.push(reached)
        return renaming().batches(level, reached)
      },
    }
    const database = await openDatabase(folder, { migrations: [resuming] })
    assert.deepEqual(await contentOf(database, 'new'), expected)
    assert.deepEqual(resumedFrom, [batches === 0 ? undefined : `old-${100 + batches * BATCH - 1}`])
  })
}

test('migrations are carried out one after the other, each once', async (t) => {
  const folder = await anOldStore(t)
  const done: string[] = []
  const step = (what: string): Migration => ({
    what,
    async *batches() {
      done.push(what)
      yield { operations: [{ type: 'put', key: what, value: 'done' }], reached: 'end' }
    },
  })
  await (await openDatabase(folder, { migrations: [step('second')] })).close()
  await (await openDatabase(folder, { migrations: [step('second'), step('third'), step('fourth')] })).close()
  assert.deepEqual(done, ['second', 'third', 'fourth'])
  assert.equal(await formatIn(folder), 4)
})

test('the backup is a whole data folder that the version before opens', async (t) => {
  const folder = await anOldStore(t)
  await writeFile(join(folder, 'registration-secret'), 'of the operator')
  await (await openDatabase(folder, { migrations: [renaming()] })).close()

  const restored = join(folder, '..', 'restored')
  await rename(join(folder, 'backup-of-format-1'), restored)
  const database = await openDatabase(restored)
  assert.deepEqual(await contentOf(database, 'old'), expected)
  assert.equal(await readFile(join(restored, 'registration-secret'), 'utf8'), 'of the operator')
})

test('half a backup of a start that was cut off is made anew', async (t) => {
  const folder = await anOldStore(t)
  await mkdir(join(folder, 'backup-of-format-1.cut-off.partial', 'store'), { recursive: true })
  const database = await openDatabase(folder, { migrations: [renaming()] })
  assert.deepEqual(await contentOf(database, 'new'), expected)
  const names = await readdir(folder)
  assert.deepEqual(
    names.filter((name) => name.startsWith('backup')),
    ['backup-of-format-1'],
  )
  await rm(join(folder, 'backup-of-format-1'), { recursive: true })
})
