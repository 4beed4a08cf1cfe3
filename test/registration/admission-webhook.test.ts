import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import getRawBody from 'raw-body'
import { CircuitBreaker } from '../../registration/circuit-breaker.ts'
import { createAdmissionWebhook } from '../../registration/index.ts'
import { RegistryError, Secret, type AdmissionRequest } from '../../registry/index.ts'
import { aRegistry, aToken } from '../support/registry.ts'
import { memoryLog } from '../support/log.ts'

const SECRET = 'a webhook secret of at least thirty-two bytes'
const NOW = new Date('2026-01-02T03:04:05.678Z')
const REQUEST: AdmissionRequest = { manufacturerId: 'A1-0001', tokenId: 'line-3', address: '192.0.2.7', now: NOW }

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function anEndpoint(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return `http://127.0.0.1:${address.port}/may-register`
}

const saying =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }

const aWebhook = (url: string, more: { fallback?: 'retry' | 'refuse' | 'admit'; timeoutMs?: number } = {}) =>
  createAdmissionWebhook({ url, secret: new Secret(SECRET), fallback: 'retry', log: memoryLog(), ...more })

const refusal = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code

const noAnswers: readonly { name: string; answer: Answer }[] = [
  { name: 'another status', answer: saying(500, '{"admit":true}') },
  { name: 'a status that is nearly right', answer: saying(204, '') },
  { name: 'nothing', answer: saying(200, '') },
  { name: 'no JSON', answer: saying(200, '<p>admit: true</p>') },
  { name: 'another shape', answer: saying(200, '[true]') },
  { name: 'a text instead of a truth', answer: saying(200, '{"admit":"true"}') },
  { name: 'null', answer: saying(200, 'null') },
  { name: 'a redirect', answer: saying(302, '{"admit":true}', { Location: 'http://127.0.0.1:1/' }) },
  { name: 'more than it may', answer: saying(200, `{"admit":true,"x":"${'x'.repeat(20_000)}"}`) },
  { name: 'a connection that breaks', answer: (_request, response) => response.destroy() },
  {
    name: 'silence',
    answer: () => {},
  },
  {
    name: 'an answer that never ends',
    answer: (_request, response) => {
      response.writeHead(200)
      response.write('{"admit":true')
    },
  },
]
for (const { name, answer } of noAnswers) {
  test(`a webhook that answers ${name} admits nobody: the device comes again`, async (t) => {
    const webhook = aWebhook(await anEndpoint(t, answer), { timeoutMs: 200 })
    const error: unknown = await webhook.decide(REQUEST).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof RegistryError)
    assert.equal(error.code, 'ERR_ADMISSION_UNDECIDED')
    assert.equal(error.retryAfterSeconds, 30)
  })
}

test('nobody listens: refused, admitted or told to come again, as the operator chose', async () => {
  const url = 'http://127.0.0.1:1/'
  await assert.rejects(aWebhook(url).decide(REQUEST), refusal('ERR_ADMISSION_UNDECIDED'))
  await assert.rejects(aWebhook(url, { fallback: 'refuse' }).decide(REQUEST), refusal('ERR_REGISTRATION_REFUSED'))
  assert.deepEqual(await aWebhook(url, { fallback: 'admit' }).decide(REQUEST), { tags: [] })
})

test('no is no, whatever the fallback', async (t) => {
  const url = await anEndpoint(t, saying(200, '{"admit":false}'))
  await assert.rejects(aWebhook(url, { fallback: 'admit' }).decide(REQUEST), refusal('ERR_REGISTRATION_REFUSED'))
})

test('the request says who asks, and is signed with the time it was made', async (t) => {
  const seen: { headers: IncomingMessage['headers']; body: string }[] = []
  const url = await anEndpoint(t, (request, response) => {
    void getRawBody(request, { encoding: 'utf-8' }).then((body) => {
      seen.push({ headers: request.headers, body })
      response.end('{"admit":true}')
    })
  })
  await aWebhook(url).decide(REQUEST)
  const [{ headers, body } = assert.fail('nothing was asked')] = seen
  assert.deepEqual(JSON.parse(body), { manufacturerId: 'A1-0001', tokenId: 'line-3', address: '192.0.2.7' })
  const seconds = Math.floor(NOW.getTime() / 1000)
  const mac = createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex')
  assert.equal(headers['mooring-signature'], `t=${seconds},v1=${mac}`)
})

test('a webhook that failed five times is left alone, and asked again by one device after a while', async (t) => {
  let asked = 0
  let healthy = false
  const url = await anEndpoint(t, (_request, response) => {
    asked++
    response.writeHead(healthy ? 200 : 503)
    response.end('{"admit":true}')
  })
  let now = 0
  const webhook = createAdmissionWebhook({
    url,
    secret: new Secret(SECRET),
    fallback: 'retry',
    log: memoryLog(),
    breaker: new CircuitBreaker(() => now),
  })
  for (let attempt = 0; attempt < 20; attempt++) await assert.rejects(webhook.decide(REQUEST))
  assert.equal(asked, 5)
  now += 30_000
  await assert.rejects(webhook.decide(REQUEST))
  await assert.rejects(webhook.decide(REQUEST))
  assert.equal(asked, 6)
  now += 30_000
  healthy = true
  const together = await Promise.allSettled(Array.from({ length: 5 }, () => webhook.decide(REQUEST)))
  assert.equal(together.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(asked, 7)
  await webhook.decide(REQUEST)
  assert.equal(asked, 8)
})

test(
  'sixty-four questions are under way at most; whoever comes then is told to come again at once',
  { timeout: 20_000 },
  async (t) => {
    const open: ServerResponse[] = []
    const url = await anEndpoint(t, (_request, response) => void open.push(response))
    const asked = async (questions: number): Promise<void> => {
      while (open.length < questions) await new Promise(setImmediate)
    }
    const webhook = aWebhook(url, { timeoutMs: 5_000 })
    const asking = Array.from({ length: 64 }, () => webhook.decide(REQUEST))
    await asked(64)
    await assert.rejects(webhook.decide(REQUEST), refusal('ERR_ADMISSION_UNDECIDED'))
    assert.equal(open.length, 64)
    for (const response of open) response.end('{"admit":true}')
    await Promise.all(asking)
    const later = webhook.decide(REQUEST)
    await asked(65)
    open[64]?.end('{"admit":true}')
    await later
  },
)

test('a registry in mode webhook asks it once for each new ID, and nobody without one', async (t) => {
  const registry = await aRegistry(t, { registrationMode: 'webhook' })
  const token = await aToken(registry)
  const register = (manufacturerId: string) => registry.registerDevice({ token, manufacturerId })
  await assert.rejects(register('A1'), refusal('ERR_ADMISSION_UNDECIDED'))
  let asked = 0
  const url = await anEndpoint(t, (_request, response) => {
    asked++
    response.end('{"admit":true}')
  })
  registry.admission.askThrough(aWebhook(url))
  const ended = await Promise.allSettled(Array.from({ length: 20 }, () => register('A1')))
  assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(asked, 1)
})
