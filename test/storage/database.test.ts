import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Level } from 'level'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDatabase, StorageError, type Database } from '../../storage/index.ts'
import { filtersOf } from '../../storage/table.ts'
import { copyAsKilled } from '../support/killed-folder.ts'

async function aFolder(t: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'mooring-storage-'))
  t.after(() => rm(parent, { recursive: true }))
  return join(parent, 'data')
}

/** Enough to fill several tables and a log. */
async function fill(database: Database, from = 0, to = 3000): Promise<void> {
  const value = 'Industrial power generator. '.repeat(100)
  const writes = Array.from({ length: to - from }, (_, n) =>
    database.writer.write([{ type: 'put', key: `device ${from + n}`, value: `${from + n} ${value}` }]),
  )
  await Promise.all(writes)
}

/** With tables, and with a log: as a process leaves it that is killed. */
async function aStore(t: TestContext): Promise<string> {
  const running = await aFolder(t)
  const first = await openDatabase(running)
  await fill(first)
  await first.close()
  const second = await openDatabase(running)
  await fill(second, 3000, 6000)
  const folder = join(await aFolder(t), 'data')
  await copyAsKilled(running, folder)
  await second.close()
  return folder
}

const refuses = (folder: string, ...words: (string | RegExp)[]) =>
  assert.rejects(openDatabase(folder), (error: Error) => {
    assert.ok(error instanceof StorageError, `${error.stack}`)
    for (const word of words)
      assert.match(
        error.message,
        word instanceof RegExp ? word : new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')),
      )
    return true
  })

const firstOf = async (folder: string, pattern: RegExp): Promise<string> => {
  const name = (await readdir(join(folder, 'store'))).toSorted().find((one) => pattern.test(one))
  assert.ok(name !== undefined, `a file like ${pattern} is there`)
  return join(folder, 'store', name)
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  bytes.writeUInt8((bytes.at(at) ?? 0) ^ 0xff, at < 0 ? bytes.length + at : at)
  await writeFile(file, bytes)
}

test('a new folder is made for its owner alone, and so is every file in it', async (t) => {
  const folder = await aFolder(t)
  const before = process.umask(0o077)
  t.after(() => process.umask(before))
  const database = await openDatabase(folder)
  assert.equal(database.created, true)
  await database.close()
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const name of await readdir(folder, { recursive: true })) {
    const { mode } = await stat(join(folder, name))
    assert.equal(mode & 0o077, 0, name)
  }
})

test('a folder that others could read is closed to them', async (t) => {
  const folder = await aFolder(t)
  await mkdir(folder)
  await chmod(folder, 0o755)
  await (await openDatabase(folder)).close()
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

test('a folder with recipes and settings but no store is a new one', async (t) => {
  const folder = await aFolder(t)
  await mkdir(join(folder, 'recipes'), { recursive: true })
  await writeFile(join(folder, 'mooring.yaml'), '')
  const database = await openDatabase(folder)
  assert.equal(database.created, true)
  await database.close()
})

test('starts are counted and records are found again', async (t) => {
  const folder = await aStore(t)
  const database = await openDatabase(folder)
  t.after(() => database.close())
  assert.equal(database.bootNumber, 3)
  assert.equal(database.created, false)
  assert.match((await database.level.get('device 5999')) ?? '', /^5999 /)
})

test('what was acknowledged survives a process that is killed', async (t) => {
  const folder = await aFolder(t)
  const script = `
    import { openDatabase } from ${JSON.stringify(new URL('../../storage/index.js', import.meta.url).href)}
    const database = await openDatabase(${JSON.stringify(folder)})
    for (let n = 0; ; n++) {
      await database.writer.write([{ type: 'put', key: 'n', value: String(n) }])
      process.stdout.write(n + '\\n')
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let acknowledged = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    acknowledged += text
    if (acknowledged.length > 2000) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  const last = Number(acknowledged.split('\n').at(-2))
  const database = await openDatabase(folder)
  t.after(() => database.close())
  assert.ok(Number(await database.level.get('n')) >= last)
})

test('a first start that was cut off is started again', async (t) => {
  const folder = await aFolder(t)
  await (await openDatabase(folder)).close()
  const path = join(folder, 'mooring.json')
  await writeFile(path, (await readFile(path, 'utf8')).replace('ready', 'creating'))
  await (await openDatabase(folder)).close()
  assert.match(await readFile(path, 'utf8'), /ready/)
})

test('a store that is in use is refused with the process that has it', async (t) => {
  const folder = await aFolder(t)
  const database = await openDatabase(folder)
  t.after(() => database.close())
  await refuses(folder, join(folder, 'store'), `in use by process ${process.pid}`, '--data DIR')
})

test('a store that is being written is refused as in use, not as damaged', async (t) => {
  const folder = await aFolder(t)
  const database = await openDatabase(folder)
  t.after(() => database.close())
  const filling = fill(database)
  for (let n = 0; n < 10; n++) await refuses(folder, 'in use by process')
  await filling
})

test('a store that looks damaged while another process has it is refused as in use', async (t) => {
  const folder = await aStore(t)
  const database = await openDatabase(folder)
  t.after(() => database.close())
  await rename(join(folder, 'store', 'CURRENT'), join(folder, 'CURRENT'))
  await refuses(folder, 'in use by process')
  await rename(join(folder, 'CURRENT'), join(folder, 'store', 'CURRENT'))
})

const damages: { name: string; damage: (folder: string) => Promise<unknown>; says: (string | RegExp)[] }[] = [
  {
    name: 'of a newer format',
    damage: (folder) => writeFile(join(folder, 'mooring.json'), '{"format":2,"storeId":"x","state":"ready"}'),
    says: ['mooring.json says format 2', 'newer version of Mooring'],
  },
  {
    name: 'whose mooring.json is missing',
    damage: (folder) => rm(join(folder, 'mooring.json')),
    says: ['mooring.json is missing', 'store is there', 'backup'],
  },
  {
    name: 'whose mooring.json is damaged',
    damage: (folder) => writeFile(join(folder, 'mooring.json'), '{"format":1'),
    says: ['mooring.json is damaged'],
  },
  {
    name: 'of which only the witness is left',
    damage: async (folder) => {
      await rm(join(folder, 'mooring.json'))
      await rm(join(folder, 'store'), { recursive: true })
    },
    says: ['mooring.json is missing', 'witness is there'],
  },
  {
    name: 'without its store',
    damage: (folder) => rm(join(folder, 'store'), { recursive: true }),
    says: [/store is missing/],
  },
  {
    name: 'with an empty store',
    damage: async (folder) => {
      await rm(join(folder, 'store'), { recursive: true })
      await mkdir(join(folder, 'store'))
    },
    says: ['CURRENT is missing'],
  },
  {
    name: 'with the store of another folder',
    damage: async (folder) => {
      const other = `${folder}-other`
      await (await openDatabase(other)).close()
      await rm(join(folder, 'store'), { recursive: true })
      await cp(join(other, 'store'), join(folder, 'store'), { recursive: true })
    },
    says: ['do not belong together'],
  },
  {
    name: 'without its witness',
    damage: (folder) => rm(join(folder, 'witness')),
    says: ['witness is missing', /touch .*witness/],
  },
  {
    name: 'with a damaged witness',
    damage: (folder) => writeFile(join(folder, 'witness'), 'boot 1\n'),
    says: ['witness is damaged', /truncate -s 0 .*witness/],
  },
  {
    name: 'without CURRENT',
    damage: (folder) => rm(join(folder, 'store', 'CURRENT')),
    says: ['CURRENT is missing'],
  },
  {
    name: 'with an empty CURRENT',
    damage: (folder) => truncate(join(folder, 'store', 'CURRENT'), 0),
    says: ['CURRENT does not name a manifest'],
  },
  {
    name: 'without its manifest',
    damage: async (folder) => rm(await firstOf(folder, /^MANIFEST/)),
    says: [/MANIFEST-\d+ is missing/],
  },
  {
    name: 'with a damaged manifest',
    damage: async (folder) => flip(await firstOf(folder, /^MANIFEST/), 20),
    says: [/MANIFEST-\d+ holds a damaged record/],
  },
  {
    name: 'without its log',
    damage: async (folder) => rm(await firstOf(folder, /\.log$/)),
    says: ['has lost its newest records', /truncate -s 0 .*witness/],
  },
  {
    name: 'with an empty log',
    damage: async (folder) => truncate(await firstOf(folder, /\.log$/), 0),
    says: ['has lost its newest records'],
  },
  {
    name: 'with a log that was cut',
    damage: async (folder) => {
      const log = await firstOf(folder, /\.log$/)
      await truncate(log, (await stat(log)).size - 10)
    },
    says: ['has lost its newest records'],
  },
  {
    name: 'with a log that was changed in the middle',
    damage: async (folder) => flip(await firstOf(folder, /\.log$/), 40_000),
    says: [/\.log holds a damaged record at byte/],
  },
  {
    name: 'with a log that was changed at its end',
    damage: async (folder) => flip(await firstOf(folder, /\.log$/), -1),
    says: ['has lost its newest records'],
  },
  {
    name: 'without one of its tables',
    damage: async (folder) => rm(await firstOf(folder, /\.ldb$/)),
    says: [/\.ldb is missing, and the manifest names it/],
  },
  {
    name: 'with a table that was cut',
    damage: async (folder) => {
      const table = await firstOf(folder, /\.ldb$/)
      await truncate(table, Math.floor((await stat(table)).size / 2))
    },
    says: [/\.ldb is cut short/],
  },
  {
    name: 'with a table that was changed by one bit',
    damage: async (folder) => flip(await firstOf(folder, /\.ldb$/), 10_000),
    says: [/\.ldb is damaged: the block at byte \d+ does not match its checksum/],
  },
  {
    name: 'with a table whose filter would hide records',
    damage: async (folder) => {
      const table = await firstOf(folder, /\.ldb$/)
      await flip(table, (filtersOf(await readFile(table))[0]?.from ?? assert.fail()) + 100)
    },
    says: [/\.ldb is damaged: the block at byte \d+ does not match its checksum/],
  },
]

for (const { name, damage, says } of damages) {
  test(`a data folder ${name} is refused, and stays refused`, async (t) => {
    const folder = await aStore(t)
    await damage(folder)
    await refuses(folder, folder, ...says)
    await refuses(folder, folder, ...says)
  })
}

test('the way out that a refusal names works: the operator accepts the loss of the newest records', async (t) => {
  const folder = await aStore(t)
  await rm(await firstOf(folder, /\.log$/))
  await refuses(folder, 'truncate -s 0')
  await truncate(join(folder, 'witness'), 0)
  const database = await openDatabase(folder)
  assert.match((await database.level.get('device 0')) ?? '', /^0 /)
  await database.close()
  await (await openDatabase(folder)).close()
})

test('a record that was being written when the machine died is no damage', async (t) => {
  const folder = await aStore(t)
  const log = await firstOf(folder, /\.log$/)
  await writeFile(log, Buffer.from([1, 2, 3, 4, 200, 0, 1, 9, 9, 9]), { flag: 'a' })
  const database = await openDatabase(folder)
  t.after(() => database.close())
  assert.match((await database.level.get('device 5999')) ?? '', /^5999 /)
})

test('a store that was closed has nothing in its log, which the next start would have to read, and all of it in tables', async (t) => {
  const folder = await aFolder(t)
  const database = await openDatabase(folder)
  await fill(database)
  await database.close()
  assert.equal((await stat(await firstOf(folder, /\.log$/))).size, 0)
  const again = await openDatabase(folder)
  t.after(() => again.close())
  assert.match((await again.level.get('device 2999')) ?? '', /^2999 /)
})

/** As LevelDB says it after 300 MB of writes; and a compaction that takes for ever. */
class BusyLevel extends Level {
  getProperty(): string {
    return [
      '                               Compactions',
      'Level  Files Size(MB) Time(sec) Read(MB) Write(MB)',
      '--------------------------------------------------',
      '  0        6      207         1        0       345',
      '  1       70      138         1      138       138',
      '',
    ].join('\n')
  }

  compactRange(): Promise<void> {
    return new Promise(() => {})
  }
}

test('a stop does not wait for the compaction of much that was written', { timeout: 10_000 }, async (t) => {
  const folder = await aFolder(t)
  const database = await openDatabase(folder, {
    makeLevel: (location, options) => new BusyLevel(location, options),
  })
  await database.writer.write([{ type: 'put', key: 'device', value: 'kept' }])
  await database.close()
  const again = await openDatabase(folder)
  t.after(() => again.close())
  assert.equal(await again.level.get('device'), 'kept')
})

test('a table that a compaction left behind when the process stopped is no damage, and is gone after the start', async (t) => {
  const folder = await aStore(t)
  const leftBehind = join(folder, 'store', '999990.ldb')
  await writeFile(leftBehind, Buffer.alloc(5000, 7))
  const database = await openDatabase(folder)
  assert.ok(!(await readdir(join(folder, 'store'))).includes('999990.ldb'))
  await database.close()
})

test('a folder that cannot be made is refused with its name', async (t) => {
  const folder = await aFolder(t)
  await writeFile(folder, 'a file')
  await refuses(folder, folder, '--data DIR or MOORING_DATA')
})
