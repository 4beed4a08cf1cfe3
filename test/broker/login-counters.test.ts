import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryError } from '../../registry/index.ts'
import { aBroker } from './support/broker.ts'
import { asDevice, dial, topicOf } from './support/wire.ts'

const NONE = { bad_credentials: 0, not_allowed: 0, busy: 0, fault: 0 }

const will = { topic: topicOf(2, 'state'), payload: Buffer.from('gone'), qos: 0, retain: false } as const

const refusals = [
  { refusal: 'bad_credentials', connect: asDevice(1, { password: Buffer.from('wrong') }) },
  { refusal: 'not_allowed', connect: asDevice(1, { will }) },
  { refusal: 'busy', connect: asDevice(1), error: new RegistryError('ERR_BUSY', 'Too many logins.') },
  { refusal: 'fault', connect: asDevice(1), error: new RegistryError('ERR_STORE_UNAVAILABLE', 'Later.') },
  { refusal: 'fault', connect: asDevice(1), error: new Error('disk') },
] as const
for (const { refusal, connect, ...failing } of refusals) {
  test(`a login that is refused is counted as ${refusal}, and as nothing else`, async (t) => {
    const authenticate = (): Promise<never> => Promise.reject('error' in failing ? failing.error : undefined)
    const broker = await aBroker(t, 'error' in failing ? { authenticate } : {})
    const client = dial(broker)
    await client.login(connect)
    await client.closed
    const { logins, loginsRefused } = broker.counters()
    assert.deepEqual({ logins, loginsRefused }, { logins: 0, loginsRefused: { ...NONE, [refusal]: 1 } })
  })
}

test('a login that is let through is counted once, and no refusal with it', async (t) => {
  const broker = await aBroker(t)
  await broker.device(1)
  const { logins, loginsRefused } = broker.counters()
  assert.deepEqual({ logins, loginsRefused }, { logins: 1, loginsRefused: NONE })
})
