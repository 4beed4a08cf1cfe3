import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, describeConfig, settings } from '../../config.ts'
import { aFile, cwd, load, problemsOf, type Said } from './support.ts'

test('every problem of every source is told together, those of the file in the order of its lines', () => {
  const file = [
    'version: 2',
    'listen:',
    '  mqtt: 1883',
    '  htpp: 127.0.0.1:8080',
    'limits:',
    '  connections: many',
    'log:',
    '  level: loud',
    'mqtt: all of it',
    'shutdwon:',
    '  graceTimeout: 5s',
    'tls:',
    '  cert:',
  ].join('\n')
  const env = { MOORING_SHUTDOWN_GRACE_TIMEOUT: '5', MOORING_LOG_FORMAT: '', MOORING_LISTEN_HTTP: 'x' }
  assert.deepEqual(problemsOf({ file, env, flags: { 'mqtt.topicRoot': 'a/#', nonsense: '1' } }), [
    'FILE:1:10: version: expected 1, the only version of this file that this program understands',
    'FILE:3:9: listen.mqtt: expected host:port such as 127.0.0.1:1883, or off, found 1883',
    'FILE:4:3: listen.htpp: unknown setting; did you mean listen.http?',
    'FILE:6:16: limits.connections: expected a whole number from 1 to 10000000, found "many"',
    'FILE:8:10: log.level: expected debug or info or warn or error, found "loud"',
    'FILE:9:7: mqtt: expected settings below it, each as name: value',
    'FILE:10:1: shutdwon: unknown setting; did you mean shutdown?',
    'FILE:13:3: tls.cert: it has no value; give it one or remove the line',
    'MOORING_LOG_FORMAT: log.format: it is set but empty; give it a value or unset it',
    'command line: nonsense: unknown setting',
    'MOORING_LISTEN_HTTP: listen.http: expected host:port such as 127.0.0.1:1883, or off, found "x"',
    'MOORING_SHUTDOWN_GRACE_TIMEOUT: shutdown.graceTimeout: expected a duration with its unit, such as 500ms, 10s or 5m, found "5"',
    '--mqtt-topic-root: mqtt.topicRoot: expected the beginning of a topic; this one has a wildcard, found "a/#"',
  ])
})

const one: readonly { name: string; said: Said; says: RegExp }[] = [
  {
    name: 'a size in a unit that means nothing',
    said: { file: 'mqtt:\n  maxPacketBytes: 1KB' },
    says: /expected a size in bytes, such as 4096, 16KiB or 1MiB, found "1KB"$/,
  },
  {
    name: 'a count that is not whole',
    said: { file: 'limits:\n  connections: 1.5' },
    says: /expected a whole number from 1 to 10000000, found 1\.5$/,
  },
  {
    name: 'YAML that is broken',
    said: { file: 'listen:\n\tmqtt: off' },
    says: /^FILE:2:1: lines are indented with blanks/,
  },
  { name: 'a name twice', said: { file: 'data: a\ndata: b' }, says: /^FILE:2:1: this name was already used above$/ },
  { name: 'two documents', said: { file: 'data: a\n---\ndata: b' }, says: /^FILE:3:1: expected one document/ },
  { name: 'a list', said: { file: '- data' }, says: /^FILE:1:1: expected settings, each as name: value$/ },
  { name: 'a merge key', said: { file: 'log: &a\n  level: info\nmqtt:\n  <<: *a' }, says: /^FILE:4:3: merge keys/ },
  { name: 'an alias of nothing', said: { file: 'log: *nothing' }, says: /^FILE:1:6: there is no anchor/ },
  { name: 'a tag', said: { file: 'data: !!js/function x' }, says: /^FILE:1:7: tags \(!\) mean nothing here$/ },
  {
    name: 'a mapping for a value',
    said: { file: 'data: { a: b }' },
    says: /^FILE:1:7: data: expected a path, found a mapping$/,
  },
  { name: 'a list for a value', said: { file: 'data: [a]' }, says: /^FILE:1:7: data: expected a path, found a list$/ },
  {
    name: 'a setting at the wrong place',
    said: { file: 'secret: x' },
    says: /^FILE:1:1: secret: unknown setting; did you mean registration\.secret\?$/,
  },
  {
    name: 'another way to write a name',
    said: { file: 'mqtt:\n  max_packet_bytes: 1' },
    says: /did you mean mqtt\.maxPacketBytes\?$/,
  },
  {
    name: 'a file that is not UTF-8',
    said: { file: Uint8Array.of(0x64, 0xff) },
    says: /^--config: FILE: it is not UTF-8 text$/,
  },
  {
    name: 'a file above 1 MiB',
    said: { file: '#'.repeat(1024 * 1024 + 1) },
    says: /^--config: FILE: it is larger than 1048576 bytes$/,
  },
  {
    name: 'ten thousand levels',
    said: { file: '['.repeat(10_000) },
    says: /^FILE:1:201: expected at most 200 levels/,
  },
  { name: 'a prototype as a name', said: { file: '__proto__:\n  polluted: 1' }, says: /^FILE:1:1: .*unknown setting$/ },
  { name: 'a prototype in a section', said: { file: 'log:\n  __proto__: 1' }, says: /^FILE:2:3: .*unknown setting$/ },
  {
    name: 'a variable given in both ways',
    said: { env: { MOORING_DATA: 'a', MOORING_DATA_FILE: 'b' } },
    says: /^MOORING_DATA: data: MOORING_DATA_FILE is set too/,
  },
  {
    name: 'a value file that is missing',
    said: { env: { MOORING_DATA_FILE: 'none' } },
    says: /^MOORING_DATA_FILE: data: .*none: there is no such file$/,
  },
  {
    name: 'a value file that is empty',
    said: { env: { MOORING_DATA_FILE: aFile('empty', '\n') } },
    says: /empty: it is empty$/,
  },
  { name: 'a value file that is a folder', said: { env: { MOORING_DATA_FILE: cwd } }, says: /: it is a folder$/ },
  {
    name: 'a value file without end',
    said: { env: { MOORING_DATA_FILE: '/dev/zero' } },
    says: /zero: it is larger than 65536 bytes$/,
  },
  {
    name: 'TLS without a certificate',
    said: { flags: { 'listen.mqtts': '127.0.0.1:0' } },
    says: /^--listen-mqtts: listen\.mqtts: TLS needs tls\.cert and tls\.key; set them/,
  },
  {
    name: 'a key without a certificate',
    said: { env: { MOORING_TLS_KEY: aFile('key.pem', 'k') } },
    says: /^MOORING_TLS_KEY: tls\.key: it is of no use without tls\.cert$/,
  },
  {
    name: 'two listeners at one place',
    said: { file: 'listen:\n  http: 127.0.0.1:1883' },
    says: /^FILE:2:9: listen\.http: 127\.0\.0\.1:1883 is already taken by listen\.mqtt/,
  },
  {
    name: 'one listener inside another',
    said: { file: 'listen:\n  http: 0.0.0.0:1883' },
    says: /already taken by listen\.mqtt/,
  },
]
for (const { name, said, says } of one) {
  test(`${name} is one problem, with its place`, () => {
    const problems = problemsOf(said)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, says)
  })
}

test('a certificate that is missing or a folder is told of both files', () => {
  mkdirSync(join(cwd, 'folder'), { recursive: true })
  const said = { file: 'listen:\n  mqtts: 127.0.0.1:0\ntls:\n  cert: none.pem\n  key: folder\n' }
  const [first, second, ...rest] = problemsOf(said)
  assert.match(first ?? '', /^FILE:4:9: tls\.cert: .*none\.pem: there is no such file$/)
  assert.match(second ?? '', /^FILE:5:8: tls\.key: .*folder: it is a folder$/)
  assert.deepEqual(rest, [])
})

test('port 0 is never taken already, and two hosts may have one port', () => {
  assert.deepEqual(problemsOf({ file: 'listen: { mqtt: 127.0.0.1:0, http: 127.0.0.1:0 }' }), [])
  assert.deepEqual(problemsOf({ file: 'listen: { mqtt: 127.0.0.1:9, http: 127.0.0.2:9 }' }), [])
})

test('sections that hold nothing, and a file that holds nothing, are fine', () => {
  for (const file of ['', '# nothing\n', '---\n', 'log:\n  # level: info\ntls:\n', 'version: 1\n']) {
    assert.deepEqual(problemsOf({ file }), [], file)
  }
})

const warned: readonly { env: Record<string, string>; says: RegExp }[] = [
  {
    env: { MOORING_LISTEN_MQQT: 'x' },
    says: /^MOORING_LISTEN_MQQT: no setting has this variable; it is ignored; did you mean MOORING_LISTEN_MQTT\?$/,
  },
  { env: { MOORING_REGISTRATION_SECRT: 'x' }, says: /did you mean MOORING_REGISTRATION_SECRET\?$/ },
  { env: { MOORING_REGISTRATION_SECRT_FILE: 'x' }, says: /did you mean MOORING_REGISTRATION_SECRET_FILE\?$/ },
  { env: { MOORING_PIZZA: 'x' }, says: /^MOORING_PIZZA: no setting has this variable; it is ignored$/ },
]
for (const { env, says } of warned) {
  test(`the variable ${Object.keys(env).join()} is warned of and ignored`, () => {
    const { warnings } = load({ env })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, says)
  })
}

test('variables that are not ours are nobody’s business, and MOORING_CONFIG is known', () => {
  assert.deepEqual(load({ env: { PATH: '/bin', MOORINGS: 'x' } }).warnings, [])
})

test('a certificate that no listener uses is warned of', () => {
  const [cert, key] = [aFile('cert.pem', 'c'), aFile('key.pem', 'k')]
  const { warnings } = load({ env: { MOORING_TLS_CERT: cert, MOORING_TLS_KEY: key } })
  assert.deepEqual(warnings, ['MOORING_TLS_CERT: tls.cert: no listener uses it; set listen.mqtts or listen.https'])
})

test('a secret in a file that everybody can read is warned of, with the command that changes it', () => {
  const file = aFile('open.yaml', `registration:\n  secret: ${'s'.repeat(40)}\n`, 0o644)
  const { warnings } = load({ env: { MOORING_CONFIG: file } })
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /every user of this machine can read the secret in it\. Change that with: chmod o-rwx/)
})

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2'
const places: readonly { name: string; said: Said }[] = [
  { name: 'too short', said: { env: { MOORING_REGISTRATION_SECRET: 'hunter2' } } },
  { name: 'unquoted digits', said: { file: 'registration:\n  secret: 20000000000000000000000000000000000002\n' } },
  { name: 'a list', said: { file: `registration:\n  secret: [${SECRET}]\n` } },
  { name: 'a name in it', said: { file: `registration:\n  secret: { ${SECRET}: 1 }\n` } },
  { name: 'where the section stands', said: { file: `registration: ${SECRET}\n` } },
  { name: 'as the name of a setting', said: { file: `registration:\n  ${SECRET}: secret\n` } },
  { name: 'as the name of a section', said: { file: `? ${SECRET} ${SECRET}\n: secret\n` } },
  { name: 'under a name with a slip', said: { file: `registration:\n  sceret: ${SECRET}\n` } },
  { name: 'after a broken line', said: { file: `registration:\n  secret: "${SECRET}\n` } },
  { name: 'as a flag', said: { flags: { 'registration.secret': SECRET } } },
  { name: 'as an anchor', said: { file: `registration:\n  secret: *${SECRET}\n` } },
  { name: 'as a tag', said: { file: `registration:\n  secret: !${SECRET} x\n` } },
]
for (const { name, said } of places) {
  test(`no problem quotes a secret: ${name}`, () => {
    const text = problemsOf(said).join('\n')
    assert.notEqual(text, '')
    assert.doesNotMatch(text, /hunter2|0000000/)
  })
}

test('a secret that is good is nowhere in what the loaded configuration shows', () => {
  const loaded = load({ env: { MOORING_REGISTRATION_SECRET: SECRET } })
  for (const text of [
    describeConfig(loaded, { json: false }),
    describeConfig(loaded, { json: true }),
    JSON.stringify([loaded, [...loaded.sources]]),
  ]) {
    assert.doesNotMatch(text, /hunter2/)
  }
  assert.equal(loaded.sources.get('registration.secret')?.value, '(set)')
})

test('what was found is shown short, on one line and without anything a terminal obeys', () => {
  const [problem = ''] = problemsOf({ env: { MOORING_LOG_LEVEL: `\n\u001b[2J\u202e${'x'.repeat(500)}` } })
  assert.match(problem, /found "\\n\\u001b\[2J\\u202ex+…"$/)
  assert.ok(problem.length < 250)
})

/** Lines that are nearly a config file. */
const nearlyYaml = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...settings().flatMap(({ path, name }) => [`${path}: `, `  ${name}: `, `${name}:`]),
        'listen:\n',
        '\n',
        '  ',
        '- ',
        '&a ',
        '*a',
        '<<: *a',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '|',
        '>',
        '? ',
        ': ',
        '#',
        '---\n',
        '...\n',
        '%YAML 1.2\n',
        '!!binary ',
        '!!map ',
        '\t',
        '127.0.0.1:1883',
        'off',
        '~',
        '0x10',
        '.nan',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.json({ maxDepth: 2 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

test('whatever the config file holds, it is a configuration or a ConfigError with its problems', () => {
  fc.assert(
    fc.property(fc.oneof(nearlyYaml, fc.string({ unit: 'binary' }), fc.uint8Array()), (file) => {
      try {
        const { config } = load({ file, env: { MOORING_DATA: 'd' } })
        assert.equal(config.data, join(cwd, 'd'))
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
        assert.ok(error.problems.length > 0)
        for (const problem of error.problems) assert.doesNotMatch(problem, /\p{Cc}/u)
      }
    }),
    { numRuns: 500 },
  )
})

test('an anchor that multiplies itself does no harm', () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 9)} x]`)
  const problems = problemsOf({ file: levels.join('\n') })
  assert.equal(problems.length, 30)
})
