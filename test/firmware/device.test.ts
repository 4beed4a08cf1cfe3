import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { TL_GENERATOR } from '../../registry/index.ts'
import { needsCToolchain } from '../support/debian.ts'
import { aFakeBroker } from '../support/fake-broker.ts'
import { aFakeRegistration, aToken, credentials, granted, type Answer } from '../support/fake-registration.ts'
import { aCDevice, aNodeDevice, type FirmwareSample } from '../support/firmware.ts'

/** What every sample does, whatever its language. Source: docs/contract.md §4. */
const samples: { name: string; skip: string | false; aDevice: (t: TestContext) => Promise<FirmwareSample> }[] = [
  { name: 'Node', skip: false, aDevice: aNodeDevice },
  { name: 'C', skip: needsCToolchain(), aDevice: aCDevice },
]

const recipeTypes = Object.fromEntries(
  TL_GENERATOR.attributes.map(({ name, dataType }) => [name, dataType === 'gps' ? 'string' : dataType]),
)

const blank = JSON.stringify({ deviceId: '', accessKey: '', accessSecret: '' })

/** The credentials file and whatever was left of making it. */
const filesLike = (file: string): string[] =>
  readdirSync(dirname(file)).filter((name) => name.startsWith('credentials'))

/** Nobody listens there. */
const NOWHERE = 'mqtt://127.0.0.1:1'

for (const { name, skip, aDevice } of samples) {
  describe(`the ${name} device`, { skip, timeout: 180_000, concurrency: 4 }, () => {
    const finalAnswers: { name: string; answer: Answer; words: RegExp }[] = [
      {
        name: 'a device that is registered already',
        answer: { status: 403, body: '{"error": "Device already registered."}' },
        words: /403.*Device already registered\./,
      },
      {
        name: 'a refused token',
        answer: { status: 403, body: '{"error": "Invalid registration token"}' },
        words: /403.*Invalid registration token/,
      },
      { name: 'a wrong address', answer: { status: 404, body: '{"error": "Not found"}' }, words: /404.*Not found/ },
      {
        name: 'a redirect, which it does not follow with its token',
        answer: { status: 307, headers: { location: '/elsewhere' }, body: 'elsewhere' },
        words: /307/,
      },
      { name: 'a 200 with blank credentials', answer: { status: 200, body: blank }, words: /200 without credentials/ },
      { name: 'a 200 that is not JSON', answer: { status: 200, body: '<html>' }, words: /200 without credentials/ },
    ]
    for (const { name: what, answer, words } of finalAnswers) {
      test(`gives up on ${what}, says so, and leaves no file behind`, async (t) => {
        const registration = await aFakeRegistration(t, [answer])
        const device = await aDevice(t)
        const run = device.start({ TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }), MANUFACTURER_ID: 'A1' })
        assert.equal(await run.ended, 1)
        await run.line(words)
        assert.equal(registration.requests.length, 1)
        assert.deepEqual(filesLike(device.credentialsFile), [])
      })
    }

    const badTokens = [
      { name: 'is no token', token: 'not-a-token' },
      { name: 'has a payload that is no JSON', token: 'YQ.YQ.YQ' },
      { name: 'has no url', token: aToken({ iss: 'acme' }) },
      { name: 'has a url that is not HTTP', token: aToken({ url: 'ftp://127.0.0.1/' }) },
      { name: 'has a url that is no text', token: aToken({ url: 7 }) },
      { name: 'names a broker that is not MQTT', token: aToken({ url: 'http://127.0.0.1:1/', mqtt: 'gopher://x' }) },
    ]
    for (const { name: what, token } of badTokens) {
      test(`gives up when its TOKEN ${what}`, async (t) => {
        const run = (await aDevice(t)).start({ TOKEN: token, MANUFACTURER_ID: 'A1' })
        assert.equal(await run.ended, 1)
        assert.equal(run.lines.length, 1, run.lines.join('\n'))
      })
    }

    const damages = [
      { name: 'empty', text: '' },
      { name: 'cut off', text: JSON.stringify(credentials).slice(0, -20) },
      { name: 'without a secret', text: JSON.stringify({ ...credentials, accessSecret: undefined }) },
      { name: 'with a blank key', text: JSON.stringify({ ...credentials, accessKey: '' }) },
      { name: 'a list', text: '[1]' },
    ]
    for (const { name: what, text } of damages) {
      test(`reports a credentials file that is ${what} instead of registering again`, async (t) => {
        const registration = await aFakeRegistration(t, [granted])
        const device = await aDevice(t)
        await writeFile(device.credentialsFile, text)
        const run = device.start({ TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }), MANUFACTURER_ID: 'A1' })
        assert.equal(await run.ended, 1)
        await run.line(/credentials\.json is damaged/)
        assert.equal(registration.requests.length, 0)
        assert.equal(await readFile(device.credentialsFile, 'utf8'), text)
      })
    }

    test('does not register when it could not keep the credentials', async (t) => {
      const registration = await aFakeRegistration(t, [granted])
      const device = await aDevice(t)
      const run = device.start({
        TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }),
        MANUFACTURER_ID: 'A1',
        CREDENTIALS_FILE: join(dirname(device.credentialsFile), 'missing', 'credentials.json'),
      })
      assert.equal(await run.ended, 1)
      await run.line(/cannot write .*not registering/)
      assert.equal(registration.requests.length, 0)
    })

    const passing: { name: string; answer: Answer }[] = [
      { name: 'an internal error', answer: { status: 500, body: '{"error":"Internal error"}' } },
      { name: 'a server that is not ready', answer: { status: 503 } },
      { name: 'a connection that breaks', answer: 'hang up' },
      { name: 'a server that does not answer', answer: 'silence' },
    ]
    for (const { name: what, answer } of passing) {
      test(`tries again after ${what}`, async (t) => {
        const registration = await aFakeRegistration(t, [answer, answer, granted])
        const run = (await aDevice(t)).start({
          TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }),
          MANUFACTURER_ID: 'A1',
          REQUEST_TIMEOUT_MS: '300',
        })
        await run.line(/registered A1/)
        assert.equal(registration.requests.length, 3)
      })
    }

    test('tries again when nobody listens, and waits longer and longer, never in step with others', async (t) => {
      const token = aToken({ url: 'http://127.0.0.1:1/api/register-device', mqtt: NOWHERE })
      const run = (await aDevice(t)).start({ TOKEN: token, MANUFACTURER_ID: 'A1', BACKOFF_MAX_MS: '80' })
      const waits: number[] = []
      for (let nth = 1; nth <= 12; nth++) {
        waits.push(Number(/in (\d+) ms/.exec(await run.line(/trying again in \d+ ms/, nth))?.[1]))
      }
      for (const [attempt, wait] of waits.entries()) assert.ok(wait <= Math.min(80, 20 * 2 ** attempt), waits.join(' '))
      assert.ok(new Set(waits).size > 1, waits.join(' '))
      assert.ok(Math.max(...waits) > 20, waits.join(' '))
    })

    test('waits as long as 429 Retry-After asks', async (t) => {
      const registration = await aFakeRegistration(t, [{ status: 429, headers: { 'retry-after': '1' } }, granted])
      const run = (await aDevice(t)).start({
        TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }),
        MANUFACTURER_ID: 'A1',
      })
      await run.line(/registered A1/)
      const [first, second] = registration.requests
      assert.ok(first !== undefined && second !== undefined && second.atMs - first.atMs >= 1000)
    })

    test('asks again after a 403 that says it may be later', async (t) => {
      const pending = { error: 'Approval pending.', code: 'ERR_APPROVAL_PENDING', retryable: true }
      const answer = { status: 403, body: JSON.stringify(pending), headers: { 'retry-after': '1' } }
      const registration = await aFakeRegistration(t, [answer, granted])
      const run = (await aDevice(t)).start({
        TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }),
        MANUFACTURER_ID: 'A1',
      })
      await run.line(/registered A1/)
      assert.equal(registration.requests.length, 2)
    })

    test('keeps its credentials whole, for its owner only, before it connects', async (t) => {
      const seen: { mode: number; text: Promise<string> }[] = []
      const device = await aDevice(t)
      const broker = await aFakeBroker(t, [], () => {
        seen.push({ mode: statSync(device.credentialsFile).mode, text: readFile(device.credentialsFile, 'utf8') })
      })
      const body = JSON.stringify({ ...credentials, note: 'a "later" field', more: [{ a: [1, null, '}'] }] })
      const registration = await aFakeRegistration(t, [{ status: 200, body }])
      const token = aToken({ iss: 'acme', list: [1, { a: '"' }], url: registration.url, mqtt: broker.url })
      device.start({ TOKEN: token, MANUFACTURER_ID: 'A1 "quoted" \\ ü' })
      await broker.next('connect')
      assert.equal((seen[0]?.mode ?? 0) & 0o777, 0o600)
      assert.equal(await seen[0]?.text, body)
      assert.deepEqual(filesLike(device.credentialsFile), ['credentials.json'])
      assert.deepEqual(registration.requests[0]?.body, { token, manufacturerId: 'A1 "quoted" \\ ü' })
      assert.equal(registration.requests[0]?.contentType, 'application/json')
    })

    test('connects with its credentials, reports at QoS 1, prints commands, and says goodbye', async (t) => {
      const broker = await aFakeBroker(t)
      const registration = await aFakeRegistration(t, [granted])
      const token = aToken({ url: registration.url, mqtt: broker.url })
      const run = (await aDevice(t)).start({ TOKEN: token, MANUFACTURER_ID: 'A1' })

      const connect = await broker.next('connect')
      assert.equal(connect.clientId, credentials.deviceId)
      assert.equal(connect.username, credentials.accessKey)
      assert.equal(connect.password?.toString(), credentials.accessSecret)
      assert.equal(connect.clean, true)
      assert.equal(connect.protocolVersion, 4)

      const subscribe = await broker.next('subscribe')
      assert.ok(subscribe.cmd === 'subscribe')
      assert.deepEqual(
        subscribe.subscriptions.map(({ topic, qos }) => ({ topic, qos })),
        [{ topic: `losant/${credentials.deviceId}/command`, qos: 0 }],
      )

      for (const report of [await broker.next('publish'), await broker.next('publish')]) {
        assert.equal(report.topic, `losant/${credentials.deviceId}/state`)
        assert.equal(report.qos, 1)
        const { data } = JSON.parse(report.payload.toString()) as { data: Record<string, unknown> }
        for (const [attribute, value] of Object.entries(data))
          assert.equal(typeof value, recipeTypes[attribute], attribute)
        assert.ok(Object.keys(data).length > 0)
        assert.ok(report.payload.length < 256, 'the smallest clients have 256 bytes')
      }

      broker.publish(`losant/${credentials.deviceId}/command`, '{"name":"start","payload":{"rpm":1500}}')
      await run.line(/command \{"name":"start","payload":\{"rpm":1500\}\}/)

      assert.equal(await run.stop(), 0)
      await broker.next('disconnect')
      const output = run.lines.join('\n')
      assert.ok(!output.includes(credentials.accessSecret) && !output.includes(token), output)
    })

    test('uses its file at every later run and never registers again', async (t) => {
      const broker = await aFakeBroker(t)
      const registration = await aFakeRegistration(t, [granted])
      const device = await aDevice(t)
      const env = { TOKEN: aToken({ url: registration.url, mqtt: broker.url }), MANUFACTURER_ID: 'A1' }
      for (let boot = 0; boot < 2; boot++) {
        const run = device.start(env)
        // Of this run: a report of the one before may still lie unread at the broker.
        await run.line(/publish(ing|ed)/)
        assert.equal(await run.stop(), 0)
      }
      assert.equal(registration.requests.length, 1)
    })

    test('comes back when the broker refuses it for a while, and when the connection is cut', async (t) => {
      const broker = await aFakeBroker(t, [3, 5, 4])
      const registration = await aFakeRegistration(t, [granted])
      const run = (await aDevice(t)).start({
        TOKEN: aToken({ url: registration.url, mqtt: broker.url }),
        MANUFACTURER_ID: 'A1',
      })
      await broker.next('publish')
      await run.line(/refused/)
      const before = broker.packets.filter(({ cmd }) => cmd === 'connect').length
      assert.equal(before, 4)
      for (let index = 0; index < before; index++) await broker.next('connect')
      broker.cut()
      await broker.next('connect')
      assert.equal(await run.stop(), 0)
      assert.equal(registration.requests.length, 1)
    })

    test('finds its broker: MQTT_URL, else the token, else MQTT over TLS on the host that registers', async (t) => {
      const device = await aDevice(t)
      await writeFile(device.credentialsFile, JSON.stringify(credentials))
      const url = 'http://localhost:1/api/register-device'
      const cases = [
        { env: { TOKEN: aToken({ url, mqtt: NOWHERE }), MQTT_URL: 'mqtt://127.0.0.1:2' }, expected: /127\.0\.0\.1:2/ },
        { env: { TOKEN: aToken({ url, mqtt: NOWHERE }) }, expected: /127\.0\.0\.1:1/ },
        { env: { TOKEN: aToken({ url }) }, expected: /localhost:8883/ },
      ]
      for (const { env, expected } of cases) {
        const run = device.start(env)
        assert.match(await run.line(/^connecting to/), expected)
        assert.equal(await run.stop(), 0)
      }
    })

    test('stops while it waits to try again', async (t) => {
      const registration = await aFakeRegistration(t, [{ status: 429, headers: { 'retry-after': '3600' } }])
      const device = await aDevice(t)
      const run = device.start({ TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }), MANUFACTURER_ID: 'A1' })
      await run.line(/trying again in 36\d{5} ms/)
      assert.equal(await run.stop(), 0)
      assert.deepEqual(filesLike(device.credentialsFile), [])
    })

    test('keeps the credentials of a request that was on its way when it was told to stop', async (t) => {
      const later = new EventEmitter()
      const registration = await aFakeRegistration(t, [() => once(later, 'stopping').then(() => granted)])
      const device = await aDevice(t)
      const run = device.start({ TOKEN: aToken({ url: registration.url, mqtt: NOWHERE }), MANUFACTURER_ID: 'A1' })
      await registration.received(1)
      run.signal('SIGTERM')
      later.emit('stopping')
      assert.equal(await run.ended, 0)
      assert.equal(existsSync(device.credentialsFile), true)
    })
  })
}
