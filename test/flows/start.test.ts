import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { openRealStore, run } from '../cli/harness.ts'
import type { Child } from '../support/child.ts'
import { aFolder } from '../support/folder.ts'
import { copyAsKilled } from '../support/killed-folder.ts'
import { memoryLog } from '../support/log.ts'
import { aDevice } from '../support/registry.ts'
import { startMooring, startProgram } from '../support/server.ts'

const env = { MOORING_LISTEN_MQTT: '127.0.0.1:0', MOORING_LISTEN_HTTP: '127.0.0.1:0', MOORING_LOG_FORMAT: 'json' }

const serve = (t: TestContext, cwd: string): Child => startProgram(t, ['serve', '--data', 'data'], { cwd, env })

/** Its exit code, or `serves`. */
const outcomeOf = (server: Child): Promise<unknown> =>
  server.line(/"event":"serving"/).then(
    () => 'serves',
    () => server.ended,
  )

const textOf = (child: Child): string => child.lines.join('\n')

test('of two servers that start in one new data folder at once one serves, the other names the folder and ends', async (t) => {
  const cwd = await aFolder(t)
  const both = [serve(t, cwd), serve(t, cwd)]
  const outcomes = await Promise.all(both.map(outcomeOf))
  assert.deepEqual(new Set(outcomes), new Set([1, 'serves']), both.map(textOf).join('\n\n'))
  const [winner, loser] = outcomes[0] === 'serves' ? both : both.toReversed()
  assert.ok(winner && loser)
  assert.ok(textOf(loser).includes(`The store ${join(cwd, 'data', 'store')} is in use by `), textOf(loser))
  assert.match(textOf(loser), /another folder \(--data DIR\)/)

  const urls = ['--url', 'http://127.0.0.1/r', '--mqtt-url', 'mqtt://127.0.0.1']
  const made = await run(['token', 'create', '--data', 'data', ...urls], { cwd })
  assert.equal(await winner.stop(), 0)
  const { code, stderr } = await run(['token', 'verify', made.stdout.trim(), '--data', 'data'], {
    cwd,
    openLocal: openRealStore,
  })
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})

test('a data folder that a running server has is refused to the next one, and the first goes on', async (t) => {
  const server = await startMooring(t)
  await server.register('A1-0001')
  const second = startProgram(t, ['serve', '--data', server.data], { env })
  assert.equal(await outcomeOf(second), 1)
  assert.match(textOf(second), /^error: The store .*\/store is in use by process \d+\.$/m)
  assert.match(textOf(second), /Stop that server first, or start this one with another folder \(--data DIR\)\./)
  await server.register('A1-0002')
  assert.equal(await server.stop(), 0)
})

/** A working folder with a data folder as a second server leaves it that is killed: with a table and a log in its store. */
async function aUsedFolder(t: TestContext): Promise<string> {
  const cwd = await aFolder(t)
  const { config } = loadConfig({ env: {}, cwd })
  for (const manufacturerId of ['A1-0001', 'A1-0002']) {
    const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
    await aDevice(registry, manufacturerId)
    if (database.bootNumber === 2) await copyAsKilled(config.data, join(cwd, 'data'))
    await database.close()
  }
  await rm(config.data, { recursive: true })
  return cwd
}

async function inStore(data: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(join(data, 'store'))).find((one) => pattern.test(one))
  assert.ok(name, `a file like ${pattern} is there`)
  return join(data, 'store', name)
}

const RESTORE = /Restore the whole data folder from a backup, or start with another folder \(--data DIR\)\./

const damages: readonly { name: string; damage: (data: string) => Promise<void>; says: RegExp; wayOut: RegExp }[] = [
  {
    name: 'is of a newer format',
    damage: (data) => writeFile(join(data, 'mooring.json'), '{"format":2,"storeId":"x","state":"ready"}'),
    says: /data\/mooring\.json says format 2; this version of Mooring knows formats up to 1\./,
    wayOut: /Start the newer version of Mooring that wrote it, or restore a backup made before the upgrade\./,
  },
  {
    name: 'has lost mooring.json',
    damage: (data) => rm(join(data, 'mooring.json')),
    says: /data\/mooring\.json is missing, but .*data\/store is there/,
    wayOut: RESTORE,
  },
  {
    name: 'has half a mooring.json',
    damage: (data) => truncate(join(data, 'mooring.json'), 20),
    says: /data\/mooring\.json is damaged/,
    wayOut: RESTORE,
  },
  {
    name: 'has lost everything but its secret',
    damage: async (data) => {
      for (const name of ['store', 'mooring.json', 'witness']) await rm(join(data, name), { recursive: true })
    },
    says: /data\/mooring\.json is missing, but .*data\/registration-secret is there/,
    wayOut: RESTORE,
  },
  {
    name: 'has lost a file of its store',
    damage: async (data) => rm(await inStore(data, /^CURRENT$/)),
    says: /data\/store\/CURRENT is missing/,
    wayOut: RESTORE,
  },
  {
    name: 'has an emptied file in its store',
    damage: async (data) => truncate(await inStore(data, /^MANIFEST/)),
    says: /data\/store\/MANIFEST-\d+ is empty/,
    wayOut: RESTORE,
  },
  {
    name: 'has a log that was cut',
    damage: async (data) => {
      const log = await inStore(data, /\.log$/)
      await truncate(log, (await stat(log)).size - 10)
    },
    says: /data\/store has lost its newest records/,
    wayOut: /To go on without the lost records: truncate -s 0 .*data\/witness/,
  },
  {
    name: 'has lost its witness',
    damage: (data) => rm(join(data, 'witness')),
    says: /data\/witness is missing/,
    wayOut: /accept the store as it is with: touch .*data\/witness/,
  },
  {
    name: 'has lost its registration secret',
    damage: (data) => rm(join(data, 'registration-secret')),
    says: /data\/registration-secret is missing, and MOORING_REGISTRATION_SECRET is not set\./,
    wayOut: /Set MOORING_REGISTRATION_SECRET as it was before, or restore the file from a backup\./,
  },
]

/** What says who the folder is, and what is in it. */
async function shapeOf(data: string): Promise<unknown> {
  const own = ['mooring.json', 'registration-secret', 'registration-issuer'].map((name) =>
    readFile(join(data, name), 'utf8').catch(() => undefined),
  )
  return [await Promise.all(own), (await readdir(data)).toSorted()]
}

for (const { name, damage, says, wayOut } of damages) {
  test(`a data folder that ${name} is refused by serve and by commands, with the way out, and never begun as new`, async (t) => {
    const cwd = await aUsedFolder(t)
    const data = join(cwd, 'data')
    await damage(data)
    const damaged = await shapeOf(data)

    const server = serve(t, cwd)
    assert.equal(await outcomeOf(server), 1)
    const command = await run(['device', 'list', '--data', 'data'], { cwd, openLocal: openRealStore })
    assert.equal(command.code, 1)
    for (const text of [textOf(server), command.stderr]) {
      assert.match(text, /^error: /)
      assert.match(text, says)
      assert.match(text, wayOut)
    }
    assert.equal(command.stdout, '')
    assert.deepEqual(await shapeOf(data), damaged)
  })
}
