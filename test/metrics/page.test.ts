import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expiryOf } from '../../certificate-expiry.ts'
import { generate } from 'selfsigned'
import { metricsPages, StoreWrites, type MetricsPage, type MetricsParts } from '../../metrics/index.ts'
import { samplesOf, someSources, typesOf } from './sources.ts'

function thePage(parts: Partial<MetricsParts> = {}): MetricsPage {
  const [page] = metricsPages({ access: 'all', sources: someSources(), storeWrites: new StoreWrites(), ...parts })
  assert.ok(page)
  return page
}

const EXPIRY = 'mooring_tls_certificate_expiry_timestamp_seconds'

const pemUntil = async (date: string): Promise<string> =>
  (await generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec', notAfterDate: new Date(date) })).cert

const aPem = await pemUntil('2100-01-01T00:00:00Z')

const textOf = async (page: MetricsPage): Promise<string> => (await page.read()).text

const callers = [
  { address: '127.0.0.1', forwarded: false, here: true },
  { address: '127.8.7.6', forwarded: false, here: true },
  { address: '::1', forwarded: false, here: true },
  { address: '127.0.0.1', forwarded: true, here: false },
  { address: '::1', forwarded: true, here: false },
  { address: '', forwarded: false, here: false },
  { address: '10.0.0.1', forwarded: false, here: false },
  { address: '12.7.0.1', forwarded: false, here: false },
  { address: '::', forwarded: false, here: false },
  { address: '::1:2', forwarded: false, here: false },
  { address: 'fe80::1', forwarded: false, here: false },
  { address: '2001:db8::127.0.0.1', forwarded: false, here: false },
]
for (const { here, ...caller } of callers) {
  const { address, forwarded } = caller
  test(`a caller at "${address}"${forwarded ? ' behind a proxy' : ''} is ${here ? '' : 'not '}on this machine`, () => {
    assert.equal(thePage({ access: 'loopback' }).mayRead(caller), here)
    assert.equal(thePage({ access: 'all' }).mayRead(caller), true)
  })
}

test('there is no page when access is off, and nothing is read', () => {
  const sources = someSources({ broker: () => assert.fail('read') })
  assert.deepEqual(metricsPages({ access: 'off', sources, storeWrites: new StoreWrites() }), [])
})

test('every name follows the conventions: a known prefix, base units, _total on counters and nowhere else', async () => {
  const page = thePage({ sources: someSources({ certificateExpiry: () => expiryOf(aPem) }) })
  const types = typesOf(await textOf(page))
  assert.ok(types.size > 30)
  for (const [name, type] of types) {
    assert.match(name, /^(mooring|process|nodejs)(_[a-z0-9]+)+$/)
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|percent|kb|mb)(_|$)/)
    if (type === 'histogram') assert.match(name, /_(seconds|bytes)$/)
  }
})

test('every metric says what it is, in one line, and none is there twice', async () => {
  const text = await textOf(thePage())
  const helped = Array.from(text.matchAll(/^# HELP (\S+) \S.*\.$/gm), ([, name]) => name)
  assert.deepEqual(helped, [...typesOf(text).keys()])
  assert.equal(new Set(helped).size, helped.length)
})

test('the numbers are those of the sources', async () => {
  const samples = samplesOf(await textOf(thePage()))
  const own = Array.from(samples).filter(([name]) => name.startsWith('mooring_') && !name.includes('_store_write_'))
  assert.deepEqual(Object.fromEntries(own), {
    [`mooring_build_info{version="1.2.3",node="${process.versions.node}"}`]: 1,
    mooring_clients_connected: 1,
    'mooring_connections{stage="waiting"}': 15,
    'mooring_connections{stage="not_logged_in"}': 6,
    'mooring_connections{stage="logged_in"}': 14,
    mooring_connection_addresses: 16,
    'mooring_connections_refused_total{reason="connections"}': 17,
    'mooring_connections_refused_total{reason="per-address"}': 18,
    'mooring_connections_refused_total{reason="waiting-room"}': 19,
    'mooring_connections_refused_total{reason="waited"}': 21,
    'mooring_connections_refused_total{reason="deadline"}': 22,
    'mooring_connections_refused_total{reason="silent"}': 23,
    'mooring_logins_total{result="accepted"}': 5,
    'mooring_logins_total{result="bad_credentials"}': 6,
    'mooring_logins_total{result="not_allowed"}': 7,
    'mooring_logins_total{result="busy"}': 8,
    'mooring_logins_total{result="fault"}': 9,
    'mooring_disconnects_total{reason="protocol_error"}': 10,
    'mooring_disconnects_total{reason="limit_exceeded"}': 11,
    'mooring_disconnects_total{reason="slow_reader"}': 12,
    mooring_slowdowns_total: 13,
    mooring_messages_received_total: 2,
    mooring_messages_sent_total: 3,
    mooring_messages_dropped_total: 4,
    mooring_sessions: 33,
    mooring_subscriptions: 34,
    mooring_queued_messages: 35,
    mooring_queued_bytes: 36,
    mooring_retained_messages: 37,
    mooring_retained_bytes: 38,
    'mooring_messages_not_kept_total{reason="queue_full"}': 39,
    'mooring_messages_not_kept_total{reason="retained_full"}': 40,
    'mooring_messages_not_kept_total{reason="expired"}': 41,
    mooring_sessions_expired_total: 42,
    'mooring_registrations_total{result="created"}': 24,
    'mooring_registrations_total{result="exists"}': 25,
    'mooring_registrations_total{result="bad_token"}': 26,
    'mooring_registrations_total{result="not_in_allowlist"}': 0,
    'mooring_registrations_total{result="pending"}': 0,
    'mooring_registrations_total{result="refused"}': 0,
    'mooring_registrations_total{result="undecided"}': 0,
    'mooring_registrations_total{result="missing_id"}': 27,
    'mooring_registrations_total{result="bad_request"}': 28,
    'mooring_registrations_total{result="busy"}': 29,
    'mooring_registrations_total{result="fault"}': 30,
    'mooring_registrations_total{result="returned"}': 50,
    'mooring_registrations_total{result="exhausted"}': 51,
    'mooring_registrations_total{result="rate_limited"}': 52,
    mooring_hash_backlog_seconds: 31,
    mooring_prepared_secrets: 43,
    mooring_store_commits_total: 32,
  })
})

test('scrapes at the same time see the same numbers, and a later one the later numbers', async () => {
  let clients = 10
  const page = thePage({ sources: someSources({ connectedClients: () => clients }) })
  const texts = await Promise.all([page, page, page].map(textOf))
  for (const text of texts) {
    assert.equal(samplesOf(text).get('mooring_clients_connected'), 10)
    assert.equal(samplesOf(text).get('mooring_messages_received_total'), 2)
  }
  clients = 3
  assert.equal(samplesOf(await textOf(page)).get('mooring_clients_connected'), 3)
})

test('the time of the last backup is told from the first one on', async () => {
  const name = 'mooring_backup_last_success_timestamp_seconds'
  let last: Date | undefined
  const page = thePage({ sources: someSources({ lastBackup: () => last }) })
  assert.doesNotMatch(await textOf(page), new RegExp(name))
  for (const time of ['2026-01-02T03:04:05Z', '2026-02-03T04:05:06Z']) {
    last = new Date(time)
    assert.equal(samplesOf(await textOf(page)).get(name), Date.parse(time) / 1000)
  }
})

test('writes to the store are timed when they succeed and counted when they fail, and the caller notices nothing', async () => {
  const storeWrites = new StoreWrites()
  const written: string[] = []
  const writer = storeWrites.watch({
    write: async (operations: readonly string[]) => {
      if (operations.includes('bad')) throw new Error('the disk is full')
      written.push(...operations)
    },
  })
  await writer.write(['one', 'two'])
  await assert.rejects(writer.write(['bad']), /^Error: the disk is full$/)
  await writer.write(['three'])
  assert.deepEqual(written, ['one', 'two', 'three'])
  const samples = samplesOf(await textOf(thePage({ storeWrites })))
  assert.equal(samples.get('mooring_store_write_seconds_count'), 2)
  assert.equal(samples.get('mooring_store_write_seconds_bucket{le="+Inf"}'), 2)
  assert.equal(samples.get('mooring_store_write_failures_total'), 1)
})

test('of a chain the certificate that expires first is told, wherever it stands', async () => {
  const other = await pemUntil('2090-02-03T04:05:06Z')
  for (const chain of [`${aPem}\n${other}`, Buffer.from(`a comment\n${other}\n${aPem}`)]) {
    const page = thePage({ sources: someSources({ certificateExpiry: () => expiryOf(chain) }) })
    assert.equal(samplesOf(await textOf(page)).get(EXPIRY), Date.parse('2090-02-03T04:05:06Z') / 1000)
  }
})

test('nothing is told about a certificate that is not there or cannot be read', async () => {
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  for (const certificate of [undefined, 'no PEM', broken, aPem + broken]) {
    const page = thePage({ sources: someSources({ certificateExpiry: () => expiryOf(certificate ?? '') }) })
    assert.doesNotMatch(await textOf(page), new RegExp(EXPIRY))
  }
})
