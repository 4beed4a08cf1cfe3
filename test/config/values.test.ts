import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, formatListenAddress, parseDuration, parseListenAddress, parseSize } from '../../config.ts'
import { load, problemsOf } from './support.ts'

const addresses: readonly [text: string, host: string, port: number][] = [
  ['127.0.0.1:1883', '127.0.0.1', 1883],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['[::1]:1883', '::1', 1883],
  ['[::]:65535', '::', 65_535],
  ['localhost:1', 'localhost', 1],
  ['broker-1.example.com:8883', 'broker-1.example.com', 8883],
]
for (const [text, host, port] of addresses) {
  test(`${text} is an address`, () => {
    const address = parseListenAddress(text)
    assert.deepEqual(address, { host, port })
    assert.equal(formatListenAddress(address), text)
  })
}

test('off is none', () => {
  assert.equal(parseListenAddress('off'), undefined)
  assert.equal(formatListenAddress(undefined), 'off')
})

const junk: readonly [text: string, says: RegExp][] = [
  ['', /expected host:port/],
  ['1883', /expected host:port/],
  ['OFF', /expected host:port/],
  ['127.0.0.1', /expected host:port/],
  ['127.0.0.1:', /expected host:port/],
  ['127.0.0.1:mqtt', /expected host:port/],
  ['127.0.0.1:-1', /expected host:port/],
  ['127.0.0.1:1e3', /expected host:port/],
  ['127.0.0.1:1883 ', /expected host:port/],
  ['mqtt://127.0.0.1:1883', /expected host:port/],
  ['127.0.0.1:65536', /port from 0 to 65535/],
  ['127.0.0.1:99999', /port from 0 to 65535/],
  ['127.0.0.1:100000', /expected host:port/],
  [':1883', /expected a host before the port: 127\.0\.0\.1:1883 for this machine, 0\.0\.0\.0:1883 for all/],
  ['*:1883', /expected a host before the port/],
  ['[]:1883', /expected a host before the port/],
  ['::1:1883', /an IPv6 address stands in brackets/],
  ['[127.0.0.1]:1883', /expected an IP address or a host name/],
  ['127.1:1883', /expected an IP address or a host name/],
  ['256.0.0.1:1883', /expected an IP address or a host name/],
  ['-host:1883', /expected an IP address or a host name/],
  ['ho st:1883', /expected an IP address or a host name/],
  ['host..example:1883', /expected an IP address or a host name/],
]
for (const [text, says] of junk) {
  test(`${JSON.stringify(text)} is no address`, () => {
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof RangeError && says.test(error.message),
    )
  })
}

test('whatever the text, it is an address that can be written again, or a RangeError', () => {
  const part = fc.constantFrom('127.0.0.1', '::1', '[', ']', ':', '1883', '0', 'a', '.', '-', '%', ' ', '*', 'off')
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (given) => {
      try {
        const address = parseListenAddress(given)
        assert.deepEqual(parseListenAddress(formatListenAddress(address)), address)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
  )
})

const durations: readonly [string, number][] = [
  ['0s', 0],
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['12h', 43_200_000],
  ['90d', 7_776_000_000],
]
for (const [text, ms] of durations) {
  test(`${text} are ${ms} ms`, () => {
    assert.equal(parseDuration(text), ms)
    if (ms > 0) assert.equal(parseDuration(formatDuration(ms)), ms)
  })
}
for (const text of ['', '10', 's', '1.5s', '-1s', '1 s', '1S', '1w', '1s1s', '9999999999s', '0x1s', '१s']) {
  test(`${JSON.stringify(text)} is no duration`, () => assert.throws(() => parseDuration(text), RangeError))
}

const sizes: readonly [string | number, number][] = [
  [0, 0],
  ['4096', 4096],
  [4096, 4096],
  ['1B', 1],
  ['16KiB', 16_384],
  ['16 KiB', 16_384],
  ['1MiB', 1_048_576],
  ['2GiB', 2_147_483_648],
]
for (const [text, bytes] of sizes) {
  test(`${text} are ${bytes} bytes`, () => assert.equal(parseSize(text), bytes))
}
for (const text of ['', '1KB', '1k', '-1', '1.5MiB', '1e3', 1.5, Number.NaN, -1, '999999999999999GiB', 'KiB']) {
  test(`${JSON.stringify(text)} is no size`, () => assert.throws(() => parseSize(text), RangeError))
}

/** Values that a setting takes, and values just beyond. */
const bounds: readonly { path: string; good: readonly string[]; bad: readonly string[] }[] = [
  { path: 'limits.connections', good: ['1', '10000000'], bad: ['0', '-1', '1.5', '10000001', '1e3', 'x', '007x'] },
  { path: 'limits.connectDeadline', good: ['100ms', '1h'], bad: ['99ms', '61m', '2h', '10', '0s'] },
  { path: 'shutdown.graceTimeout', good: ['0s', '0ms', '1h'], bad: ['2h', '-1s'] },
  { path: 'mqtt.maxPacketBytes', good: ['128', '128B', '255MiB', '268435455'], bad: ['127', '256MiB', '-1', '1KB'] },
  {
    path: 'mqtt.topicRoot',
    good: ['losant', 'a/b', 'ä'],
    bad: ['/', 'a/', '/a', 'a//b', '#', 'a/+', '$SYS', 'a\u0000', 'x'.repeat(201)],
  },
  { path: 'log.level', good: ['debug', 'error'], bad: ['DEBUG', 'trace', 'silent'] },
  { path: 'registration.issuer', good: ['a', 'x'.repeat(255)], bad: [' a', 'a ', 'a\nb', 'x'.repeat(256)] },
  { path: 'data', good: ['.', '/x', 'a b'], bad: ['~', '~/data', 'a\nb', 'a\u0000b'] },
]
for (const { path, good, bad } of bounds) {
  test(`${path} takes its bounds and nothing beyond`, () => {
    for (const value of good) assert.deepEqual(problemsOf({ flags: { [path]: value } }), [], value)
    for (const value of bad) assert.equal(problemsOf({ flags: { [path]: value } }).length, 1, value)
  })
}

const problemsOfSecret = (secret: string): string[] => problemsOf({ env: { MOORING_REGISTRATION_SECRET: secret } })

test('a registration secret has at least 32 bytes, not characters', () => {
  assert.match(problemsOfSecret('x'.repeat(31))[0] ?? '', /expected at least 32 bytes, found 31$/)
  assert.deepEqual(problemsOfSecret('x'.repeat(32)), [])
  assert.deepEqual(problemsOfSecret('€'.repeat(11)), [])
})

test('numbers of a file need no quotes, and the words of YAML are words', () => {
  const { config } = load({ file: 'limits: { connections: 7 }\nlisten: { mqtt: off, http: "off" }\n' })
  assert.equal(config.limits.connections, 7)
  assert.deepEqual(config.listen, {})
})
