import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { listenAdmin } from '../../admin/index.ts'
import { ConfigError } from '../../config.ts'
import { RegistryError } from '../../registry/index.ts'
import { StorageError } from '../../storage/index.ts'
import { A_DEVICE, fakeOperator } from '../admin/fake-operator.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { aListeningFolder, holding, openRealStore, run } from './harness.ts'

interface Refusal {
  readonly line: string
  readonly code: number
  readonly says: RegExp
  readonly stdin?: string
}

const URLS = '--url https://broker.example/api/register-device --mqtt-url mqtts://broker.example:8883'

const refused: readonly Refusal[] = [
  { line: '', code: 2, says: /Usage: mooring/ },
  { line: 'device', code: 2, says: /Usage: mooring device/ },
  { line: 'devcie list', code: 2, says: /Did you mean device\?/ },
  { line: 'device lits', code: 2, says: /Did you mean list\?/ },
  { line: 'device list --limt 5', code: 2, says: /Did you mean --limit\?/ },
  { line: 'device list surplus', code: 2, says: /too many arguments/ },
  { line: 'device list --limit 0', code: 2, says: /from 1 to 1000/ },
  { line: 'device list --limit 1001', code: 2, says: /from 1 to 1000/ },
  { line: 'device list --limit 1e2', code: 2, says: /from 1 to 1000/ },
  { line: 'device get', code: 2, says: /missing required argument 'device'/ },
  { line: 'device get A1-9999', code: 3, says: /There is no device "A1-9999"\.[^]*mooring device list/ },
  { line: 'device delete A1-0001', code: 2, says: /cannot be undone[^]*Add --yes/ },
  { line: 'key create', code: 2, says: /--service/ },
  { line: 'key create --service taken', code: 5, says: /exists already[^]*mooring key delete/ },
  { line: 'key create --service x --secret-file missing', code: 2, says: /missing cannot be read: ENOENT/ },
  { line: 'key delete nobody', code: 3, says: /There is no service key nobody\.[^]*mooring key list/ },
  { line: 'token create --url broker.example', code: 2, says: /--url "broker.example" is not a URL/ },
  { line: 'token create --url mqtt://broker.example', code: 2, says: /begins with http:\/\/ or https:\/\// },
  { line: 'token create --mqtt-url http://broker.example', code: 2, says: /--mqtt-url/ },
  { line: 'token create --expires 90', code: 2, says: /--expires "90" is not a duration/ },
  { line: 'token create --expires 1ms', code: 2, says: /is not a duration/ },
  { line: 'token create --claim line', code: 2, says: /key=value/ },
  { line: 'token create --claim =3', code: 2, says: /key=value/ },
  { line: 'token create --claim iss=me', code: 2, says: /Mooring sets this claim itself/ },
  { line: 'token create --claim a=1 --claim a=2', code: 2, says: /a is given twice/ },
  { line: 'token verify a.b.d', code: 4, says: /^$/ },
  { line: 'token verify -', code: 2, says: /too long to be a token/, stdin: 'x'.repeat(100_000) },
  { line: 'status', code: 7, says: /no server holds .*mooring-data[^]*mooring serve/ },
  { line: 'serve --listen mqtt', code: 2, says: /not of the form name=value/ },
  {
    line: 'serve --listen mqqt=127.0.0.1:1883',
    code: 6,
    says: /did you mean listen\.mqtt\?[^]*1 error\. Nothing was started/,
  },
  { line: 'serve --listen mqtt=1883', code: 6, says: /host:port/ },
  { line: 'serve --listen mqtt=off --listen-mqtt 127.0.0.1:1', code: 2, says: /listen\.mqtt is given twice/ },
  { line: 'serve --set nothing', code: 2, says: /name=value/ },
  { line: 'serve --log-format xml', code: 6, says: /--log-format/ },
  {
    line: 'serve --set registration.secret=on-the-command-line-for-all-to-see',
    code: 6,
    says: /every user of this machine/,
  },
  { line: 'config show --config missing.yaml', code: 6, says: /missing\.yaml/ },
]
for (const { line, code, says, stdin } of refused) {
  test(`mooring ${line} ends with ${code}`, async (t) => {
    const cwd = await aFolder(t)
    const outcome = await run(words(line), {
      cwd,
      openLocal: holding(fakeOperator()),
      ...(stdin === undefined ? {} : { stdin }),
    })
    assert.equal(outcome.code, code)
    assert.match(outcome.stderr, says)
    if (code !== 4) assert.equal(outcome.stdout, '')
  })

  if (code === 4 || says.source.startsWith('Usage')) continue
  test(`mooring ${line} --json says why in JSON`, async (t) => {
    const cwd = await aFolder(t)
    const outcome = await run([...words(line), '--json'], {
      cwd,
      openLocal: holding(fakeOperator()),
      ...(stdin === undefined ? {} : { stdin }),
    })
    assert.equal(outcome.code, code)
    assert.equal(outcome.stdout, '')
    const { error } = JSON.parse(outcome.stderr)
    assert.match(error.code, /^ERR_[A-Z_]+$/)
    assert.equal(typeof error.message, 'string')
  })
}

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '')

const thrown: readonly { error: Error; code: number; says: RegExp }[] = [
  { error: new RegistryError('ERR_BUSY', 'Busy.'), code: 1, says: /Busy\.[^]*Try again/ },
  { error: new RegistryError('ERR_INPUT_INVALID', 'Not so.'), code: 2, says: /Not so\./ },
  { error: new ConfigError(['a: one', 'b: two']), code: 6, says: /error: a: one\nerror: b: two\n.*2 errors/ },
  { error: new StorageError('It is damaged.', 'Restore it.'), code: 1, says: /error: It is damaged\.\n +Restore it\./ },
  { error: new Error('the disk \u001b[31mfailed'), code: 1, says: /error: the disk \\u001b\[31mfailed/ },
]
for (const { error, code, says } of thrown) {
  test(`${error.name} ends a command with ${code} and its message`, async (t) => {
    const cwd = await aFolder(t)
    const outcome = await run(['device', 'list'], { cwd, openLocal: () => Promise.reject(error) })
    assert.equal(outcome.code, code)
    assert.match(outcome.stderr, says)
  })
}

/** Every command that works on the store, and what it leads to. */
const storeCommands: readonly { line: string; code?: number; stdin?: string }[] = [
  { line: `token create ${URLS}` },
  { line: `token create ${URLS} --expires 90d --claim line=3` },
  { line: 'token create --url http://broker.example/r' },
  { line: 'token create' },
  { line: 'token verify a.b.c' },
  { line: 'token verify -', stdin: 'a.b.c\n' },
  { line: 'token verify x', code: 4 },
  { line: 'key create --service backend' },
  { line: 'key create --service backend --publish a/# --publish b --subscribe # --deny a/private' },
  { line: 'key create --service taken', code: 5 },
  { line: 'key list' },
  { line: 'keys list' },
  { line: 'key delete dashboard' },
  { line: 'key delete nobody', code: 3 },
  { line: 'device list' },
  { line: 'device list --limit 1' },
  { line: 'device get A1-0001' },
  { line: `devices get ${A_DEVICE.id}` },
  { line: 'device get A1-9999', code: 3 },
  { line: 'device disable A1-0001' },
  { line: 'device enable A1-0001' },
  { line: 'device rotate A1-0001' },
  { line: 'device rotate A1-9999', code: 3 },
  { line: 'device delete A1-0001 --yes' },
]
for (const { line, code = 0, stdin } of storeCommands) {
  for (const json of [[], ['--json']]) {
    test(`mooring ${[line, ...json].join(' ')} is the same with and without a server`, async (t) => {
      const operator = fakeOperator()
      const argv = [...words(line), ...json]
      const common = { cwd: await aFolder(t), ...(stdin === undefined ? {} : { stdin }) }
      const alone = await run(argv, { ...common, openLocal: holding(operator) })
      const folder = await aListeningFolder(t, operator)
      const asked = await run([...argv, '--data', folder], common)
      assert.deepEqual(asked, alone)
      assert.equal(alone.code, code)
      if (json.length > 0 && code !== 0 && code !== 4) JSON.parse(alone.stderr)
      if (json.length > 0 && code === 0) {
        assert.equal(alone.stderr, '')
        assert.equal(alone.stdout.indexOf('\n'), alone.stdout.length - 1)
        JSON.parse(alone.stdout)
      }
    })
  }
}

test('options may stand before the command, between its words and after it', async (t) => {
  const folder = await aListeningFolder(t, fakeOperator())
  const cwd = await aFolder(t)
  const expected = await run(['device', 'list', '--data', folder, '--json'], { cwd })
  assert.equal(expected.code, 0)
  assert.deepEqual(await run(['--data', folder, '--json', 'device', 'list'], { cwd }), expected)
  assert.deepEqual(await run(['device', '--json', 'list', '--data', folder], { cwd }), expected)
})

test('token create prints the token alone on stdout, and how devices elsewhere get here on stderr', async (t) => {
  const cwd = await aFolder(t)
  const { stdout, stderr } = await run(['token', 'create'], { cwd, openLocal: holding(fakeOperator()) })
  assert.equal(stdout, 'a.b.c\n')
  assert.match(stderr, /http:\/\/127\.0\.0\.1:8080\/api\/register-device and mqtt:\/\/127\.0\.0\.1:1883/)
  assert.match(stderr, /--url http:\/\/HOST:8080/)
  const told = await run(words(`token create ${URLS}`), { cwd, openLocal: holding(fakeOperator()) })
  assert.deepEqual(told, { code: 0, stdout: 'a.b.c\n', stderr: '' })
})

const derived: readonly { env: Record<string, string>; url: string; mqtt: string; noted: boolean }[] = [
  {
    env: { MOORING_LISTEN_HTTP: '192.0.2.7:80', MOORING_LISTEN_MQTT: '192.0.2.7:1883' },
    url: 'http://192.0.2.7:80/api/register-device',
    mqtt: 'mqtt://192.0.2.7:1883',
    noted: false,
  },
  {
    env: { MOORING_LISTEN_HTTP: '[2001:db8::7]:8080', MOORING_LISTEN_MQTT: '[::1]:1883' },
    url: 'http://[2001:db8::7]:8080/api/register-device',
    mqtt: 'mqtt://[::1]:1883',
    noted: true,
  },
  {
    env: { MOORING_LISTEN_HTTP: '0.0.0.0:8080', MOORING_LISTEN_MQTT: '[::]:1883' },
    url: 'http://127.0.0.1:8080/api/register-device',
    mqtt: 'mqtt://[::1]:1883',
    noted: true,
  },
]
for (const { env, url, mqtt, noted } of derived) {
  test(`a token leads to the listener ${env['MOORING_LISTEN_HTTP']}`, async (t) => {
    const cwd = await aFolder(t)
    const openLocal = holding(fakeOperator())
    const { stdout } = await run(['token', 'create', '--json'], { cwd, env, openLocal })
    assert.deepEqual(JSON.parse(stdout).payload, { url, mqtt, iat: 1 })
    const { stderr } = await run(['token', 'create'], { cwd, env, openLocal })
    assert.equal(stderr.startsWith('note: '), noted)
  })
}

test('a token leads to the encrypted listeners where there are some', async (t) => {
  const cwd = await aFolder(t)
  const listeners = { mqtt: '127.0.0.1:1883', mqtts: '192.0.2.7:8883', http: '127.0.0.1:80', https: '192.0.2.7:443' }
  const status = { ...(await fakeOperator().status()), listeners }
  const folder = await aListeningFolder(t, fakeOperator({ status: async () => status }))
  const { stdout } = await run(['token', 'create', '--json', '--data', folder], { cwd })
  assert.deepEqual(JSON.parse(stdout).payload, {
    url: 'https://192.0.2.7:443/api/register-device',
    mqtt: 'mqtts://192.0.2.7:8883',
    iat: 1,
  })
})

test('a token needs --url when nothing listens that it could be taken from', async (t) => {
  const cwd = await aFolder(t)
  const env = { MOORING_LISTEN_HTTP: 'off' }
  const { code, stderr } = await run(['token', 'create'], { cwd, env, openLocal: holding(fakeOperator()) })
  assert.equal(code, 2)
  assert.match(stderr, /--url is needed/)
})

test('token verify shows the decoded token with readable times', async (t) => {
  const cwd = await aFolder(t)
  const { stdout } = await run(['token', 'verify', 'a.b.c'], { cwd, openLocal: holding(fakeOperator()) })
  assert.match(stdout, /^accepted\n/)
  assert.match(stdout, /"alg": "HS256"/)
  assert.match(stdout, /issued {3}2023-11-14T22:13:20\.000Z\nexpires {2}never\n$/)
})

test('the secret of a key comes from a file without its last line break, and is not echoed', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'secret'), ' chosen by a person \n')
  const asked: unknown[] = []
  const operator = fakeOperator()
  const openLocal = holding({
    ...operator,
    createServiceKey: (request) => {
      asked.push(request)
      return operator.createServiceKey(request)
    },
  })
  const { stdout, stderr } = await run(words('key create --service x --secret-file secret'), { cwd, openLocal })
  assert.deepEqual(asked, [{ name: 'x', rules: {}, secret: ' chosen by a person ' }])
  assert.doesNotMatch(stdout + stderr, /chosen by a person/)
})

test('what a device calls itself cannot steer the terminal', async (t) => {
  const cwd = await aFolder(t)
  const manufacturerId = 'A\u001b]0;title\u0007\u009b2J\u202e1\u2066'
  const evil = { ...A_DEVICE, manufacturerId, name: `Generator - ${manufacturerId}` }
  const operator = fakeOperator({ getDevice: async () => evil, listDevices: async () => ({ devices: [evil] }) })
  for (const line of ['device list', 'device get x', 'device list --json', 'device get x --json']) {
    const { stdout } = await run(words(line), { cwd, openLocal: holding(operator) })
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/, line)
    assert.match(stdout, /A\\u001b\]0;title/)
    if (line.endsWith('--json')) assert.ok(JSON.stringify(JSON.parse(stdout)).includes(JSON.stringify(manufacturerId)))
  }
})

test('colours are for terminals, and not where NO_COLOR is set', async (t) => {
  const cwd = await aFolder(t)
  const openLocal = holding(fakeOperator())
  const coloured = await run(['device', 'list'], { cwd, openLocal, stdoutIsTTY: true })
  assert.ok(coloured.stdout.startsWith('\u001b['))
  const plain = await run(['device', 'list'], { cwd, openLocal })
  assert.deepEqual(await run(['device', 'list'], { cwd, openLocal, stdoutIsTTY: true, env: { NO_COLOR: '1' } }), plain)
  // oxlint-disable-next-line no-control-regex
  assert.equal(coloured.stdout.replaceAll(/\u001b\[\d+m/g, ''), plain.stdout)
})

test('a store that is held for a moment is waited for', async (t) => {
  const cwd = await aFolder(t)
  let tries = 0
  const openLocal = async () => {
    if (++tries < 3) throw new StorageError('In use.', 'Wait.', { code: 'ERR_STORE_IN_USE' })
    return await holding(fakeOperator())()
  }
  assert.equal((await run(['device', 'list'], { cwd, openLocal })).code, 0)
  assert.equal(tries, 3)
})

test('a server that starts while a command wants the store is asked instead', async (t) => {
  const cwd = await aFolder(t)
  const folder = await aFolder(t)
  const openLocal = async () => {
    // It holds the store first, and listens a moment later.
    const server = await listenAdmin({ folder, operator: fakeOperator(), log: memoryLog() })
    t.after(() => server.close())
    throw new StorageError('In use.', 'Wait.', { code: 'ERR_STORE_IN_USE' })
  }
  const { code, stdout } = await run(['device', 'list', '--data', folder], { cwd, openLocal })
  assert.equal(code, 0)
  assert.match(stdout, /A1-0001/)
})

test('status tells how the running server is', async (t) => {
  const folder = await aListeningFolder(t, fakeOperator())
  const { code, stdout } = await run(['status', '--data', folder], { cwd: folder })
  assert.equal(code, 0)
  assert.match(stdout, /^mooring 1\.2\.3 \(node 20\.20\.2, pid 4711\)\n/)
  assert.match(stdout, / {2}up +1 d 2 h \(since 2026-01-01T00:00:00\.000Z\)/)
  assert.match(stdout, / {2}clients +12 connected\n {2}mqtt +127\.0\.0\.1:1883\n/)
})

test('status does not take the socket of a dead server for a server', async (t) => {
  const folder = await aFolder(t)
  const dead = createServer()
  dead.listen(join(folder, 'kept.sock'))
  await once(dead, 'listening')
  await rename(join(folder, 'kept.sock'), join(folder, 'admin.sock'))
  dead.close()
  await once(dead, 'close')
  assert.equal((await run(['status', '--data', folder], { cwd: folder })).code, 7)
})

test('help and version are answers', async (t) => {
  const cwd = await aFolder(t)
  for (const line of ['--help', 'help', 'help device', 'device list --help', '--version', 'version']) {
    const { code, stdout, stderr } = await run(words(line), { cwd })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, line)
    assert.match(stdout, /mooring/, line)
  }
})

test('serve hands over the configuration, and its exit code is the exit code', async (t) => {
  const cwd = await aFolder(t)
  const line =
    'serve --data elsewhere --listen mqtt=127.0.0.1:0 --listen http=off --log-format json --set limits.connections=5'
  const served: unknown[] = []
  const { code } = await run(words(line), {
    cwd,
    serve: async ({ config }) => {
      served.push([config.data, config.listen, config.log.format, config.limits.connections])
      return 42
    },
  })
  assert.equal(code, 42)
  assert.deepEqual(served, [[join(cwd, 'elsewhere'), { mqtt: { host: '127.0.0.1', port: 0 } }, 'json', 5]])
})

test('a token can be made before the first start, and the server that starts then accepts it', async (t) => {
  const cwd = await aFolder(t)
  const openLocal = openRealStore
  const { code, stdout: token } = await run(words(`token create ${URLS}`), { cwd, openLocal })
  assert.equal(code, 0)
  const verified = await run(['token', 'verify', token.trim(), '--json'], { cwd, openLocal })
  assert.equal(verified.code, 0)
  assert.equal(JSON.parse(verified.stdout).payload.url, 'https://broker.example/api/register-device')
})
