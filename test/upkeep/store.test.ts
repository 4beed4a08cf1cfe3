import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { openDatabase, StorageError } from '../../storage/index.ts'
import { repairStore, verifyStore } from '../../upkeep/index.ts'
import { aFolder } from '../support/folder.ts'
import { stockFolder, stockOf, type Stock } from '../support/stocked-folder.ts'
import { damagings, storeFile } from './damages.ts'

const given = (folder: string) => ({ folder, configured: new Set<string>() })
const verify = (folder: string) => verifyStore(given(folder))
const repair = (folder: string) => repairStore(given(folder))

let parent: string
let stock: Stock
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mooring-upkeep-'))
  stock = await stockFolder(join(parent, 'data'))
})
after(() => rm(parent, { recursive: true }))

async function aStockedFolder(t: TestContext): Promise<string> {
  const folder = join(await aFolder(t), 'data')
  await cp(join(parent, 'data'), folder, { recursive: true })
  return folder
}

/** Every file with what is in it, but for LevelDB's own log of what it does. */
async function contentsOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.startsWith('LOG'))
    .map((entry) => join(entry.parentPath, entry.name))
  return await Promise.all(names.toSorted().map(async (name) => `${name} ${await readFile(name, 'base64')}`))
}

const refused = (words: RegExp) => (error: Error) => error instanceof StorageError && words.test(error.message)

for (const [name, work] of [
  ['verify', verify],
  ['repair', repair],
] as const) {
  test(`${name} refuses a store that a server has`, async (t) => {
    const folder = await aStockedFolder(t)
    const database = await openDatabase(folder)
    t.after(() => database.close())
    await assert.rejects(work(folder), refused(/store is in use\.\nStop the server/))
  })

  test(`${name} refuses a folder without a store, and makes none`, async (t) => {
    const folder = await aFolder(t)
    await assert.rejects(work(folder), refused(/There is no store in/))
    await assert.rejects(work(join(folder, 'nowhere')), refused(/There is no store in/))
    assert.deepEqual(await readdir(folder), [])
  })

  test(`${name} refuses a store of a newer version`, async (t) => {
    const folder = await aStockedFolder(t)
    const path = join(folder, 'mooring.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('"format":1', '"format":2'))
    const contents = await contentsOf(folder)
    await assert.rejects(work(folder), refused(/mooring\.json says format 2/))
    assert.deepEqual(await contentsOf(folder), contents)
  })

  test(`${name} finds nothing wrong with a sound store, and changes nothing`, async (t) => {
    const folder = await aStockedFolder(t)
    const contents = await contentsOf(folder)
    const { damages, faults } = await work(folder)
    assert.deepEqual([damages, faults], [[], []])
    assert.deepEqual(await contentsOf(folder), contents)
  })
}

test('nothing is repaired of which nothing can be read: it would be as new', async (t) => {
  const folder = await aStockedFolder(t)
  for (const name of await readdir(join(folder, 'store'))) {
    if (/\.(ldb|log)$/.test(name)) await truncate(join(folder, 'store', name), 0)
  }
  const contents = await contentsOf(folder)
  await assert.rejects(repair(folder), refused(/Nothing in .*store can be read\.\nRestore a backup/))
  assert.deepEqual(await contentsOf(folder), contents)
})

test('a repair that was cut off between its two moves leads back', async (t) => {
  const folder = await aStockedFolder(t)
  await rename(join(folder, 'store'), join(folder, 'store.damaged-20260101T000000Z'))
  await assert.rejects(verify(folder), refused(/mv .*store\.damaged-20260101T000000Z .*store$/))
})

test('what is kept beside the store is missed, unless the configuration has it', async (t) => {
  const folder = await aStockedFolder(t)
  await rm(join(folder, 'registration-secret'))
  const { sound, damages } = await verify(folder)
  assert.equal(sound, false)
  assert.deepEqual(
    damages.map(({ file }) => file),
    [join(folder, 'registration-secret')],
  )
  const { left } = await repair(folder)
  assert.equal(left.length, 1, 'another secret would shut out every token in the field')
  assert.equal((await verifyStore({ folder, configured: new Set(['registration-secret']) })).sound, true)
})

interface Found {
  readonly devices: readonly string[]
  readonly keys: readonly string[]
  readonly waiting: readonly number[]
  readonly faults: readonly unknown[]
}

for (const { name, damage, says, harmless } of damagings) {
  test(`${name}: verify names it, repair keeps what can be read, and the server starts`, async (t) => {
    const folder = await aStockedFolder(t)
    await damage(folder)
    const contents = await contentsOf(folder)
    const verified = await verify(folder)
    assert.equal(verified.sound, false)
    assert.ok(
      verified.damages.some(({ file, problem }) => says.file.test(file) && says.problem.test(problem)),
      JSON.stringify(verified.damages),
    )
    assert.deepEqual(await contentsOf(folder), contents, 'verify changes nothing')

    const repaired = await repair(folder)
    assert.equal(repaired.repaired, true)
    assert.deepEqual(repaired.damages, verified.damages)
    const aside = (await contentsOf(folder)).map((file) => file.split(' ')[1])
    for (const [n, file] of contents.entries()) assert.ok(aside.includes(file.split(' ')[1]), `${n} is kept`)
    const again = await verify(folder)
    assert.deepEqual([again.damages, again.faults, again.records], [[], [], repaired.kept])

    const left = await stockOf(folder)
    if (harmless) return assert.equal(left, stock.stock)
    const [was, is] = [JSON.parse(stock.stock) as Found, JSON.parse(left) as Found]
    assert.ok(is.devices.every((device) => was.devices.includes(device)))
    assert.ok(is.keys.every((key) => was.keys.includes(key)))
    assert.deepEqual(is.faults, [], 'no message is missed')
    assert.notEqual(left, stock.stock)
    assert.ok(is.devices.length + is.keys.length + (is.waiting[0] ?? 0) > 0)
  })
}

test('what was lost with a block is named by the keys on both sides of it', async (t) => {
  const folder = await aStockedFolder(t)
  const table = await storeFile(folder, /\.ldb$/)
  const bytes = await readFile(table)
  bytes[5] = (bytes[5] ?? 0) ^ 1
  await writeFile(table, bytes)
  const [damage] = (await verify(folder)).damages
  assert.match(damage?.lost?.from ?? '', /^access-keys [0-9a-f-]{36}$/)
  assert.match(damage?.lost?.to ?? '', /^[a-z-]+ \S+$/)
})
