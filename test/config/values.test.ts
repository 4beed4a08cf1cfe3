import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, formatListenAddress, parseDuration, parseListenAddress, parseSize } from '../../config.ts'

const noAddresses: readonly { text: string; says: RegExp }[] = [
  { text: '', says: /host:port/ },
  { text: '1883', says: /host:port/ },
  { text: 'OFF', says: /host:port/ },
  { text: 'off ', says: /host:port/ },
  { text: 'localhost', says: /host:port/ },
  { text: 'localhost:', says: /host:port/ },
  { text: 'localhost:mqtt', says: /host:port/ },
  { text: 'localhost:-1', says: /host:port/ },
  { text: 'localhost:1e3', says: /host:port/ },
  { text: 'localhost:0x50', says: /host:port/ },
  { text: 'localhost:123456', says: /host:port/ },
  { text: 'localhost:1883:', says: /host:port/ },
  { text: ' localhost:1883', says: /IP address or a host name/ },
  { text: 'localhost:1883\n', says: /host:port/ },
  { text: '1.2.3.4:1883,1.2.3.5:1883', says: /host:port/ },
  { text: 'localhost:65536', says: /from 0 to 65535/ },
  { text: ':1883', says: /127\.0\.0\.1:1883 for this machine, 0\.0\.0\.0:1883 for all/ },
  { text: '*:1883', says: /127\.0\.0\.1:1883 for this machine, 0\.0\.0\.0:1883 for all/ },
  { text: '[]:1883', says: /for this machine/ },
  { text: '::1:1883', says: /in brackets: \[::1\]:1883/ },
  { text: '::1883', says: /host:port/ },
  { text: '[127.0.0.1]:1883', says: /IP address or a host name/ },
  { text: '[localhost]:1883', says: /IP address or a host name/ },
  { text: '[::1]1883', says: /host:port/ },
  { text: '[::g]:1883', says: /IP address or a host name/ },
  { text: '256.0.0.1:1883', says: /IP address or a host name/ },
  { text: '1.2.3:1883', says: /IP address or a host name/ },
  { text: '127.1:1883', says: /IP address or a host name/ },
  { text: 'a_b:1883', says: /IP address or a host name/ },
  { text: '-a:1883', says: /IP address or a host name/ },
  { text: 'a..b:1883', says: /IP address or a host name/ },
  { text: 'mqtt://localhost:1883', says: /host:port/ },
  { text: `${'a'.repeat(254)}:1883`, says: /IP address or a host name/ },
]
for (const { text, says } of noAddresses) {
  test(`${JSON.stringify(text.slice(0, 40))} is no address to listen on`, () => {
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof RangeError && says.test(error.message),
    )
  })
}

const addresses: readonly { text: string; host: string; port: number }[] = [
  { text: '127.0.0.1:1883', host: '127.0.0.1', port: 1883 },
  { text: '0.0.0.0:0', host: '0.0.0.0', port: 0 },
  { text: '[::1]:65535', host: '::1', port: 65_535 },
  { text: '[::]:1883', host: '::', port: 1883 },
  { text: '[fe80::1%eth0]:1883', host: 'fe80::1%eth0', port: 1883 },
  { text: 'localhost:1883', host: 'localhost', port: 1883 },
  { text: 'mqtt.example.com:8883', host: 'mqtt.example.com', port: 8883 },
]
for (const { text, host, port } of addresses) {
  test(`${text} is an address, and is written as it was`, () => {
    assert.deepEqual(parseListenAddress(text), { host, port })
    assert.equal(formatListenAddress({ host, port }), text)
  })
}

test('off is no address, and is written off', () => {
  assert.equal(parseListenAddress('off'), undefined)
  assert.equal(formatListenAddress(undefined), 'off')
})

test('whatever the text, it is an address or a RangeError', () => {
  const parts = fc.array(fc.constantFrom(':', '[', ']', '.', '1', '0', '::', 'a', '*', '127.0.0.1', '1883', ' ', '%'), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        parts.map((all) => all.join('')),
      ),
      (text) => {
        try {
          const address = parseListenAddress(text)
          assert.deepEqual(parseListenAddress(formatListenAddress(address)), address)
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error))
        }
      },
    ),
  )
})

const durations = { '0ms': 0, '500ms': 500, '10s': 10_000, '5m': 300_000, '12h': 43_200_000, '90d': 7_776_000_000 }
for (const [text, milliseconds] of Object.entries(durations)) {
  test(`${text} is ${milliseconds} ms`, () => assert.equal(parseDuration(text), milliseconds))
}

for (const text of [
  '',
  '10',
  's',
  '-1s',
  '1.5s',
  '1e3s',
  ' 1s',
  '1s ',
  '1 s',
  '1S',
  '1sec',
  '1s1s',
  '１s',
  '9'.repeat(400) + 's',
]) {
  test(`${JSON.stringify(text.slice(0, 20))} is no duration`, () =>
    assert.throws(() => parseDuration(text), { name: 'RangeError', message: /^expected a duration with its unit/ }))
}

test('a duration is written in the largest unit that fits, and read back', () => {
  assert.deepEqual([0, 1, 999, 1000, 90_000, 3_600_000, 86_400_000].map(formatDuration), [
    '0ms',
    '1ms',
    '999ms',
    '1s',
    '90s',
    '1h',
    '1d',
  ])
  fc.assert(fc.property(fc.nat(999_999_999), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)))
})

const sizes = [
  ['0', 0],
  [4096, 4096],
  ['4096', 4096],
  ['16KiB', 16_384],
  ['16 KiB', 16_384],
  ['1MiB', 1_048_576],
  ['2GiB', 2_147_483_648],
  ['7B', 7],
] as const
for (const [text, bytes] of sizes) {
  test(`${text} is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes))
}

for (const text of [
  '',
  'KiB',
  '-1',
  '1.5KiB',
  '1KB',
  '1k',
  '1kib',
  '1  KiB',
  '0x10',
  '999999999999999GiB',
  1.5,
  -1,
  NaN,
]) {
  test(`${JSON.stringify(text)} is no size`, () =>
    assert.throws(() => parseSize(text), { name: 'RangeError', message: /^expected a size in bytes/ }))
}
