import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { openRealStore, run } from './harness.ts'

const ID = '6922d1a0c3f4e5b6a7980001'
const SECRET = 'a-secret-from-elsewhere'

async function aShell(t: TestContext) {
  const cwd = await aFolder(t)
  const mooring = (...argv: readonly string[]) => run([...argv, '--data', 'data'], { cwd, openLocal: openRealStore })
  const imported = async (text: string, ...flags: readonly string[]) => {
    await writeFile(join(cwd, 'fleet.csv'), text)
    return await mooring('device', 'import', 'fleet.csv', ...flags)
  }
  const ids = async (): Promise<string[]> => {
    const { devices } = JSON.parse((await mooring('device', 'list', '--json')).stdout) as {
      devices: { manufacturerId: string }[]
    }
    return devices.map(({ manufacturerId }) => manufacturerId)
  }
  return { cwd, mooring, imported, ids }
}

const refused: readonly { name: string; text: string; says: RegExp }[] = [
  { name: 'is empty', text: '', says: /fleet\.csv:1: the file is empty/ },
  { name: 'names no manufacturer IDs', text: 'name\nx\n', says: /:1: the first row must name a column manufacturerId/ },
  { name: 'has a column of another kind', text: 'manufacturerId,note\nA,b\n', says: /:1: .*column "note"; there are/ },
  { name: 'has an ID that cannot be', text: 'manufacturerId\nA1\n"A\t2"\n', says: /:3: no device can have/ },
  { name: 'has an ID with blanks around it', text: 'manufacturerId\n A1\n', says: /:2: .*blanks around it/ },
  { name: 'has an ID twice', text: 'manufacturerId\nA1\nA1\n', says: /:3: "A1" appears twice \(first at line 2\)/ },
  { name: 'has one that is registered', text: 'manufacturerId\nA1\nOLD\n', says: /:3: "OLD" is registered already/ },
  { name: 'has a tag without a value', text: 'manufacturerId,tags\nA1,x\n', says: /:2: the tag "x" is not/ },
  { name: 'sets a tag of ours', text: 'manufacturerId,tags\nA1,DeviceRecipe=x\n', says: /:2: .*set by Mooring itself/ },
  { name: 'has a device ID that is none', text: 'manufacturerId,deviceId\nA1,X\n', says: /:2: a device ID has 24/ },
  {
    name: 'has a device ID twice',
    text: `manufacturerId,deviceId\nA1,${ID}\nA2,${ID}\n`,
    says: /:3: its device ID is that of line 2/,
  },
  {
    name: 'has an access key twice',
    text: 'manufacturerId,accessKey\nA1,key\nA2,key\n',
    says: /:3: its access key is that of line 2/,
  },
  { name: 'has an access key with a blank', text: 'manufacturerId,accessKey\nA1,a b\n', says: /:2: an access key has/ },
  { name: 'has a short secret', text: 'manufacturerId,accessSecret\nA1,short\n', says: /:2: an access secret has 12/ },
  { name: 'has an open quote', text: 'manufacturerId\nA1\n"A2\n', says: /a quote is opened and never closed/ },
]
for (const { name, text, says } of refused) {
  test(`a file that ${name} is refused by its line, and no device of it is there`, async (t) => {
    const { imported, mooring, ids } = await aShell(t)
    assert.equal((await mooring('device', 'create', 'OLD')).code, 0)
    const { code, stdout, stderr } = await imported(text)
    assert.equal(code, 1, stdout)
    assert.match(stderr, says)
    assert.match(stderr, /nothing was changed/)
    assert.deepEqual(await ids(), ['OLD'])
  })
}

test('a secret is not told back, however wrong its row is', async (t) => {
  const { imported } = await aShell(t)
  const { stdout, stderr } = await imported(`manufacturerId,accessSecret\n A1,${SECRET}\n`)
  assert.doesNotMatch(stdout + stderr, new RegExp(SECRET))
})

test('a file that is not there, and a recipe that is not there, are said to be that', async (t) => {
  const { mooring, imported } = await aShell(t)
  assert.match((await mooring('device', 'import', 'none.csv')).stderr, /none\.csv cannot be read: ENOENT/)
  const { code, stderr } = await imported('manufacturerId\nA1\n', '--recipe', 'none')
  assert.equal(code, 2)
  assert.match(stderr, /no recipe "none"/)
})

test('a dry run tells that nothing is wrong, and changes nothing', async (t) => {
  const { imported, ids } = await aShell(t)
  const { code, stdout } = await imported('manufacturerId\nA1\nA2\n', '--dry-run', '--json')
  assert.deepEqual([code, JSON.parse(stdout)], [0, { rows: 2, applied: false }])
  assert.deepEqual(await ids(), [])
})

test('what a file says of a device is what it has, and it logs in with the secret that it had', async (t) => {
  const { cwd, imported, mooring } = await aShell(t)
  const text = `manufacturerId,name,tags,deviceId,accessKey,accessSecret\nA1,Pump 1,line=3;site=berlin,${ID},key-1,${SECRET}\nA2,,,,,\n`
  const { code, stdout, stderr } = await imported(text, '--json')
  assert.equal(code, 0, stderr)
  const { secrets, imported: count } = JSON.parse(stdout) as { secrets: Record<string, string>[]; imported: number }
  assert.deepEqual([count, secrets.length], [2, 1])
  const shown = JSON.parse((await mooring('device', 'get', 'A1', '--json')).stdout) as Record<string, unknown>
  assert.deepEqual([shown['id'], shown['name'], shown['registeredAt']], [ID, 'Pump 1', '2025-11-23T09:19:28.000Z'])

  const { config } = loadConfig({ flags: { data: join(cwd, 'data') }, env: {}, cwd })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  t.after(async () => {
    await registry.close()
    await database.close()
  })
  const address = '127.0.0.1'
  for (const { deviceId, accessKey, accessSecret } of [
    { deviceId: ID, accessKey: 'key-1', accessSecret: SECRET },
    ...secrets.map((one) => ({ deviceId: '', accessKey: '', accessSecret: '', ...one })),
  ]) {
    const principal = await registry.authenticate({ clientId: deviceId, accessKey, accessSecret, address })
    assert.deepEqual(principal.kind === 'device' && principal.deviceId, deviceId)
  }
  // Source: OWASP; a secret that somebody brought along is hashed like a password.
  assert.match(registry.devices.keyOf(registry.devices.get('A1')).secretHash, /\$m=19456,t=2,p=1\$/)
  assert.match(registry.devices.keyOf(registry.devices.get('A2')).secretHash, /\$m=1024,t=1,p=1\$/)
})

test('what is exported is imported elsewhere, with the same IDs', async (t) => {
  const [here, there] = [await aShell(t), await aShell(t)]
  await here.imported('manufacturerId,tags\nA1,line=3\n"A,2",\n')
  const { stdout } = await here.mooring('device', 'export')
  assert.match(stdout, /^manufacturerId,deviceId,name,tags\n/)
  // In the order of their IDs, and both were made in the same second.
  assert.match(stdout, /^A1,[0-9a-f]{24},.* - A1,line=3$/m)
  assert.match(stdout, /^"A,2",[0-9a-f]{24},"/m)
  assert.equal((await there.imported(stdout)).code, 0)
  assert.equal((await there.mooring('device', 'export')).stdout, stdout)
})

test('the journal tells of an import once, and of no secret', async (t) => {
  const { imported, mooring } = await aShell(t)
  await imported(`manufacturerId,accessSecret\nA1,${SECRET}\nA2,\n`)
  const { stdout } = await mooring('journal', 'list', '--json', '--kind', 'operation')
  const { entries } = JSON.parse(stdout) as { entries: Record<string, unknown>[] }
  assert.deepEqual(
    entries.map(({ operation, count }) => [operation, count]),
    [['commitDeviceImport', 2]],
  )
  assert.doesNotMatch(stdout, new RegExp(SECRET))
})
