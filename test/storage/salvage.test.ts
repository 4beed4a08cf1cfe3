import assert from 'node:assert/strict'
import { Level } from 'level'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SalvagedStore, type KeyBounds } from '../../storage/index.ts'
import { filtersOf } from '../../storage/table.ts'
import { aFolder } from '../support/folder.ts'

const RECORDS = 4000
/** The last ones are in the log. */
const LOGGED_FROM = 3500
const keyOf = (n: number): string => `record ${String(n).padStart(6, '0')}`

interface StoreOptions {
  readonly compression?: boolean
  /** Whether records were overwritten, and some deleted. */
  readonly changed?: boolean
}

/** Records in several tables and a log. */
async function aStore(t: TestContext, { compression = false, changed = false }: StoreOptions = {}): Promise<string> {
  const store = join(await aFolder(t), 'store')
  const level = new Level(store, { compression, writeBufferSize: 400_000 })
  await level.open()
  for (let n = 0; n < RECORDS; n += 100) {
    // What the log holds becomes a table, and nothing is in the midst of becoming one.
    if (n === LOGGED_FROM) {
      await level.close()
      await level.open()
    }
    const batch = level.batch()
    for (let of = n; of < n + 100; of++) {
      if (changed) batch.put(keyOf(of), `old ${of}`)
      batch.put(keyOf(of), `${of} ${'Industrial power generator. '.repeat(of % 400 === 0 ? 2000 : 10)}`)
      if (changed && of % 10 === 3) batch.del(keyOf(of - 2))
    }
    await batch.write()
  }
  await level.close()
  return store
}

async function recordsOf(store: string, bounds?: KeyBounds): Promise<Map<string, string>> {
  const salvaged = await SalvagedStore.open(store)
  const found = new Map<string, string>()
  for await (const [key, value] of salvaged.records(bounds)) {
    assert.ok(!found.has(key.toString()), 'every record once')
    found.set(key.toString(), value.toString())
  }
  return found
}

const damagesOf = async (store: string) => (await SalvagedStore.open(store)).damages

async function fileOf(store: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(store)).toSorted().find((one) => pattern.test(one))
  assert.ok(name !== undefined, `a file like ${pattern} is there`)
  return join(store, name)
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  await writeFile(file, bytes)
}

for (const compression of [false, true]) {
  test(`a sound store holds what LevelDB finds in it, ${compression ? 'compressed' : 'plain'}`, async (t) => {
    const store = await aStore(t, { compression, changed: true })
    const found = await recordsOf(store)
    assert.deepEqual(await damagesOf(store), [])
    const before = await readdir(store)
    const level = new Level(store)
    t.after(() => level.close())
    assert.deepEqual([...found], await level.iterator().all())
    assert.equal(found.size, RECORDS * 0.9)
    assert.ok(before.filter((name) => name.endsWith('.ldb')).length > 2)
  })
}

test('bounds cut off what lies outside them, and nothing else', async (t) => {
  const store = await aStore(t)
  const all = [...(await recordsOf(store))]
  for (const [from, to] of [
    [0, RECORDS],
    [1, 2],
    [999, 1001],
    [2500, 2500],
    [3999, 9999],
    [0, 0],
  ] as const) {
    const bounds = { gte: Buffer.from(keyOf(from)), lt: Buffer.from(keyOf(to)) }
    assert.deepEqual(
      [...(await recordsOf(store, bounds))],
      all.filter(([key]) => key >= keyOf(from) && key < keyOf(to)),
    )
  }
})

/** What is lost of a store when `damage` is done to it, in the order of the keys. */
async function lostBy(t: TestContext, damage: (store: string) => Promise<unknown>) {
  const store = await aStore(t)
  const before = await recordsOf(store)
  await damage(store)
  const after = await recordsOf(store)
  const wrong = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key)
  return { lost: [...before.keys()].filter((key) => !after.has(key)), wrong, before, damages: await damagesOf(store) }
}

test('a bit flipped in a table costs the records of one block, which are named', async (t) => {
  const { lost, wrong, damages } = await lostBy(t, async (store) => flip(await fileOf(store, /\.ldb$/), 30_000))
  assert.equal(damages.length, 1)
  const [{ problem, lost: range } = { problem: '' }] = damages
  assert.match(problem, /^is damaged: the block at byte \d+ does not match its checksum$/)
  assert.ok(range !== undefined && lost.length > 0 && lost.length < 40, `${lost.length}`)
  for (const key of lost) assert.ok(key >= range.from.toString() && key <= range.to.toString(), key)
  assert.deepEqual(wrong, [])
})

const cuts: { name: string; keeps: (bytes: number) => number; atMost: number }[] = [
  { name: 'its footer', keeps: (bytes) => bytes - 48, atMost: 0 },
  { name: 'half of its index', keeps: (bytes) => bytes - 1000, atMost: 50 },
  { name: 'its second half', keeps: (bytes) => bytes / 2, atMost: 700 },
]
for (const { name, keeps, atMost } of cuts) {
  test(`a table that was cut of ${name} is read as far as it goes`, async (t) => {
    const { lost, wrong, damages } = await lostBy(t, async (store) => {
      const table = await fileOf(store, /\.ldb$/)
      await truncate(table, Math.floor(keeps((await stat(table)).size)))
    })
    assert.equal(damages[0]?.problem, 'is cut short or is not a table')
    assert.equal(damages.length, 1)
    assert.ok(lost.length <= atMost, `${lost.length}`)
    assert.deepEqual(wrong, [])
  })
}

test('a bit flipped in a filter is told, and costs no record', async (t) => {
  const { lost, wrong, damages } = await lostBy(t, async (store) => {
    const table = await fileOf(store, /\.ldb$/)
    await flip(table, (filtersOf(await readFile(table))[0]?.from ?? assert.fail()) + 100)
  })
  assert.deepEqual([lost, wrong], [[], []])
  assert.equal(damages.length, 1)
  assert.equal(damages[0]?.lost, undefined)
})

test('a bit flipped in a log costs the batch that it was in', async (t) => {
  const { lost, wrong, damages } = await lostBy(t, async (store) => flip(await fileOf(store, /\.log$/), 70_000))
  assert.match(damages[0]?.problem ?? '', /^holds a damaged record at byte \d+$/)
  assert.equal(damages.length, 1)
  assert.ok(lost.length > 0 && lost.length <= 100, `${lost.length}`)
  assert.deepEqual(wrong, [])
})

test('a batch that the end of its log cuts off is no damage, and not a part of it counts', async (t) => {
  const { lost, damages } = await lostBy(t, async (store) => {
    const log = await fileOf(store, /\.log$/)
    await truncate(log, (await stat(log)).size - 5)
  })
  assert.deepEqual(damages, [])
  assert.equal(lost.length, 100)
})

const files = [
  { name: 'CURRENT', problem: 'is missing', lose: (store: string) => rm(join(store, 'CURRENT')) },
  {
    name: 'CURRENT',
    problem: 'does not name a manifest',
    lose: (store: string) => writeFile(join(store, 'CURRENT'), ''),
  },
  {
    name: 'MANIFEST',
    problem: 'is missing, and CURRENT names it',
    lose: async (store: string) => rm(await fileOf(store, /^MANIFEST/)),
  },
  {
    name: 'MANIFEST',
    problem: 'is empty',
    lose: async (store: string) => truncate(await fileOf(store, /^MANIFEST/), 0),
  },
  {
    name: 'MANIFEST',
    problem: 'holds a damaged record at byte 0',
    lose: async (store: string) => flip(await fileOf(store, /^MANIFEST/), 20),
  },
]
for (const { name, problem, lose } of files) {
  test(`nothing is lost when ${name} ${problem}`, async (t) => {
    const { lost, wrong, damages } = await lostBy(t, lose)
    assert.ok(damages.some((damage) => damage.problem === problem && damage.file.includes(name)))
    assert.deepEqual([lost, wrong], [[], []])
  })
}

test('a table or log that is missing is named, and the rest is read', async (t) => {
  for (const kind of ['ldb', 'log']) {
    const { lost, before, damages } = await lostBy(t, async (store) => rm(await fileOf(store, new RegExp(kind))))
    assert.equal(damages.length, 1, kind)
    assert.equal(damages[0]?.problem, 'is missing, and the manifest names it')
    assert.ok(damages[0].file.endsWith(kind))
    assert.ok(lost.length > 0 && lost.length < before.size, kind)
  }
})

test('wherever one bit of a store is flipped, every record that is left is as it was', async (t) => {
  const store = await aStore(t)
  const before = await recordsOf(store)
  let seen = 0
  for (const name of await readdir(store)) {
    if (!/\.(ldb|log)$/.test(name)) continue
    const file = join(store, name)
    const bytes = await readFile(file)
    for (let n = 0; n < 6; n++) {
      const at = Math.floor(Math.random() * bytes.length)
      const flipped = Buffer.from(bytes)
      flipped[at] = (bytes[at] ?? 0) ^ (1 << n)
      await writeFile(file, flipped)
      const after = await recordsOf(store)
      for (const [key, value] of after) assert.equal(value, before.get(key), `byte ${at} of ${name}: ${key}`)
      if (after.size < before.size) seen++
      assert.ok(
        after.size === before.size || (await damagesOf(store)).length > 0 || name.endsWith('.log'),
        `byte ${at} of ${name}`,
      )
    }
    await writeFile(file, bytes)
  }
  assert.ok(seen > 0)
})
