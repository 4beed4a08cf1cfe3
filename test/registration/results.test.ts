import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegistrationResult } from '../../registration/index.ts'
import { RegistryError, Signal, type Registry } from '../../registry/index.ts'
import { mint } from '../contract/registration-cases.ts'
import { ask } from '../contract/registration-door.ts'
import { aDoor, aRawClient, validToken } from './support.ts'

const aSignal = () => {
  const results: RegistrationResult[] = []
  const registrationEnded = new Signal<RegistrationResult>((error) => assert.fail(String(error)))
  registrationEnded.on((result) => results.push(result))
  return { results, registrationEnded }
}

const failsWith = (error: unknown): Pick<Registry, 'registerDevice'> => ({
  registerDevice: async () => {
    throw error
  },
})

const body = (manufacturerId: unknown, token: unknown = validToken()) => ({
  body: JSON.stringify({ token, manufacturerId }),
})

const refusals = [
  { result: 'missing_id', request: body('') },
  { result: 'bad_token', request: body('A1', mint('another secret of at least thirty-two bytes', { iss: 'x' })) },
  { result: 'bad_request', request: { body: '{' } },
  { result: 'bad_request', request: { ...body('A1'), headers: { 'content-type': 'text/plain' } } },
  { result: 'busy', request: body('A1'), registry: failsWith(new RegistryError('ERR_BUSY', 'Later.')) },
  {
    result: 'fault',
    request: body('A1'),
    registry: failsWith(new RegistryError('ERR_STORE_UNAVAILABLE', 'Later.')),
  },
  { result: 'fault', request: body('A1'), registry: failsWith(new Error('the disk is full')) },
] as const
for (const [index, { result, request, ...parts }] of refusals.entries()) {
  test(`a registration that is refused is told as ${result} (case ${index + 1})`, async (t) => {
    const { results, registrationEnded } = aSignal()
    const door = await aDoor(t, { ...parts, registrationEnded })
    assert.notEqual((await ask(door, request)).status, 200)
    assert.deepEqual(results, [result])
  })
}

test('a request whose body never comes whole is told as bad_request', { timeout: 10_000 }, async (t) => {
  const results: RegistrationResult[] = []
  const registrationEnded = new Signal<RegistrationResult>((error) => assert.fail(String(error)))
  const told = new Promise<void>((resolve) => {
    registrationEnded.on((result) => {
      results.push(result)
      resolve()
    })
  })
  const client = await aRawClient(t, await aDoor(t, { registrationEnded }))
  client.socket.end(
    'POST /api/register-device HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  )
  await told
  assert.deepEqual(results, ['bad_request'])
})

test('one that succeeds is told as created, its repetition as exists, and other paths and methods are not told', async (t) => {
  const { results, registrationEnded } = aSignal()
  const door = await aDoor(t, { registrationEnded })
  await ask(door, { method: 'GET', headers: {} })
  await ask(door, { path: '/livez', method: 'GET', headers: {} })
  assert.equal((await ask(door, body('A1'))).status, 200)
  assert.equal((await ask(door, body('A1'))).status, 403)
  assert.deepEqual(results, ['created', 'exists'])
})

test('a listener that fails costs no device its credentials', async (t) => {
  const faults: unknown[] = []
  const registrationEnded = new Signal<RegistrationResult>((error) => faults.push(error))
  registrationEnded.on(() => assert.fail('a listener of ours'))
  const door = await aDoor(t, { registrationEnded })
  assert.equal((await ask(door, body('A1'))).status, 200)
  assert.equal(faults.length, 1)
})
