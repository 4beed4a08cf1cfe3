import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configSchema, environmentReference, exampleConfig, settings } from '../../config.ts'
import { load } from './support.ts'

/** What the issue promises by name. */
const promised = [
  ['data', 'MOORING_DATA', '--data'],
  ['listen.mqtt', 'MOORING_LISTEN_MQTT', '--listen-mqtt'],
  ['listen.mqtts', 'MOORING_LISTEN_MQTTS', '--listen-mqtts'],
  ['listen.http', 'MOORING_LISTEN_HTTP', '--listen-http'],
  ['listen.https', 'MOORING_LISTEN_HTTPS', '--listen-https'],
  ['tls.cert', 'MOORING_TLS_CERT', '--tls-cert'],
  ['tls.key', 'MOORING_TLS_KEY', '--tls-key'],
  ['registration.secret', 'MOORING_REGISTRATION_SECRET', undefined],
  ['registration.issuer', 'MOORING_REGISTRATION_ISSUER', '--registration-issuer'],
]
for (const [path, variable, flag] of promised) {
  test(`${path} is ${variable}, and ${flag ?? 'no flag'}`, () => {
    const setting = settings().find((candidate) => candidate.path === path)
    assert.deepEqual([setting?.variable, setting?.flag], [variable, flag])
  })
}

test('no two settings share a variable or a flag, also with _FILE at the end of one', () => {
  const names = settings().flatMap(({ variable, flag }) => [variable, `${variable}_FILE`, ...(flag ? [flag] : [])])
  const own = ['MOORING_CONFIG', '--config', '--listen', '--set', '--json', '--help', '--version']
  assert.equal(new Set([...names, ...own]).size, names.length + own.length)
})

test('only a secret has no flag', () => {
  for (const { path, kind, flag } of settings()) assert.equal(flag === undefined, kind === 'secret', path)
})

test('the file that config init writes means the same as no file at all', () => {
  const { config } = load({ file: exampleConfig() })
  assert.deepEqual(config, load({}).config)
})

test('every line that config init leaves out can be let in', () => {
  const left = settings().filter(({ default: standard }) => standard === undefined)
  const commented = left.reduce(
    (text, { name, example = '0'.repeat(32) }) => text.replace(`# ${name}: ${example}`, `${name}: ${example}`),
    exampleConfig(),
  )
  const text = commented.replaceAll(/^ *(cert|key): .*\n/gm, '')
  assert.equal(load({ file: text }).config.registration.issuer, 'devices.example.com')
})

test('config env names every variable once, with its default', () => {
  const lines = environmentReference().split('\n')
  for (const { variable, default: standard } of settings()) {
    const found = lines.filter((line) => line.startsWith(`${variable} `))
    assert.equal(found.length, 1, variable)
    assert.ok(found[0]?.includes(standard ?? '(not set)'))
  }
})

test('the JSON Schema knows every setting, with its description, and no others', () => {
  interface Node {
    readonly properties?: Readonly<Record<string, Node>>
    readonly additionalProperties?: boolean
    readonly description?: string
  }
  const schema = configSchema() as Node
  const leaves = (node: Node, prefix: string): string[] =>
    Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
      assert.ok(child.description, `${prefix}${name}`)
      return child.properties === undefined ? [`${prefix}${name}`] : leaves(child, `${prefix}${name}.`)
    })
  assert.deepEqual(new Set(leaves(schema, '')), new Set(['version', ...settings().map(({ path }) => path)]))
  assert.equal(schema.additionalProperties, false)
})
