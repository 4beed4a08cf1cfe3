import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { RegistryError } from '../../registry/index.ts'
import { openDatabase, StorageError, type Database } from '../../storage/index.ts'
import { Backups, restoreBackup, verifyBackup, verifyStore } from '../../upkeep/index.ts'
import { startChild } from '../support/child.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { stockFolder, stockOf, type Stock } from '../support/stocked-folder.ts'

let parent: string
let backup: string
let stock: Stock
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mooring-backup-'))
  stock = await stockFolder(join(parent, 'data'))
  backup = join(parent, 'backup.jsonl.gz')
  const database = await openDatabase(join(parent, 'data'))
  await (await Backups.open(database, '1.2.3')).create(backup)
  await database.close()
})
after(() => rm(parent, { recursive: true }))

async function theStore(t: TestContext): Promise<{ database: Database; backups: Backups; folder: string }> {
  const folder = await aFolder(t)
  await cp(join(parent, 'data'), join(folder, 'data'), { recursive: true })
  const database = await openDatabase(join(folder, 'data'))
  t.after(() => database.close())
  return { database, backups: await Backups.open(database, '1.2.3'), folder }
}

const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code
const unusable = (words: RegExp) => (error: unknown) =>
  error instanceof StorageError && error.code === 'ERR_BACKUP_UNUSABLE' && words.test(error.message)

test('a backup is never written over a file, nor where there is no folder, and leaves nothing behind then', async (t) => {
  const { backups, folder } = await theStore(t)
  const lastSuccess = backups.lastSuccess
  const there = join(folder, 'there')
  await writeFile(there, 'mine')
  await assert.rejects(backups.create(there), refusal('ERR_CONFLICT'))
  await assert.rejects(backups.create(join(folder, 'nowhere', 'file')), refusal('ERR_INPUT_INVALID'))
  await assert.rejects(backups.create(join(there, 'file')), refusal('ERR_INPUT_INVALID'))
  await assert.rejects(backups.create('relative'), refusal('ERR_INPUT_INVALID'))
  assert.equal(await readFile(there, 'utf8'), 'mine')
  assert.deepEqual((await readdir(folder)).toSorted(), ['data', 'there'])
  assert.equal(backups.lastSuccess, lastSuccess)
})

test('one backup is made at a time', async (t) => {
  const { backups, folder } = await theStore(t)
  const first = backups.create(join(folder, 'first'))
  await assert.rejects(backups.create(join(folder, 'second')), refusal('ERR_BUSY'))
  await first
  await backups.create(join(folder, 'second'))
})

test('a backup is for its owner alone, wherever it goes, and its time is known to the next start', async (t) => {
  const { database, backups, folder } = await theStore(t)
  const { file } = await backups.create(undefined)
  assert.match(file, /data\/backups\/mooring-\d{8}T\d{6}Z\.jsonl\.gz$/)
  const inFolder = await backups.create(folder)
  for (const path of [file, inFolder.file]) assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(join(folder, 'data', 'backups'))).mode & 0o777, 0o700)
  assert.equal(backups.lastSuccess?.toISOString(), inFolder.createdAt)
  assert.equal((await Backups.open(database, '1.2.3')).lastSuccess?.toISOString(), inFolder.createdAt)
})

test('a store that is closed while it is backed up leaves no file', async (t) => {
  const { database, backups, folder } = await theStore(t)
  const level = database.level
  const making = assert.rejects(backups.create(join(folder, 'file')), /not open|aborted|closed/i)
  const begun = level.iterator.bind(level)
  await new Promise<void>((resolve) => {
    level.iterator = ((options: object) => {
      resolve()
      return begun(options)
    }) as never
  })
  await level.close()
  await making
  assert.deepEqual(await readdir(folder), ['data'])
})

test('a backup is whole: counts, files, checksum', async () => {
  const { sound, faults, records, files, version } = await verifyBackup(backup)
  assert.deepEqual([sound, faults, version], [true, [], '1.2.3'])
  assert.deepEqual(files, ['registration-secret', 'registration-issuer'])
  assert.equal(records['devices'], stock.devices.length)
  assert.equal(records['retained'], 30)
})

/** The lines of the backup changed, with everything that is said about them as it was. */
async function rewritten(t: TestContext, change: (lines: string[]) => string[]): Promise<string> {
  const lines = gunzipSync(await readFile(backup))
    .toString()
    .trimEnd()
    .split('\n')
  return await written(t, gzipSync(`${change(lines).join('\n')}\n`))
}

async function written(t: TestContext, bytes: Buffer): Promise<string> {
  const file = join(await aFolder(t), 'backup')
  await writeFile(file, bytes)
  return file
}

const unlike: { name: string; change: (lines: string[]) => string[]; says: RegExp }[] = [
  { name: 'lost its last line', change: (lines) => lines.slice(0, -1), says: /is cut short: its last line is missing/ },
  { name: 'lost a record', change: (lines) => lines.toSpliced(40, 1), says: /does not match its checksum/ },
  {
    name: 'has a record twice',
    change: (lines) => lines.toSpliced(40, 0, lines[40]!),
    says: /does not match its checksum/,
  },
  {
    name: 'has a record changed',
    change: (lines) => lines.with(40, lines[40]!.replace('"room":"', '"room":"x')),
    says: /does not match its checksum/,
  },
  { name: 'has a line that is no JSON', change: (lines) => lines.with(40, '{"room":'), says: /is damaged in line 41/ },
  {
    name: 'has a line that is no record',
    change: (lines) => lines.with(40, '{"room":"devices"}'),
    says: /holds something else than a record in line 41/,
  },
  { name: 'goes on behind its end', change: (lines) => [...lines, lines[40]!], says: /goes on behind its last line/ },
  { name: 'is something else', change: () => ['{"a":1}'], says: /is no backup of Mooring/ },
  {
    name: 'would write a file elsewhere',
    change: (lines) => lines.with(1, '{"file":"../../etc/passwd","text":"x"}'),
    says: /holds a file of another name: "\.\.\/\.\.\/etc\/passwd"/,
  },
  {
    name: 'is of a newer version',
    change: (lines) => lines.with(0, lines[0]!.replace('"format":1', '"format":2')),
    says: /was made by Mooring 1\.2\.3, which is newer/,
  },
]
for (const { name, change, says } of unlike) {
  test(`a backup that ${name} is refused by name, and nothing comes of it`, async (t) => {
    const file = await rewritten(t, change)
    await assert.rejects(verifyBackup(file), unusable(says))
    await assert.rejects(restoreBackup(file, join(file, '..', 'restored')), unusable(says))
    assert.deepEqual(await readdir(join(file, '..')), ['backup'])
  })
}

test('a file that is no backup, or is not there, is refused', async (t) => {
  await assert.rejects(verifyBackup(await written(t, Buffer.from('hello'))), unusable(/is no backup of Mooring/))
  await assert.rejects(verifyBackup(await written(t, Buffer.alloc(0))), unusable(/is no backup|is cut short/))
  await assert.rejects(verifyBackup(join(parent, 'nowhere')), unusable(/cannot be read: ENOENT/))
})

test('wherever a backup is cut or a bit of it flipped, it is refused, or holds the same all the same', async (t) => {
  const bytes = await readFile(backup)
  const content = gunzipSync(bytes)
  let refused = 0
  for (let n = 0; n < 24; n++) {
    const at = Math.floor(Math.random() * bytes.length)
    await assert.rejects(
      verifyBackup(await written(t, bytes.subarray(0, at))),
      unusable(/is cut short/),
      `cut at ${at}`,
    )
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (n % 8))
    try {
      await verifyBackup(await written(t, flipped))
      // The time in gzip's header is nobody's, nor are bits that fill a byte up (RFC 1952 §2.3, RFC 1951 §3.2.4).
      assert.ok(gunzipSync(flipped).equals(content), `byte ${at}`)
    } catch (error) {
      assert.ok(
        unusable(/is damaged|is no backup|does not match|is cut|holds? /)(error),
        `byte ${at}: ${String(error)}`,
      )
      refused++
    }
  }
  assert.ok(refused > 12, `${refused}`)
})

const inUse = (error: unknown) => error instanceof StorageError && error.code === 'ERR_FOLDER_IN_USE'

test('restoring refuses a folder that holds anything, and leaves it alone', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, 'mine'), 'mine')
  await assert.rejects(restoreBackup(backup, folder), inUse)
  await assert.rejects(restoreBackup(backup, join(folder, 'mine')), inUse)
  assert.deepEqual(await readdir(folder), ['mine'])
})

for (const where of ['a folder that is not there', 'an empty folder']) {
  test(`restored into ${where}, everything is there and devices log in`, async (t) => {
    const folder = join(await aFolder(t), 'restored')
    if (where === 'an empty folder') await mkdir(folder)
    const restored = await restoreBackup(backup, folder)
    assert.equal(restored.sound, true)
    assert.deepEqual(await readdir(join(folder, '..')), ['restored'])
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o077, 0, name)
    const { sound, records } = await verifyStore({ folder, configured: new Set() })
    assert.deepEqual([sound, records], [true, restored.records])
    assert.equal(await stockOf(folder), stock.stock)

    const { config } = loadConfig({ env: { MOORING_DATA: folder }, cwd: folder })
    const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
    t.after(() => database.close())
    for (const { deviceId, accessKey, accessSecret } of stock.devices.slice(0, 2)) {
      const principal = await registry.authenticate({ clientId: deviceId, accessKey, accessSecret, address: '' })
      assert.equal(principal.accessKey, accessKey)
    }
  })
}

test('what is restored is another store: the witness of the old one does not fit it', async (t) => {
  const folder = join(await aFolder(t), 'restored')
  await restoreBackup(backup, folder)
  const [old, restored] = await Promise.all(
    [join(parent, 'data'), folder].map((data) => readFile(join(data, 'mooring.json'), 'utf8')),
  )
  assert.notEqual(restored, old)
})

const WORKER = fileURLToPath(new URL('restore-worker.js', import.meta.url))

test('a restore that is killed, wherever it is, leaves no folder that a server would start in', async (t) => {
  const within = await aFolder(t)
  let killed = 0
  for (let files = 1; files <= 13; files += 2) {
    const folder = join(within, `restored-${files}`)
    const worker = startChild(t, process.execPath, [WORKER, backup, folder])
    const ended = worker.ended.then(() => 'ended' as const)
    while ((await filesBeside(folder)) < files) {
      if ((await Promise.race([ended, turn()])) === 'ended') break
    }
    worker.signal('SIGKILL')
    await worker.ended
    if ((await readdir(within)).includes(`restored-${files}`)) assert.equal(await stockOf(folder), stock.stock)
    else killed++
  }
  assert.ok(killed > 2, `${killed}`)
})

const turn = (): Promise<undefined> => new Promise((resolve) => setImmediate(() => resolve(undefined)))

/** How much of a folder has been restored while it has another name. */
async function filesBeside(folder: string): Promise<number> {
  const name = (await readdir(join(folder, '..'))).find((one) => one.startsWith(`${basename(folder)}.restoring-`))
  if (name === undefined) return 0
  return (await readdir(join(folder, '..', name), { recursive: true }).catch(() => [])).length
}
