import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import { parse } from 'yaml'
import { metricsDocs } from '../../metrics/index.ts'
import { startMooring, type Mooring } from '../support/server.ts'
import { samplesOf, typesOf } from './sources.ts'

async function scrape(server: Mooring, init: RequestInit = {}): Promise<string> {
  const response = await fetch(server.url('http', '/metrics'), init)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  return await response.text()
}

const statusOf = async (url: string, init: RequestInit = {}): Promise<number> => (await fetch(url, init)).status

const outerAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

test('unless told otherwise, only programs on this machine read the metrics', async (t) => {
  const server = await startMooring(t, { env: { MOORING_LISTEN_HTTP: '0.0.0.0:0' } })
  const url = server.url('http', '/metrics')
  assert.equal(await statusOf(url, { headers: { 'x-forwarded-for': '127.0.0.1' } }), 404)
  if (outerAddress === undefined) t.diagnostic('this machine has no address but loopback')
  else assert.equal(await statusOf(url.replace('127.0.0.1', outerAddress)), 404)
  assert.equal(await statusOf(url, { method: 'POST' }), 405)
  assert.equal(await statusOf(url, { method: 'HEAD' }), 200)
  assert.equal(await statusOf(url), 200)
})

const settings = [
  { access: 'off', status: 404 },
  { access: 'all', status: 200 },
]
for (const { access, status } of settings) {
  test(`with metrics.access ${access} everyone gets ${status}`, async (t) => {
    const server = await startMooring(t, {
      settings: { metrics: { access } },
      env: { MOORING_LISTEN_HTTP: '0.0.0.0:0' },
    })
    const url = server.url('http', '/metrics')
    assert.equal(await statusOf(url), status)
    assert.equal(await statusOf(url, { headers: { via: '1.1 proxy' } }), status)
    if (outerAddress !== undefined) assert.equal(await statusOf(url.replace('127.0.0.1', outerAddress)), status)
  })
}

test('what happens is in the next scrape', async (t) => {
  const server = await startMooring(t)
  const before = samplesOf(await scrape(server))
  const { deviceId, accessKey, accessSecret } = await server.register('A1')
  await assert.rejects(server.register('A1'))
  const login = { clientId: deviceId, username: accessKey, password: accessSecret, reconnectPeriod: 0 }
  await assert.rejects(connectAsync(server.url('mqtt'), { ...login, password: 'wrong' }))
  const client = await connectAsync(server.url('mqtt'), login)
  t.after(() => client.end(true))
  await client.subscribeAsync(`losant/${deviceId}/command`)
  const heard = new Promise((resolve) => client.once('message', resolve))
  await client.publishAsync(`losant/${deviceId}/command`, 'x', { qos: 1 })
  await heard

  const after = samplesOf(await scrape(server))
  const rise = (name: string): number => (after.get(name) ?? NaN) - (before.get(name) ?? NaN)
  // The token and the device; what the journal has gathered is written when it is due.
  assert.ok(rise('mooring_store_write_seconds_count') >= 2)
  assert.deepEqual(
    [
      'mooring_registrations_total{result="created"}',
      'mooring_registrations_total{result="exists"}',
      'mooring_registrations_total{result="fault"}',
      'mooring_logins_total{result="accepted"}',
      'mooring_logins_total{result="bad_credentials"}',
      'mooring_logins_total{result="fault"}',
      'mooring_clients_connected',
      'mooring_connections{stage="logged_in"}',
      'mooring_messages_received_total',
      'mooring_messages_sent_total',
      'mooring_store_write_failures_total',
    ].map((name) => [name, rise(name)]),
    [
      ['mooring_registrations_total{result="created"}', 1],
      ['mooring_registrations_total{result="exists"}', 1],
      ['mooring_registrations_total{result="fault"}', 0],
      ['mooring_logins_total{result="accepted"}', 1],
      ['mooring_logins_total{result="bad_credentials"}', 1],
      ['mooring_logins_total{result="fault"}', 0],
      ['mooring_clients_connected', 1],
      ['mooring_connections{stage="logged_in"}', 1],
      ['mooring_messages_received_total', 1],
      ['mooring_messages_sent_total', 1],
      ['mooring_store_write_failures_total', 0],
    ],
  )
})

test('docs/metrics.md lists every metric as the program knows it', async () => {
  const page = readFileSync('docs/metrics.md', 'utf8')
  assert.equal(
    page,
    await metricsDocs(page),
    "write it again: node -e \"import('./dist/metrics/index.js').then(async ({ metricsDocs }) => " +
      "fs.writeFileSync('docs/metrics.md', await metricsDocs(fs.readFileSync('docs/metrics.md', 'utf8'))))\"",
  )
})

/** Queries of PromQL in a document, at whatever depth. */
function queriesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) =>
    typeof one === 'string' && (key === 'expr' || (key === 'query' && one.startsWith('label_values')))
      ? [one]
      : queriesIn(one),
  )
}

const FUNCTIONS = ['histogram_quantile', 'label_values']

/** What a query selects: names, with the labels whose values are ours. */
const selectionsIn = (query: string): { name: string; label?: string; value?: string }[] =>
  Array.from(query.matchAll(/\b(up|[a-z]+_\w+)\b(?:\{([^}]*)\})?/g))
    .filter(([, name = '']) => !FUNCTIONS.includes(name))
    .flatMap(([, name = '', selector = '']) => [
      { name },
      ...Array.from(selector.matchAll(/\b(result|reason|stage|kind)=~?"([^"]*)"/g)).flatMap(
        ([, label = '', values = '']) => values.split('|').map((value) => ({ name, label, value })),
      ),
    ])

const documents = [
  { file: 'packaging/grafana.json', least: 35 },
  { file: 'packaging/prometheus-alerts.yml', least: 10 },
]

/** A scrape of a server that has something to tell of everything. */
async function scrapeAll(t: TestContext): Promise<string> {
  const server = await startMooring(t, { tls: true })
  await server.json('backup', 'create')
  return await scrape(server)
}

test('every metric that the alerts and the dashboard name exists, with the labels they ask for', async (t) => {
  const text = await scrapeAll(t)
  const samples = samplesOf(text)
  const names = new Set([
    'up',
    ...typesOf(text).keys(),
    ...Array.from(samples.keys(), (key) => key.replace(/\{.*/, '')),
  ])
  // A histogram has no samples before the first of its kind is observed, as of garbage collections.
  for (const [name, type] of typesOf(text)) {
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`)
  }
  for (const { file, least } of documents) {
    const queries = queriesIn(parse(readFileSync(file, 'utf8')))
    assert.ok(queries.length >= least, `${file} has ${queries.length} queries`)
    for (const query of queries) {
      const selections = selectionsIn(query)
      assert.ok(selections.length > 0, `${file}: ${query} names no metric`)
      for (const { name, label, value } of selections) {
        assert.ok(names.has(name), `${file}: there is no ${name}`)
        if (label === undefined) continue
        assert.ok(samples.has(`${name}{${label}="${value}"}`), `${file}: there is no ${name} with ${label} ${value}`)
      }
    }
  }
})

test('every metric of a scrape is documented, with all values of its labels', async (t) => {
  const text = await scrapeAll(t)
  const rows = readFileSync('docs/metrics.md', 'utf8').split('\n')
  const rowOf = (name: string): string => rows.find((row) => row.startsWith(`| \`${name}\` `)) ?? ''
  for (const [name, type] of typesOf(text)) assert.ok(rowOf(name).includes(`| ${type} `), `${name}, a ${type}`)
  for (const sample of samplesOf(text).keys()) {
    const [, name = '', label = '', value = ''] = /^(mooring_\w+)\{(result|reason|stage)="(.*)"\}$/.exec(sample) ?? []
    if (name !== '') assert.match(rowOf(name), new RegExp(`\`${label}\`: .*\`${value}\``), sample)
  }
})

test('/readyz?verbose lists each check', async (t) => {
  const server = await startMooring(t)
  const response = await fetch(server.url('http', '/readyz?verbose'))
  assert.equal(await response.text(), '[+]store ok\n[+]listeners ok\nreadyz check passed\n')
})
