import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError, loadConfig, settings, type Config } from '../../config.ts'
import { aFolder } from '../support/folder.ts'
import { aFile, cwd, FILE, load, type Said } from './support.ts'

interface Kind {
  readonly kind: string
  readonly path: string
  /** What the file, the environment and the command line say, in that order. */
  readonly said: readonly [file: string, env: string, flag: string]
  readonly read: (config: Config) => unknown
  /** What is read with nothing said, then as above. */
  readonly values: readonly [standard: unknown, file: unknown, env: unknown, flag: unknown]
}

const kinds: readonly Kind[] = [
  {
    kind: 'path',
    path: 'data',
    said: ['in-file', 'in-env', 'in-flag'],
    read: ({ data }) => data,
    values: ['mooring-data', 'in-file', 'in-env', 'in-flag'].map((name) => join(cwd, name)) as never,
  },
  {
    kind: 'address',
    path: 'listen.mqtt',
    said: ['127.0.0.1:1', 'off', "'[::1]:3'"],
    read: ({ listen }) => listen.mqtt,
    values: [{ host: '127.0.0.1', port: 1883 }, { host: '127.0.0.1', port: 1 }, undefined, { host: '::1', port: 3 }],
  },
  {
    kind: 'text',
    path: 'registration.issuer',
    said: ['file.example', 'env.example', 'flag.example'],
    read: ({ registration }) => registration.issuer,
    values: [undefined, 'file.example', 'env.example', 'flag.example'],
  },
  {
    kind: 'choice',
    path: 'log.level',
    said: ['debug', 'warn', 'error'],
    read: ({ log }) => log.level,
    values: ['info', 'debug', 'warn', 'error'],
  },
  {
    kind: 'count',
    path: 'limits.connections',
    said: ['11', '12', '13'],
    read: ({ limits }) => limits.connections,
    values: [10_000, 11, 12, 13],
  },
  {
    kind: 'size',
    path: 'mqtt.maxPacketBytes',
    said: ['4096', '8KiB', '1MiB'],
    read: ({ mqtt }) => mqtt.maxPacketBytes,
    values: [262_144, 4096, 8192, 1_048_576],
  },
  {
    kind: 'duration',
    path: 'shutdown.graceTimeout',
    said: ['500ms', '2s', '1m'],
    read: ({ shutdown }) => shutdown.graceMs,
    values: [5000, 500, 2000, 60_000],
  },
]

const inFile = (path: string, value: string): string => {
  const [group, name] = path.split('.')
  return name === undefined ? `${group}: ${value}\n` : `${group}:\n  ${name}: ${value}\n`
}
const settingOf = (path: string) => settings().find((setting) => setting.path === path)!
const secretOf = (said: Said): string | undefined => load(said).config.registration.secret?.reveal()
const unquoted = (text: string): string => text.replaceAll("'", '')

test('every kind of setting but a secret is in the table below', () => {
  const tried = new Set([...kinds.map(({ path }) => settingOf(path).kind), 'secret'])
  assert.deepEqual(tried, new Set(settings().map(({ kind }) => kind)))
})

for (const { kind, path, said, read, values } of kinds) {
  test(`a ${kind} is taken from the flag, else the environment, else the file, else the default`, () => {
    const [file, env, flag] = said
    const { variable, flag: flagName } = settingOf(path)
    const steps = [
      { origin: ['default', ''], from: {} },
      { origin: ['file', `${FILE}:`], from: { file: inFile(path, file) } },
      { origin: ['environment', variable], from: { file: inFile(path, file), env: { [variable]: env } } },
      {
        origin: ['flag', flagName],
        from: { file: inFile(path, file), env: { [variable]: env }, flags: { [path]: unquoted(flag) } },
      },
    ]
    for (const [index, { origin, from }] of steps.entries()) {
      const { config, sources } = load(from)
      assert.deepEqual(read(config), values[index])
      const { source, detail } = sources.get(path)!
      assert.deepEqual([source, detail.startsWith(origin[1]!)], [origin[0], true], detail)
    }
  })
}

/** Two values of each kind that no default has; choices have their own. */
const others: Readonly<Record<string, readonly [string, string]>> = {
  path: ['/one', '/other'],
  address: ['127.0.0.1:11', '127.0.0.1:12'],
  text: ['one', 'other'],
  count: ['11', '12'],
  size: ['2KiB', '3KiB'],
  duration: ['2s', '3s'],
  'registration.mode': ['allowlist', 'approve'],
  'registration.manufacturerIds': ['mac', 'imei'],
  'registration.webhookUrl': ['https://one.example/', 'http://127.0.0.1:1/'],
  'registration.webhookFallback': ['refuse', 'admit'],
  'mqtt.deviceTopics': ['state-and-command', 'own'],
  'storage.durability': ['interval', 'os'],
  'mqtt.throttle': ['platform', 'off'],
  'metrics.access': ['all', 'off'],
  'admin.access': ['all', 'off'],
  'log.level': ['debug', 'error'],
  'log.format': ['json', 'human'],
}
for (const { path, kind, variable, flag } of settings()) {
  // What TLS needs besides is refused when it is not there, so its settings are tried whole in other tests.
  if (kind === 'secret' || path.startsWith('tls.') || ['listen.mqtts', 'listen.https'].includes(path)) continue
  test(`${path} is read from ${variable}, and ${flag} wins over it`, () => {
    const [one = '', other = ''] = others[path] ?? others[kind] ?? []
    const env = { [variable]: one }
    const byVariable = { source: 'environment', detail: variable, value: one }
    assert.deepEqual(load({ env }).sources.get(path), byVariable)
    assert.deepEqual(load({ file: inFile(path, other), env }).sources.get(path), byVariable)
    const byFlag = { source: 'flag', detail: flag, value: other }
    assert.deepEqual(load({ env, flags: { [path]: other } }).sources.get(path), byFlag)
  })
}

test('a secret is taken from the environment, else the file, and never from a flag', () => {
  const [one, two] = ['1'.repeat(32), '2'.repeat(32)]
  const file = `registration:\n  secret: '${one}'\n`
  assert.equal(secretOf({}), undefined)
  assert.equal(secretOf({ file }), one)
  assert.equal(secretOf({ file, env: { MOORING_REGISTRATION_SECRET: two } }), two)
  assert.throws(() => load({ flags: { 'registration.secret': one } }), /every user of this machine/)
})

for (const [name, text] of [
  ['without a line break', 'from.a.file'],
  ['with one', 'from.a.file\n'],
  ['with one of Windows', 'from.a.file\r\n'],
] as const) {
  test(`a variable that ends in _FILE names a file whose content is the value, ${name} at its end`, () => {
    aFile('issuer.txt', text)
    const { config, sources } = load({ env: { MOORING_REGISTRATION_ISSUER_FILE: 'issuer.txt' } })
    assert.equal(config.registration.issuer, 'from.a.file')
    assert.equal(sources.get('registration.issuer')?.detail, 'MOORING_REGISTRATION_ISSUER_FILE')
  })
}

test('only the last line break of such a file is not part of the value', () => {
  aFile('secret.txt', `${'s'.repeat(40)}\n\n`)
  const { config } = load({ env: { MOORING_REGISTRATION_SECRET_FILE: 'secret.txt' } })
  assert.equal(config.registration.secret?.reveal(), `${'s'.repeat(40)}\n`)
})

test('a relative path is relative to the file that says it, or to the working folder', async (t) => {
  const elsewhere = await aFolder(t)
  writeFileSync(join(elsewhere, 'mooring.yaml'), 'data: here\n')
  const configFile = join(elsewhere, 'mooring.yaml')
  const dataOf = (env: Record<string, string>) => loadConfig({ env, cwd, configFile }).config.data
  assert.equal(dataOf({}), join(elsewhere, 'here'))
  assert.equal(dataOf({ MOORING_DATA: 'here' }), join(cwd, 'here'))
  assert.equal(dataOf({ MOORING_DATA: '/here' }), '/here')
})

test('the file is what --config names, else MOORING_CONFIG, else in the data folder, else in the working folder', async (t) => {
  const here = await aFolder(t)
  const data = join(here, 'mooring-data')
  mkdirSync(data)
  const files = ['mooring.yaml', 'mooring-data/mooring.yaml', 'from-env.yaml', 'from-flag.yaml']
  const chosen = (from: { env?: Record<string, string>; configFile?: string } = {}) =>
    loadConfig({ env: {}, ...from, cwd: here })
  assert.equal(chosen().file, undefined)
  const levels = ['debug', 'warn', 'error', 'info']
  for (const [index, file] of files.entries()) writeFileSync(join(here, file), `log:\n  level: ${levels[index]}\n`)

  const env = { MOORING_CONFIG: 'from-env.yaml' }
  assert.equal(chosen({ env, configFile: 'from-flag.yaml' }).config.log.level, 'info')
  assert.equal(chosen({ env }).config.log.level, 'error')
  const found = chosen()
  assert.equal(found.config.log.level, 'warn')
  assert.match(found.warnings.join('\n'), /mooring\.yaml: it is not read, because .*mooring-data\/mooring\.yaml comes/)
  assert.equal(chosen({ env: { MOORING_DATA: 'another' } }).config.log.level, 'debug')
})

test('a named file that is not there is a problem; an unnamed one is not', () => {
  assert.throws(
    () => loadConfig({ env: {}, cwd, configFile: 'none.yaml' }),
    /^ConfigError: --config: .*none\.yaml: there/,
  )
  assert.throws(
    () => loadConfig({ env: { MOORING_CONFIG: 'none.yaml' }, cwd }),
    /MOORING_CONFIG: .*there is no such file/,
  )
  assert.throws(() => loadConfig({ env: { MOORING_CONFIG: '' }, cwd }), /MOORING_CONFIG: it is set but empty/)
  assert.equal(loadConfig({ env: {}, cwd }).file, undefined)
})

test('a file in the default data folder cannot move the data folder', async (t) => {
  const here = await aFolder(t)
  mkdirSync(join(here, 'mooring-data'))
  const file = join(here, 'mooring-data', 'mooring.yaml')
  writeFileSync(file, 'data: ../elsewhere\n')
  assert.throws(() => loadConfig({ env: {}, cwd: here }), ConfigError)
  writeFileSync(file, 'data: .\n')
  assert.equal(loadConfig({ env: {}, cwd: here }).config.data, join(here, 'mooring-data'))
})
