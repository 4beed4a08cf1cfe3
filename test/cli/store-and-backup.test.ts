import assert from 'node:assert/strict'
import { cp, readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { startServer } from '../../server.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { aDevice } from '../support/registry.ts'
import { openRealStore, run, type Outcome } from './harness.ts'

const env = { MOORING_LISTEN_MQTT: '127.0.0.1:0', MOORING_LISTEN_HTTP: '127.0.0.1:0' }

/** A working folder with a data folder of one device; and commands in it. */
async function aPlace(t: TestContext): Promise<{
  cwd: string
  data: string
  mooring: (...words: string[]) => Promise<Outcome>
}> {
  const cwd = await aFolder(t)
  const { config } = loadConfig({ env, cwd })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  await aDevice(registry, 'A1-0001')
  await database.close()
  return {
    cwd,
    data: config.data,
    mooring: (...words) => run(words, { cwd, env, openLocal: openRealStore }),
  }
}

test('a store that a running server has is neither verified nor repaired', async (t) => {
  const { cwd, mooring } = await aPlace(t)
  const { config } = loadConfig({ env, cwd })
  const server = await startServer(config, { log: memoryLog(), version: '1.2.3', poolThreads: 4 })
  t.after(() => server.close())
  for (const words of [['verify'], ['repair', '--yes']]) {
    const { code, stdout, stderr } = await mooring('store', ...words)
    assert.deepEqual([code, stdout], [5, ''])
    assert.match(stderr, /^error: a server runs on .*\n.*Stop it first/)
  }
})

test('a repair wants to be confirmed', async (t) => {
  const { data, mooring } = await aPlace(t)
  await truncate(join(data, 'store', 'CURRENT'), 0)
  const { code, stderr } = await mooring('store', 'repair')
  assert.equal(code, 2)
  assert.match(stderr, /Add --yes/)
  assert.equal((await mooring('store', 'verify')).code, 1)
})

test('a damaged store is told by file, repaired, and sound afterwards', async (t) => {
  const { data, mooring } = await aPlace(t)
  assert.match((await mooring('store', 'verify')).stdout, /^sound: 9 records in .*\n {4}access-keys +1\n/)
  await rm(join(data, 'store', 'CURRENT'))

  const verified = await mooring('store', 'verify')
  assert.equal(verified.code, 1)
  assert.match(verified.stdout, /^damaged: .*\n {2}.*store\/CURRENT is missing\n {2}9 records can be read:\n/)
  assert.match(verified.stderr, /mooring store repair --yes/)
  const json = await mooring('store', 'verify', '--json')
  assert.equal(json.code, 1)
  const { sound, damages, records } = JSON.parse(json.stdout) as Record<string, unknown>
  assert.deepEqual(
    [sound, damages, records],
    [
      false,
      [{ file: join(data, 'store', 'CURRENT'), problem: 'is missing' }],
      {
        'access-keys': 1,
        'by-manufacturer-id': 1,
        'device-facets': 3,
        devices: 1,
        'keys-by-device': 1,
        'token-devices': 1,
        tokens: 1,
      },
    ],
  )

  const repaired = await mooring('store', 'repair', '--yes')
  assert.equal(repaired.code, 0, repaired.stderr)
  assert.match(repaired.stdout, /CURRENT is missing\n {2}kept 9 records:\n/)
  assert.match(repaired.stdout, /what was there before: .*store\.damaged-\d{8}T\d{9}Z\n/)
  assert.match(repaired.stderr, /an older one may have come back/)
  assert.equal((await mooring('store', 'verify')).code, 0)
  assert.match((await mooring('store', 'repair', '--yes')).stdout, /^nothing to repair in /)
  assert.match((await mooring('device', 'list')).stdout, /A1-0001/)
})

test('a secret that is missing is not made anew: the repair says so and fails', async (t) => {
  const { data, mooring } = await aPlace(t)
  await rm(join(data, 'registration-secret'))
  const { code, stderr } = await mooring('store', 'repair', '--yes')
  assert.equal(code, 1)
  assert.match(stderr, /Not repaired: .*registration-secret is missing, and its setting is not set\./)
  assert.ok(!(await readdir(data)).includes('registration-secret'))
})

test('a backup is made, verified and restored; each says what is in it', async (t) => {
  const { cwd, mooring } = await aPlace(t)
  const created = await mooring('backup', 'create', '--to', 'copy')
  assert.equal(created.code, 0, created.stderr)
  assert.match(created.stdout, new RegExp(`^backed up: ${join(cwd, 'copy')}, 9 records of .*\\n {4}access-keys +1\\n`))
  assert.match(created.stderr, /It holds registration-secret and registration-issuer/)
  const verified = await mooring('backup', 'verify', 'copy')
  assert.equal(verified.code, 0)
  assert.match(verified.stdout, /^whole: .*copy, 9 records/)

  const restored = await mooring('backup', 'restore', 'copy', '--data', 'elsewhere')
  assert.equal(restored.code, 0, restored.stderr)
  assert.match(restored.stderr, /recipes\/ and mooring\.yaml are not in a backup/)
  assert.match((await mooring('device', 'list', '--data', 'elsewhere')).stdout, /A1-0001/)
  const again = await mooring('backup', 'restore', 'copy', '--data', 'elsewhere')
  assert.equal(again.code, 5)
  assert.match(again.stderr, /elsewhere is not empty/)
})

test('a backup that is cut is refused by verify and restore', async (t) => {
  const { cwd, mooring } = await aPlace(t)
  await mooring('backup', 'create', '--to', 'copy')
  await cp(join(cwd, 'copy'), join(cwd, 'cut'))
  await truncate(join(cwd, 'cut'), 300)
  for (const words of [
    ['verify', 'cut'],
    ['restore', 'cut', '--data', 'elsewhere'],
  ]) {
    const { code, stdout, stderr } = await mooring('backup', ...words)
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /cut is cut short\.\n +Take another backup/)
  }
  assert.ok(!(await readdir(cwd)).some((name) => name.startsWith('elsewhere')))
})
