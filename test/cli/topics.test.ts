import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import { loadConfig } from '../../config.ts'
import { startServer } from '../../server.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { openRealStore, run, type CliParts } from './harness.ts'

const env = { MOORING_LISTEN_MQTT: '127.0.0.1:0', MOORING_LISTEN_HTTP: 'off' }

async function aShell(t: TestContext) {
  const cwd = await aFolder(t)
  const mooring = (argv: readonly string[], parts: CliParts = {}) =>
    run(argv, { cwd, env, openLocal: openRealStore, ...parts })
  const serve = async () => {
    const server = await startServer(loadConfig({ env, cwd }).config, {
      log: memoryLog(),
      version: '1.2.3',
      poolThreads: 4,
    })
    t.after(() => server.close())
    return server
  }
  return { cwd, mooring, serve }
}

/** A tail that is known to listen. @param end - ends it as ^C does. */
async function aTail(mooring: Awaited<ReturnType<typeof aShell>>['mooring'], ...argv: readonly string[]) {
  const news = new EventEmitter()
  const listening = once(news, 'told')
  const interrupt = new AbortController()
  const outcome = mooring(['topic', 'tail', ...argv], {
    told: () => news.emit('told'),
    onInterrupt: (listener) => {
      interrupt.signal.addEventListener('abort', listener)
      return () => {}
    },
  })
  await listening
  return { outcome, end: () => interrupt.abort() }
}

test('without a server nothing can be heard or published, and the refusal says so', async (t) => {
  const { mooring } = await aShell(t)
  for (const argv of [
    ['topic', 'tail', '#'],
    ['topic', 'publish', 'a', 'b'],
  ]) {
    const { code, stderr } = await mooring(argv)
    assert.equal(code, 7)
    assert.match(stderr, /no server holds[^]*mooring serve/)
  }
})

const refused: readonly { name: string; argv: readonly string[]; parts?: CliParts; says: RegExp }[] = [
  { name: 'to a topic with a wildcard', argv: ['plant/+', 'x'], says: /has a wildcard/ },
  { name: 'to no topic', argv: ['', 'x'], says: /is empty/ },
  { name: "to a topic of the broker's own", argv: ['$SYS/x', 'x'], says: /begins with \$/ },
  { name: 'to a topic that is too long', argv: ['x'.repeat(5000), 'x'], says: /at most \d+ bytes/ },
  { name: 'that is longer than a packet may be', argv: ['a'], parts: { stdin: 'x'.repeat(262_144) }, says: /packet/ },
  { name: 'from two places', argv: ['a', 'b', '--file', 'c'], says: /not both/ },
  { name: 'from a file that is not there', argv: ['a', '--file', 'c'], says: /cannot be read: ENOENT/ },
  { name: 'with QoS 3', argv: ['a', 'b', '--qos', '3'], says: /Allowed choices/ },
  { name: 'that nobody may be asked for', argv: ['a', '--no-input'], parts: { stdinIsTTY: true }, says: /--file/ },
]
test('what no client could publish is not published either', async (t) => {
  const { mooring, serve } = await aShell(t)
  await serve()
  for (const { name, argv, parts, says } of refused) {
    const { code, stderr } = await mooring(['topic', 'publish', ...argv], parts)
    assert.equal(code, 2, `${name}: ${stderr}`)
    assert.match(stderr, says, name)
  }
  for (const filter of ['', 'a/#/b', '$SYS/#']) {
    assert.equal((await mooring(['topic', 'tail', filter])).code, 2, filter)
    assert.equal((await mooring(['topic', 'retained', 'clear', filter, '--yes'])).code, 2, filter)
  }
})

test('what is published is heard by whoever listens to it, and by nobody else', async (t) => {
  const { mooring, serve } = await aShell(t)
  await serve()
  const [hears, hearsNot] = [
    await aTail(mooring, 'plant/+/state', '-n', '2', '-o', 'jsonl'),
    await aTail(mooring, 'other/#'),
  ]
  assert.equal((await mooring(['topic', 'publish', 'plant/1/state', 'on', '--qos', '1'])).code, 0)
  assert.equal((await mooring(['topic', 'publish', 'plant/2/state'], { stdin: Buffer.from([0, 0xff]) })).code, 0)
  const { code, stdout } = await hears.outcome
  const messages = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(code, 0)
  assert.deepEqual(
    messages.map(({ topic, payload, encoding, qos }) => [topic, payload, encoding, qos]),
    [
      ['plant/1/state', 'on', 'text', 1],
      ['plant/2/state', 'AP8=', 'base64', 0],
    ],
  )
  hearsNot.end()
  assert.deepEqual([(await hearsNot.outcome).code, (await hearsNot.outcome).stdout], [0, ''])
})

test('what a device says cannot steer the terminal of who listens', async (t) => {
  const { mooring, serve } = await aShell(t)
  await serve()
  const { outcome } = await aTail(mooring, '#', '--count', '1')
  await mooring(['topic', 'publish', 'a\u202eb', '\u001b[2J'])
  assert.match((await outcome).stdout, /a\\u202eb {2}\\u001b\[2J/)
})

test('a client that subscribed gets it, and one that comes later what was retained', async (t) => {
  const { cwd, mooring, serve } = await aShell(t)
  const server = await serve()
  const { accessKey, accessSecret } = await server.operator.createServiceKey({
    name: 'x',
    rules: { subscribe: ['plant/#'] },
  })
  await writeFile(join(cwd, 'plan.bin'), Buffer.from([1, 2, 254]))
  assert.equal((await mooring(['topic', 'publish', 'plant/plan', '--file', 'plan.bin', '--retain'])).code, 0)
  const url = `mqtt://127.0.0.1:${server.addresses.mqtt?.port}`
  const client = await connectAsync(url, { username: accessKey, password: accessSecret, reconnectPeriod: 0 })
  t.after(() => client.endAsync(true))
  const hears = (): Promise<unknown> =>
    new Promise((resolve) => client.once('message', (topic, payload) => resolve([topic, payload])))
  const heard = hears()
  await client.subscribeAsync('plant/#', { qos: 1 })
  assert.deepEqual(await heard, ['plant/plan', Buffer.from([1, 2, 254])])
  const next = hears()
  const { stdout } = await mooring(['topic', 'publish', 'plant/bell', 'ring', '--qos', '1'])
  assert.equal(stdout, 'published 4 bytes to plant/bell: went to 1\n')
  assert.deepEqual(await next, ['plant/bell', Buffer.from('ring')])
})

test('retained messages are listed and forgotten, whether a server runs or not', async (t) => {
  const { mooring, serve } = await aShell(t)
  const topics = async (...argv: readonly string[]): Promise<unknown[]> => {
    const { stdout } = await mooring(['topic', 'retained', 'list', ...argv, '--json'])
    const page = JSON.parse(stdout) as { messages: { topic: string }[]; next?: string }
    return [page.messages.map(({ topic }) => topic), page.next]
  }
  const first = await serve()
  for (const topic of ['plant', 'plant/a', 'plant/b/c', 'plantation', 'other']) {
    await mooring(['topic', 'publish', topic, `of ${topic}`, '--retain'])
  }
  const all = [['other', 'plant', 'plant/a', 'plant/b/c', 'plantation'], undefined]
  assert.deepEqual(await topics(), all)
  assert.deepEqual(await topics('plant/#'), [['plant', 'plant/a', 'plant/b/c'], undefined])
  assert.deepEqual(await topics('+/a'), [['plant/a'], undefined])
  assert.deepEqual(await topics('plant/#', '--limit', '2'), [['plant', 'plant/a'], 'plant/a'])
  assert.deepEqual(await topics('plant/#', '--after', 'plant/a'), [['plant/b/c'], undefined])
  assert.equal((await mooring(['topic', 'retained', 'clear', 'plant/a', '--yes'])).code, 0)
  await first.close()

  assert.deepEqual(await topics('plant/#'), [['plant', 'plant/b/c'], undefined])
  assert.match(
    (await mooring(['topic', 'retained', 'clear', 'plant/#', '--yes'])).stdout,
    /^2 retained messages forgotten/,
  )
  assert.match((await mooring(['topic', 'retained', 'list', 'plant/#'])).stdout, /no retained messages/)
  const second = await serve()
  assert.deepEqual(await topics(), [['other', 'plantation'], undefined])
  await mooring(['topic', 'publish', 'plant', 'again', '--retain'])
  assert.deepEqual(await topics('plant'), [['plant'], undefined])
  await second.close()
})

test('whoever is asked may say no, and where nobody can be asked nothing is forgotten', async (t) => {
  const { mooring, serve } = await aShell(t)
  await serve()
  await mooring(['topic', 'publish', 'plant', 'x', '--retain'])
  const clear = ['topic', 'retained', 'clear', '#']
  const nobody = await mooring(clear)
  assert.equal(nobody.code, 2)
  assert.match(nobody.stderr, /forget 1 retained messages of "#"\?[^]*--yes/)
  assert.equal((await mooring([...clear, '--no-input'], { ask: async () => 'y' })).code, 2)
  assert.match((await mooring(clear, { ask: async () => '' })).stdout, /nothing was forgotten/)
  assert.match((await mooring(clear, { ask: async () => 'y' })).stdout, /^1 retained messages forgotten/)
})

test('the journal says who published, listened and cleared, and nothing of what was said', async (t) => {
  const { mooring, serve } = await aShell(t)
  await serve()
  const { outcome } = await aTail(mooring, 'plant/#', '-n', '1')
  await mooring(['topic', 'publish', 'plant/a', 'a word between us', '--retain'])
  await outcome
  await mooring(['topic', 'retained', 'clear', 'plant/#', '--yes'])
  const { stdout } = await mooring(['journal', 'list', '--kind', 'operation', '--json'])
  const { entries } = JSON.parse(stdout) as { entries: Record<string, unknown>[] }
  assert.deepEqual(
    entries.toReversed().map(({ operation, detail, count }) => [operation, detail, count]),
    [
      ['openTail', 'plant/#', undefined],
      ['publishMessage', 'plant/a, QoS 0, retained', undefined],
      ['clearRetained', 'plant/#', 1],
    ],
  )
  assert.doesNotMatch(stdout, /between us/)
})
