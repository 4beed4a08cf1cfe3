import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { ConfigError, loadConfig, settings, type LoadedConfig, type Setting } from '../../config.ts'
import { aCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'

interface Given {
  readonly flags?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** Text of `mooring.yaml` in the working folder. */
  readonly file?: string
  readonly configFile?: string
}

/** A working folder, with what is given in it. */
async function aPlace(t: TestContext, file?: string): Promise<{ cwd: string; load: (given?: Given) => LoadedConfig }> {
  const cwd = await aFolder(t)
  if (file !== undefined) await writeFile(join(cwd, 'mooring.yaml'), file)
  return { cwd, load: ({ flags = {}, env = {}, configFile } = {}) => loadConfig({ flags, env, cwd, configFile }) }
}

/** The problems that loading ends with, without the folder they are in. */
function problemsOf(cwd: string, load: () => unknown): string[] {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigError, inspect(error))
    assert.equal(error.message, error.problems.join('\n'))
    return error.problems.map((problem) => problem.replaceAll(`${cwd}/`, ''))
  }
  return assert.fail('nothing was wrong')
}

async function problems(t: TestContext, given: Given): Promise<string[]> {
  const { cwd, load } = await aPlace(t, given.file)
  return problemsOf(cwd, () => load(given))
}

/** Three values of a kind that differ from each other and from every default. */
const valuesOf: Record<Setting['kind'], readonly [flag: string, environment: string, file: string]> = {
  address: ['127.0.0.1:11', '127.0.0.1:12', '127.0.0.1:13'],
  path: ['from-flag', 'from-environment', 'from-file'],
  secret: ['', 'e'.repeat(32), 'f'.repeat(32)],
  text: ['flag', 'environment', 'file'],
  choice: ['', '', ''],
  count: ['11', '12', '13'],
  size: ['2KiB', '3KiB', '4KiB'],
  duration: ['2s', '3s', '4s'],
}

const choices: Readonly<Record<string, readonly [string, string, string]>> = {
  'mqtt.throttle': ['platform', 'off', 'platform'],
  'mqtt.deviceTopics': ['state-and-command', 'own', 'state-and-command'],
  'log.level': ['debug', 'warn', 'error'],
  'log.format': ['json', 'human', 'json'],
}

const yamlOf = ({ group, name }: Setting, value: string): string =>
  group === undefined ? `${name}: ${value}\n` : `${group}:\n  ${name}: ${value}\n`

for (const setting of settings()) {
  const { path, kind, flag, variable, default: standard } = setting
  test(`${path}: a flag wins over the environment, that over the file, that over the default`, async (t) => {
    const [byFlag, byEnvironment, byFile] = choices[path] ?? valuesOf[kind]
    const { certFile, keyFile } = await aCertificate()
    const here = yamlOf(setting, kind === 'path' ? `'${byFile}'` : byFile)
    const { cwd, load } = await aPlace(t, here)
    // One of the two alone is refused, and so is a file that is not there.
    const tls = path.startsWith('tls.') || path === 'listen.mqtts' || path === 'listen.https'
    const env = tls ? { MOORING_TLS_CERT: certFile, MOORING_TLS_KEY: keyFile } : {}
    if (path.startsWith('tls.')) {
      for (const name of [byFlag, byEnvironment, byFile]) await symlink(certFile, join(cwd, name))
      delete (env as Record<string, string>)[variable]
    }
    const shown = (value: string): string => {
      if (kind === 'secret') return '(set)'
      return kind === 'path' && value !== '' ? join(cwd, value) : value
    }

    const all: Given = {
      flags: flag === undefined ? {} : { [path]: byFlag },
      env: { ...env, [variable]: byEnvironment },
    }
    if (flag !== undefined) {
      assert.deepEqual(load(all).sources.get(path), { source: 'flag', detail: flag, value: shown(byFlag) })
    }
    const environment = { source: 'environment', detail: variable, value: shown(byEnvironment) }
    assert.deepEqual(load({ ...all, flags: {} }).sources.get(path), environment)
    const written = load({ env }).sources.get(path)
    assert.deepEqual({ ...written, detail: '' }, { source: 'file', detail: '', value: shown(byFile) })
    assert.match(written?.detail ?? '', /mooring\.yaml:\d+:\d+$/)

    const { cwd: other, load: elsewhere } = await aPlace(t)
    const untouched = kind === 'path' && standard !== undefined ? join(other, standard) : (standard ?? '')
    assert.deepEqual(elsewhere().sources.get(path), { source: 'default', detail: '', value: untouched })
  })
}

test('a value reaches the program as what it means', async (t) => {
  const { cwd, load } = await aPlace(
    t,
    'listen: { mqtt: off, http: "[::1]:0" }\nlimits: { connections: 7, connectDeadline: 2s }\nmqtt: { maxPacketBytes: 2KiB }\nshutdown: { graceTimeout: 0s }\n',
  )
  const { config } = load({ env: { MOORING_REGISTRATION_SECRET: 's'.repeat(32) } })
  assert.deepEqual(config.listen, { http: { host: '::1', port: 0 } })
  assert.equal(config.limits.connections, 7)
  assert.equal(config.limits.connectDeadlineMs, 2000)
  assert.equal(config.mqtt.maxPacketBytes, 2048)
  assert.equal(config.shutdown.graceMs, 0)
  assert.equal(config.data, join(cwd, 'mooring-data'))
  assert.equal(config.registration.secret?.reveal(), 's'.repeat(32))
})

test('plain listeners are on this machine only until somebody says otherwise, the others off', async (t) => {
  const { load } = await aPlace(t)
  const { listen } = load().config
  assert.deepEqual(listen, { mqtt: { host: '127.0.0.1', port: 1883 }, http: { host: '127.0.0.1', port: 8080 } })
})

test('every problem of every source is told at once, the file first and from its beginning to its end', async (t) => {
  const file = [
    'version: 1',
    'listen:',
    '  htpp: 127.0.0.1:8080',
    '  mqtt: 1883',
    'lisen: {}',
    'log:',
    '  level: loud',
    'limits:',
    '  connections: 0',
    '  connectDeadline: 10',
    'data: null',
    '',
  ].join('\n')
  const found = await problems(t, {
    file,
    env: { MOORING_LOG_FORMAT: 'xml', MOORING_LIMITS_PER_ADDRESS: 'many', MOORING_DATA: '' },
    flags: { 'listen.mqqt': 'off', 'registration.secret': 'x'.repeat(40), 'shutdown.graceTimeout': '2h' },
  })
  assert.deepEqual(found, [
    'mooring.yaml:3:3: listen.htpp: unknown setting; did you mean listen.http?',
    'mooring.yaml:4:9: listen.mqtt: expected host:port such as 127.0.0.1:1883, or off, found 1883',
    'mooring.yaml:5:1: lisen: unknown setting; did you mean listen?',
    'mooring.yaml:7:10: log.level: expected debug or info or warn or error, found "loud"',
    'mooring.yaml:9:16: limits.connections: expected a whole number from 1 to 10000000, found 0',
    'mooring.yaml:10:20: limits.connectDeadline: expected a duration with its unit, such as 500ms, 10s or 5m, found 10',
    'mooring.yaml:11:1: data: it has no value; give it one or remove the line',
    'MOORING_DATA: data: it is set but empty; give it a value or unset it',
    'command line: listen.mqqt: unknown setting; did you mean listen.mqtt?',
    'command line: registration.secret: every user of this machine can read command lines; use MOORING_REGISTRATION_SECRET_FILE or MOORING_REGISTRATION_SECRET',
    'MOORING_LIMITS_PER_ADDRESS: limits.perAddress: expected a whole number from 1 to 10000000, found "many"',
    'MOORING_LOG_FORMAT: log.format: expected auto or json or human, found "xml"',
    '--shutdown-grace-timeout: shutdown.graceTimeout: expected a duration from 0ms to 1h, found "2h"',
  ])
})

test('a value that another source overrides must be right all the same', async (t) => {
  const found = await problems(t, { file: 'log: { level: loud }\n', env: { MOORING_LOG_LEVEL: 'info' } })
  assert.deepEqual(found, ['mooring.yaml:1:15: log.level: expected debug or info or warn or error, found "loud"'])
})

const wrong: readonly { name: string; given: Given; says: RegExp }[] = [
  { name: 'a file that is no YAML', given: { file: 'listen: [\n' }, says: /^mooring\.yaml:\d+:\d+: / },
  { name: 'a tab', given: { file: 'listen:\n\tmqtt: off\n' }, says: /^mooring\.yaml:2:\d+: / },
  {
    name: 'a name twice',
    given: { file: 'data: a\ndata: b\n' },
    says: /^mooring\.yaml:2:1: this name was already used above/,
  },
  { name: 'a list', given: { file: '- data: a\n' }, says: /^mooring\.yaml:1:1: expected settings/ },
  { name: 'a text', given: { file: 'hello\n' }, says: /^mooring\.yaml:1:1: expected settings/ },
  {
    name: 'two documents',
    given: { file: 'data: a\n---\ndata: b\n' },
    says: /^mooring\.yaml:3:1: expected one document/,
  },
  { name: 'a merge key', given: { file: 'listen:\n  <<: {}\n' }, says: /^mooring\.yaml:2:3: merge keys/ },
  { name: 'a tag', given: { file: 'data: !path a\n' }, says: /^mooring\.yaml:1:7: tags \(!\) mean nothing here/ },
  { name: 'a newer version', given: { file: 'version: 2\n' }, says: /^mooring\.yaml:1:10: version: expected 1/ },
  { name: 'a version as text', given: { file: "version: '1'\n" }, says: /^mooring\.yaml:1:10: version: expected 1/ },
  {
    name: 'a section with a value',
    given: { file: 'listen: off\n' },
    says: /^mooring\.yaml:1:9: listen: expected settings below it/,
  },
  {
    name: 'a setting with a section',
    given: { file: 'data:\n  a: 1\n' },
    says: /^mooring\.yaml:2:3: data: expected a path, found a mapping/,
  },
  {
    name: 'a secret that is a number',
    given: { file: 'registration:\n  secret: 12345678901234567890\n' },
    says: /expected text; put it in quotes$/,
  },
  { name: 'names of prototypes', given: { file: '__proto__: {}\n' }, says: /^mooring\.yaml:1:1: unknown setting$/ },
  {
    name: 'the name of a method',
    given: { file: 'constructor: 1\n' },
    says: /^mooring\.yaml:1:1: constructor: unknown setting$/,
  },
  {
    name: 'ten thousand levels',
    given: { file: '['.repeat(10_000) },
    says: /^mooring\.yaml:1:201: expected at most 200 levels/,
  },
  {
    name: 'a short secret',
    given: { env: { MOORING_REGISTRATION_SECRET: 'x'.repeat(31) } },
    says: /at least 32 bytes, found 31$/,
  },
  {
    name: 'a topic root with a wildcard',
    given: { env: { MOORING_MQTT_TOPIC_ROOT: 'a/#' } },
    says: /the beginning of a topic/,
  },
  { name: 'a topic root of the broker', given: { env: { MOORING_MQTT_TOPIC_ROOT: '$SYS' } }, says: /no leading \$/ },
  {
    name: 'a topic root with an empty level',
    given: { env: { MOORING_MQTT_TOPIC_ROOT: 'a/' } },
    says: /levels with names/,
  },
  {
    name: 'an issuer with blanks around it',
    given: { env: { MOORING_REGISTRATION_ISSUER: ' a' } },
    says: /without blanks/,
  },
  { name: 'a path of a shell', given: { env: { MOORING_DATA: '~/data' } }, says: /only a shell knows/ },
  { name: 'a path of two lines', given: { env: { MOORING_DATA: 'a\nb' } }, says: /second line, found "a\\nb"$/ },
  {
    name: 'a size below the least',
    given: { env: { MOORING_MQTT_MAX_PACKET_BYTES: '127' } },
    says: /from 128 to 268435455 bytes/,
  },
  {
    name: 'a size above the most',
    given: { env: { MOORING_MQTT_MAX_PACKET_BYTES: '256MiB' } },
    says: /from 128 to 268435455 bytes/,
  },
  {
    name: 'a certificate without its key',
    given: { env: { MOORING_TLS_CERT: 'mooring.yaml' }, file: '' },
    says: /it is of no use without tls\.key/,
  },
  {
    name: 'a TLS listener without a certificate',
    given: { env: { MOORING_LISTEN_MQTTS: '0.0.0.0:8883' } },
    says: /MOORING_LISTEN_MQTTS: listen\.mqtts: TLS needs tls\.cert and tls\.key/,
  },
  {
    name: 'two listeners at one address',
    given: { env: { MOORING_LISTEN_HTTP: '127.0.0.1:1883' } },
    says: /already taken by listen\.mqtt/,
  },
  {
    name: 'a listener everywhere that covers another',
    given: { env: { MOORING_LISTEN_HTTP: '0.0.0.0:1883' } },
    says: /already taken by listen\.mqtt/,
  },
  {
    name: 'a config file that is missing',
    given: { configFile: 'nowhere.yaml' },
    says: /^--config: nowhere\.yaml: there is no such file/,
  },
  { name: 'a config file without a name', given: { configFile: '' }, says: /^--config: it is set but empty/ },
  {
    name: 'a config file that is a folder',
    given: { env: { MOORING_CONFIG: '.' } },
    says: /^MOORING_CONFIG: .*: it is a folder/,
  },
]
for (const { name, given, says } of wrong) {
  test(`${name}: one problem, with its place`, async (t) => {
    const found = await problems(t, given)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', says)
  })
}

test('an empty file, one of comments only, and sections without a line say nothing', async (t) => {
  for (const file of [
    '',
    '# nothing\n',
    'version: 1\n',
    'listen:\nlimits:\n  # connections: 7\n',
    '---\n...\n',
    '\ufeffversion: 1\n',
  ]) {
    const { load } = await aPlace(t, file)
    assert.equal(load().config.limits.connections, 10_000, JSON.stringify(file))
  }
})

test('no problem, warning or listing ever holds a secret', async (t) => {
  const secret = 'the-secret-that-nobody-may-see-0123456789'
  const places: readonly Given[] = [
    { env: { MOORING_REGISTRATION_SECRET: secret, MOORING_LOG_LEVEL: 'loud' } },
    { env: { MOORING_REGISTRATION_SECRET: secret.slice(0, 30) } },
    { env: { MOORING_REGISTRATION_SECRET_FILE: secret } },
    { env: { MOORING_REGISTRATION_SECRET: secret, MOORING_REGISTRATION_SECRET_FILE: 'x' } },
    { file: `registration: { secret: ${secret.slice(0, 30)} }\n` },
    { file: `registration:\n  secret: [${secret}]\n` },
    { file: `registration:\n  secret: { ${secret}: 1 }\n` },
    { file: `registration:\n  secret: "${secret}\n` },
    { file: `registration:\n  secret: ${secret}: x\n` },
    { file: `registration:\n  secret ${secret}\n` },
    { file: `registration: ${secret}\n` },
    { file: `${secret}\n` },
    { file: `${secret}: 1\n` },
    { file: `registration:\n  secret: &a ${secret.slice(0, 30)}\n  issuer: *b\n` },
    { file: `registration:\n  secret: !<${secret}> x\n` },
    { flags: { 'registration.secret': secret } },
  ]
  for (const given of places) {
    const { cwd, load } = await aPlace(t, given.file)
    // A name of a file is no secret, and must be told.
    const told = problemsOf(cwd, () => load(given)).filter((problem) => !problem.includes('_FILE: '))
    assert.doesNotMatch(told.join('\n'), /nobody-may-see/, JSON.stringify(given))
  }
  const { load } = await aPlace(t, `registration:\n  secret: ${secret}\n`)
  const loaded = load()
  assert.doesNotMatch(inspect(loaded, { depth: 9 }) + JSON.stringify([loaded, ...loaded.sources]), /nobody-may-see/)
  assert.equal(loaded.config.registration.secret?.reveal(), secret)
})

test('every variable may have _FILE after its name and then names a file with the value', async (t) => {
  const { cwd, load } = await aPlace(t)
  await writeFile(join(cwd, 'secret'), `${'s'.repeat(40)}\n`)
  await writeFile(join(cwd, 'address'), '127.0.0.1:7\r\n')
  const { config, sources } = load({
    env: { MOORING_REGISTRATION_SECRET_FILE: 'secret', MOORING_LISTEN_MQTT_FILE: join(cwd, 'address') },
  })
  assert.equal(config.registration.secret?.reveal(), 's'.repeat(40))
  assert.equal(config.listen.mqtt?.port, 7)
  assert.equal(sources.get('listen.mqtt')?.detail, 'MOORING_LISTEN_MQTT_FILE')
})

test('a file with a value that cannot be read is a problem that names it', async (t) => {
  const { cwd, load } = await aPlace(t)
  await writeFile(join(cwd, 'empty'), '\n')
  await writeFile(join(cwd, 'bytes'), Buffer.from([0xff, 0xfe]))
  await writeFile(join(cwd, 'large'), 'x'.repeat(64 * 1024 + 1))
  const env = {
    MOORING_REGISTRATION_SECRET_FILE: 'missing',
    MOORING_REGISTRATION_ISSUER_FILE: 'empty',
    MOORING_LISTEN_MQTT_FILE: 'bytes',
    MOORING_LISTEN_HTTP_FILE: 'large',
    MOORING_DATA_FILE: '.',
    MOORING_LOG_LEVEL_FILE: 'empty',
    MOORING_LOG_LEVEL: 'info',
  }
  assert.deepEqual(problemsOf(cwd, () => load({ env })).toSorted(), [
    `MOORING_DATA_FILE: data: ${cwd}: it is a folder`,
    'MOORING_LISTEN_HTTP_FILE: listen.http: large: it is larger than 65536 bytes',
    'MOORING_LISTEN_MQTT_FILE: listen.mqtt: bytes: it is not UTF-8 text',
    'MOORING_LOG_LEVEL: log.level: MOORING_LOG_LEVEL_FILE is set too; remove one of them',
    'MOORING_REGISTRATION_ISSUER_FILE: registration.issuer: empty: it is empty',
    'MOORING_REGISTRATION_SECRET_FILE: registration.secret: missing: there is no such file',
  ])
})

test('a variable that no setting has is a warning with the name that was meant, and others are nobody’s business', async (t) => {
  const { load } = await aPlace(t)
  const { warnings } = load({
    env: {
      MOORING_LISTEN_MQQT: 'x',
      MOORING_SECRET: 'y',
      MOORING_ZZZ: 'z',
      MOORING: 'a',
      XMOORING_DATA: 'b',
      PATH: '/',
    },
  })
  assert.deepEqual(warnings, [
    'MOORING_LISTEN_MQQT: no setting has this variable; it is ignored; did you mean MOORING_LISTEN_MQTT?',
    'MOORING_SECRET: no setting has this variable; it is ignored; did you mean MOORING_REGISTRATION_SECRET?',
    'MOORING_ZZZ: no setting has this variable; it is ignored',
  ])
})

test('no two settings share a variable or a flag, and none is the _FILE of another', () => {
  const variables = settings().flatMap(({ variable }) => [variable, `${variable}_FILE`])
  assert.equal(new Set([...variables, 'MOORING_CONFIG']).size, variables.length + 1)
  const flags = settings().flatMap(({ flag }) => flag ?? [])
  const others = ['--config', '--json', '--listen', '--set', '--help', '--version']
  assert.equal(new Set([...flags, ...others]).size, flags.length + others.length)
  for (const { variable } of settings()) assert.match(variable, /^MOORING(_[A-Z0-9]+)+$/)
})

test('the needed names are there', () => {
  const variables = new Set(settings().map(({ variable }) => variable))
  const names = ['DATA', 'LISTEN_MQTT', 'LISTEN_MQTTS', 'LISTEN_HTTP', 'LISTEN_HTTPS', 'TLS_CERT', 'TLS_KEY']
  for (const name of [...names, 'REGISTRATION_SECRET', 'REGISTRATION_ISSUER']) {
    assert.ok(variables.has(`MOORING_${name}`), name)
  }
})

test('the config file is the one that is named, else the one in the data folder, else the one here', async (t) => {
  const { cwd, load } = await aPlace(t, 'limits: { connections: 1 }\n')
  const write = async (path: string, connections: number): Promise<void> => {
    await mkdir(dirname(join(cwd, path)), { recursive: true })
    await writeFile(join(cwd, path), `limits: { connections: ${connections} }\n`)
  }
  const read = (given: Given): number => load(given).config.limits.connections
  assert.equal(read({}), 1)
  await write('mooring-data/mooring.yaml', 2)
  assert.equal(read({}), 2)
  assert.match(
    load().warnings.join(),
    /mooring\.yaml: it is not read, because .*mooring-data\/mooring\.yaml comes first/,
  )
  await write('elsewhere/mooring.yaml', 3)
  assert.equal(read({ env: { MOORING_DATA: 'elsewhere' } }), 3)
  assert.equal(read({ flags: { data: 'elsewhere' }, env: { MOORING_DATA: 'mooring-data' } }), 3)
  await write('named.yaml', 4)
  assert.equal(read({ env: { MOORING_CONFIG: 'named.yaml' } }), 4)
  await write('flag.yaml', 5)
  assert.equal(read({ configFile: 'flag.yaml', env: { MOORING_CONFIG: 'named.yaml' } }), 5)
  assert.equal(read({ env: { MOORING_DATA: 'no-such-folder-yet' } }), 1)
})

test('a file that was found in the default data folder cannot lead to another one', async (t) => {
  const { cwd, load } = await aPlace(t)
  await mkdir(join(cwd, 'mooring-data'))
  await writeFile(join(cwd, 'mooring-data', 'mooring.yaml'), 'data: /var/lib/other\n')
  assert.match(problemsOf(cwd, () => load()).join(), /cannot name another one; start with --config/)
  await writeFile(join(cwd, 'mooring-data', 'mooring.yaml'), 'data: .\n')
  assert.equal(load().config.data, join(cwd, 'mooring-data'))
})

test('a relative path is relative to the file that holds it, or to the working folder', async (t) => {
  const { cwd, load } = await aPlace(t)
  await mkdir(join(cwd, 'etc'))
  await writeFile(join(cwd, 'etc', 'a.yaml'), 'data: ../data\n')
  assert.equal(load({ configFile: 'etc/a.yaml' }).config.data, join(cwd, 'data'))
  assert.equal(load({ configFile: 'etc/a.yaml', env: { MOORING_DATA: 'b' } }).config.data, join(cwd, 'b'))
})

test('a secret in a file that everyone can read is a warning with the command that changes it', async (t) => {
  const { cwd, load } = await aPlace(t, `registration:\n  secret: ${'s'.repeat(32)}\n`)
  const file = join(cwd, 'mooring.yaml')
  await chmod(file, 0o644)
  assert.deepEqual(load().warnings, [
    `${file}: every user of this machine can read the secret in it. Change that with: chmod o-rwx '${file}'`,
  ])
  await chmod(file, 0o640)
  assert.deepEqual(load().warnings, [])
})

test('a certificate that no listener shows is a warning', async (t) => {
  const { certFile, keyFile } = await aCertificate()
  const { load } = await aPlace(t)
  const { warnings } = load({ env: { MOORING_TLS_CERT: certFile, MOORING_TLS_KEY: keyFile } })
  assert.match(warnings.join(), /^MOORING_TLS_CERT: tls\.cert: no listener uses it/)
})

test('whatever the text of the file, it is a configuration or a ConfigError', async (t) => {
  const { cwd, load } = await aPlace(t)
  const words = [
    ...settings().map(({ name }) => name),
    'listen',
    'tls',
    'mqtt',
    'version',
    '__proto__',
    'constructor',
    ': ',
    ':\n  ',
    '\n',
    '\n  ',
    '- ',
    '? ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '&a ',
    '*a',
    '!!set ',
    '!x ',
    '<<',
    '|\n',
    '>\n',
    '# ',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\t',
    '\r',
    'off',
    'null',
    '~',
    '1',
    '.inf',
    '1e999',
    '0x1',
    '10s',
    '1KiB',
    'true',
    '2001-01-01',
    '\u0000',
    '\ufeff',
    '\u2028',
  ]
  const yamlish = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((all) => all.join(''))
  fc.assert(
    fc.property(fc.oneof({ weight: 3, arbitrary: yamlish }, fc.string({ unit: 'binary', maxLength: 60 })), (text) => {
      writeFileSync(join(cwd, 'mooring.yaml'), text)
      try {
        assert.equal(load().sources.size, settings().length)
      } catch (error) {
        assert.ok(error instanceof ConfigError, inspect(error))
        for (const problem of error.problems) {
          assert.ok(problem.startsWith(join(cwd, 'mooring.yaml')) || problem.startsWith('default: '), problem)
          assert.doesNotMatch(problem, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        }
      }
    }),
    { numRuns: 300 },
  )
})
