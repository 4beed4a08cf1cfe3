import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { cliDocs } from '../../cli/docs.ts'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { startServer } from '../../server.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { aDevice } from '../support/registry.ts'
import { openRealStore, run } from './harness.ts'

const env = { MOORING_LISTEN_MQTT: '127.0.0.1:0', MOORING_LISTEN_HTTP: '127.0.0.1:0' }
const URLS = ['--url', 'https://broker.example/api/register-device', '--mqtt-url', 'mqtts://broker.example']
const LIST_FILE = 'list.csv'
const FLEET_FILE = 'fleet.csv'
const SECRET_FILE = 'chosen-secret.txt'

/** Every command that needs the store, refusals too, with its exit code. Each is run as it stands and with `--json`. */
const commands: readonly (readonly [code: number, ...words: string[]])[] = [
  [0, 'device', 'list'],
  [0, 'device', 'list', '--limit', '1'],
  [0, 'device', 'get', 'A1-0001'],
  [3, 'device', 'get', 'nothing of the kind'],
  [0, 'device', 'disable', 'A1-0001'],
  [0, 'device', 'get', 'A1-0001'],
  [0, 'device', 'enable', 'A1-0001'],
  [3, 'device', 'disable', 'A1-9999'],
  [3, 'device', 'enable', '__proto__'],
  [0, 'device', 'rotate', 'A1-0001'],
  [3, 'device', 'rotate', 'A1-9999'],
  [3, 'device', 'delete', 'A1-9999', '--yes'],
  [2, 'device', 'delete', 'A1-0001'],
  [0, 'device', 'quarantine', 'A1-0001'],
  [0, 'device', 'list', '--state', 'quarantined'],
  [0, 'device', 'release', 'A1-0001'],
  [0, 'device', 'disconnect', 'A1-0001'],
  [3, 'device', 'quarantine', 'A1-9999'],
  [2, 'device', 'quarantine'],
  [2, 'device', 'quarantine', 'A1-0001', '--prefix', 'A1-'],
  [2, 'device', 'quarantine', '--tag', 'line'],
  [2, 'device', 'list', '--since', 'yesterday'],
  [0, 'device', 'tag', 'A1-0001', '--add', 'line=3', '--remove', 'trial'],
  [2, 'device', 'tag', 'A1-0001'],
  [2, 'device', 'tag', 'A1-0001', '--add', 'manufacturerId=x'],
  [0, 'device', 'list', '--tag', 'line=3', '--since', '2h'],
  [0, 'device', 'list', '--prefix', 'A1-'],
  [0, 'device', 'disable', '--tag', 'line=3'],
  [0, 'device', 'disable', '--tag', 'line=3', '--yes'],
  [0, 'device', 'enable', '--state', 'disabled', '--yes'],
  [0, 'device', 'rotate', 'A1-0001', '--overlap', '1h'],
  [2, 'device', 'rotate', 'A1-0001', '--overlap', 'long'],
  [0, 'device', 'rotate', '--tag', 'line=3'],
  [0, 'device', 'rotate', '--tag', 'line=3', '--yes'],
  [0, 'device', 'access', 'A1-0001', '--filter-type', 'whitelist', '--subscribe', 'plant/#', '--address', '10.0.0.0/8'],
  [0, 'device', 'get', 'A1-0001'],
  [0, 'device', 'access', 'A1-0001', '--any-address'],
  [2, 'device', 'access', 'A1-0001', '--address', 'here'],
  [2, 'device', 'access', 'A1-0001'],
  [0, 'device', 'delete', 'line 3 – ä\u202e', '--yes'],
  [0, 'device', 'import', FLEET_FILE, '--dry-run'],
  [2, 'device', 'import', 'none.csv'],
  [1, 'device', 'import', LIST_FILE],
  [0, 'device', 'import', 'made.csv'],
  [0, 'device', 'export', '--prefix', 'made'],
  [0, 'topic', 'retained', 'list'],
  [2, 'topic', 'retained', 'list', 'a/#/b'],
  [0, 'topic', 'retained', 'clear', 'plant/#', '--yes'],
  [0, 'key', 'list'],
  [0, 'key', 'create', '--service', 'made', '--publish', 'losant/+/command', '--deny', 'losant/x/#'],
  [0, 'key', 'create', '--service', 'chosen', '--secret-file', SECRET_FILE],
  [5, 'key', 'create', '--service', 'dashboard'],
  [2, 'key', 'create', '--service', 'a name with blanks'],
  [2, 'key', 'create', '--service', 'x', '--publish', 'a/#/b'],
  [0, 'key', 'delete', 'made'],
  [3, 'key', 'delete', 'nobody'],
  [0, 'token', 'create', ...URLS],
  [0, 'token', 'create', ...URLS, '--expires', '90d', '--claim', 'line=3'],
  [2, 'token', 'create', ...URLS, '--claim', `filling=${'x'.repeat(5000)}`],
  [0, 'token', 'verify', 'TOKEN'],
  [4, 'token', 'verify', 'TOKENx'],
  [4, 'token', 'verify', 'nothing of the kind'],
  [0, 'token', 'list'],
  [0, 'token', 'get', 'line-3'],
  [0, 'token', 'get', 'legacy'],
  [3, 'token', 'get', 'nobody'],
  [0, 'token', 'create', ...URLS, '--name', 'made', '--max-registrations', '5', '--match', 'A*', '--tag', 'line=3'],
  [5, 'token', 'create', ...URLS, '--name', 'line-3'],
  [2, 'token', 'create', ...URLS, '--network', '10.0.0.0/33'],
  [2, 'token', 'create', ...URLS, '--recipe', 'nothing of the kind'],
  [2, 'token', 'create', ...URLS, '--coming-back', 'perhaps'],
  [0, 'token', 'limit', 'line-3', '--max-registrations', '7', '--per-hour', 'none'],
  [2, 'token', 'limit', 'line-3'],
  [2, 'token', 'limit', 'line-3', '--per-hour', '0'],
  [0, 'token', 'revoke', 'line-3'],
  [4, 'token', 'verify', 'TOKEN'],
  [5, 'token', 'reopen', 'line-3'],
  [0, 'token', 'revoke', 'legacy'],
  [0, 'token', 'reopen', 'legacy'],
  [0, 'token', 'leak', 'line-3', '--list'],
  [0, 'token', 'leak', 'line-3', '--since', '2h', '--quarantine'],
  [0, 'token', 'leak', 'line-3', '--quarantine', '--yes'],
  [2, 'token', 'leak', 'line-3'],
  [2, 'token', 'leak', 'line-3', '--list', '--rotate'],
  [3, 'token', 'leak', 'nobody', '--list'],
  [0, 'device', 'readmit', 'A1-0001', '--for', '30m'],
  [0, 'device', 'readmit', '--tag', 'DeviceRecipe=tl-generator', '--for', '30m'],
  [3, 'device', 'readmit', 'A1-9999', '--for', '30m'],
  [2, 'device', 'readmit', '--for', '30m'],
  [2, 'device', 'readmit', 'A1-0001', '--for', '31d'],
  [2, 'device', 'readmit', 'A1-0001', '--for', 'ever'],
  [5, 'signing-key', 'retire', 'shared', '--yes'],
  [0, 'signing-key', 'rotate', '--algorithm', 'ES256', '--overlap', '90d'],
  [0, 'token', 'create', ...URLS],
  [2, 'signing-key', 'retire', 'shared'],
  [0, 'signing-key', 'retire', 'shared', '--yes'],
  [3, 'signing-key', 'retire', 'nobody', '--yes'],
  [0, 'signing-key', 'list'],
  [0, 'allow', 'list'],
  [0, 'allow', 'import', LIST_FILE, '--dry-run'],
  [0, 'allow', 'import', LIST_FILE],
  [0, 'allow', 'list', '--missing'],
  [0, 'allow', 'list', '--arrived', '--limit', '1'],
  [2, 'allow', 'list', '--arrived', '--missing'],
  [0, 'allow', 'check', 'B1'],
  [3, 'allow', 'check', 'B9'],
  [0, 'allow', 'export'],
  [0, 'allow', 'add', 'made', '--tag', 'site=berlin'],
  [0, 'allow', 'remove', 'made'],
  [3, 'allow', 'remove', 'B9'],
  [0, 'approval', 'list'],
  [0, 'approval', 'approve', '--all'],
  [3, 'approval', 'refuse', 'B9'],
  [0, 'admin', 'create', 'made', '--password-file', SECRET_FILE],
  [0, 'admin', 'role', 'made', 'operator'],
  [2, 'admin', 'create', 'other', '--password-file', 'none.txt'],
  [0, 'admin', 'list'],
  [3, 'admin', 'role', 'nobody', 'viewer'],
  [0, 'admin', 'passwd', 'made', '--password-file', SECRET_FILE],
  [3, 'admin', 'passwd', 'nobody', '--password-file', SECRET_FILE],
  [0, 'admin', 'remove', 'made'],
  [3, 'admin', 'remove', 'nobody'],
  [0, 'apitoken', 'create', 'made'],
  [0, 'apitoken', 'list'],
  [0, 'apitoken', 'revoke', 'made'],
  [3, 'apitoken', 'revoke', 'nobody'],
  [0, 'recipe', 'list'],
  [0, 'journal', 'list', '--kind', 'operation'],
  [0, 'journal', 'list', '--device', 'nothing of the kind'],
  [2, 'journal', 'list', '--kind', 'nothing of the kind'],
  [2, 'journal', 'list', '--since', 'yesterday'],
  [0, 'journal', 'tail', '-n', '3'],
  [0, 'journal', 'export', '--device', 'A1-0001'],
  [0, 'journal', 'verify'],
  [1, 'journal', 'verify', '--expect', `1:${'0'.repeat(64)}`],
  [2, 'journal', 'verify', '--expect', '1'],
  [0, 'explain', 'A1-0001'],
  [0, 'explain', 'nothing of the kind'],
  [0, 'device', 'create', 'made', '--tag', 'line=3'],
  [5, 'device', 'create', 'A1-0001'],
  [2, 'device', 'create', 'other', '--recipe', 'nothing of the kind'],
  [0, 'backup', 'create', '--to', 'made'],
  [5, 'backup', 'create', '--to', 'there'],
  [2, 'backup', 'create', '--to', join('nowhere', 'at', 'all')],
]

/** They print one document for each entry. */
const manyLines = /^journal (tail|export)/

/** Commands that have nothing to do with the store, or nothing with one that a server has. */
const others =
  /^(serve|demo|self-test|status|health|version|upgrade-check|firmware init|topic (tail|publish)|files|recipe check|doctor|completion|setup|admin setup-url|cert (show|self-signed|import|reload)|token inspect|config \w+|backup (verify|restore)|store \w+)$/

test('every command that needs the store is in the table', async () => {
  const all = Array.from((await cliDocs()).matchAll(/^### mooring (.+)$/gm), ([, words]) => words ?? '')
  const tried = new Set(commands.map(([, ...words]) => words.slice(0, lengthOf(words)).join(' ')))
  assert.deepEqual(new Set(all.filter((words) => !others.test(words))), tried)
})

/** How many words are the command: most are two. */
function lengthOf([group, verb]: readonly string[]): number {
  if (group === 'explain') return 1
  return group === 'topic' && verb === 'retained' ? 3 : 2
}

/** Two equal stores, each in a working folder of its own. */
async function twoStores(t: TestContext): Promise<{ alone: string; served: string; token: string }> {
  const alone = await aFolder(t)
  const served = await aFolder(t)
  const { config } = loadConfig({ env, cwd: alone })
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  await aDevice(registry, 'A1-0001')
  await aDevice(registry, 'line 3 – ä\u202e')
  await registry.accounts.create({ name: 'owner', password: 'a password that stays', role: 'admin' })
  await registry.serviceKeys.create({ name: 'dashboard', rules: { subscribe: ['losant/+/state'] } })
  const urls = { url: 'http://broker.example/r', mqtt: 'mqtt://broker.example' }
  const { token } = await registry.tokens.create({ ...urls, name: 'line-3' })
  await database.close()
  await mkdir(join(config.data, 'recipes'))
  await writeFile(join(config.data, 'recipes', 'pump.yaml'), 'resourceType: DeviceRecipe\nname: pump\n')
  for (const name of [SECRET_FILE, 'there']) await writeFile(join(alone, name), 'a secret that somebody chose\n')
  await writeFile(join(alone, LIST_FILE), 'manufacturerId\nA1-0001\nB1\n')
  await writeFile(join(alone, FLEET_FILE), 'manufacturerId\nC1\n')
  for (const name of ['made.csv', 'made.csv-json']) await writeFile(join(alone, name), `manufacturerId\nf-${name}\n`)
  await cp(alone, served, { recursive: true })
  return { alone, served, token }
}

/** What is made at random or from the time is different each time it is made; here it is only of the same form. */
const withoutChance = (text: string, cwd: string): string =>
  text
    .replaceAll(cwd, 'HERE')
    .replaceAll(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g, (token) => `TOKEN(${decodeProtectedHeader(token).alg})`)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'KEY')
    .replaceAll(/\b(tok|key)_[0-9a-f]{16}\b/g, '$1_ID')
    .replaceAll(/\bmooring_[\w-]{43}\b/g, 'API_TOKEN')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'SECRET')
    .replaceAll(/\b[0-9a-f]{24}\b/g, 'DEVICE')
    .replaceAll(/"(iat|exp)":\d{10}/g, '"$1":SECONDS')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')

test('every command says the same whether a server runs or not, to people and to programs', async (t) => {
  const { alone, served, token } = await twoStores(t)
  const { config } = loadConfig({ env, cwd: served })
  const server = await startServer(config, { log: memoryLog(), version: '1.2.3', poolThreads: 4 })
  t.after(() => server.close())

  for (const [code, ...words] of commands) {
    for (const json of [false, true]) {
      // What is made or deleted is so once for people and once for programs.
      const line = words.map((word) => (json && ['made', 'made.csv', 'chosen'].includes(word) ? `${word}-json` : word))
      const argv = [...line.map((word) => word.replace('TOKEN', token)), ...(json ? ['--json'] : [])]
      const without = await run(argv, { cwd: alone, env, openLocal: openRealStore })
      const beside = await run(argv, { cwd: served, env })
      const what = argv.join(' ').slice(0, 120)
      const again = json && line.includes('delete') && code === 0 && line[0] === 'device'
      assert.equal(without.code, again ? 3 : code, `${what}: ${without.stderr}`)
      assert.deepEqual(
        [beside.code, withoutChance(beside.stdout, served), withoutChance(beside.stderr, served)],
        [without.code, withoutChance(without.stdout, alone), withoutChance(without.stderr, alone)],
        what,
      )
      if (json) {
        const text = without.stdout === '' ? without.stderr : without.stdout
        const lines = text.split('\n')
        assert.equal(lines.pop(), '', what)
        assert.ok(lines.length === 1 || (manyLines.test(what) && lines.length > 0), `${what}: one line of JSON`)
        for (const document of lines) assert.equal(typeof JSON.parse(document), 'object')
      }
    }
  }
})

test('a command that comes while another has the store waits for it', async (t) => {
  const cwd = await aFolder(t)
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => run(['token', 'create', ...URLS], { cwd, env, openLocal: openRealStore })),
  )
  assert.deepEqual(
    outcomes.map(({ code, stderr }) => [code, stderr]),
    outcomes.map(() => [0, '']),
  )
})
