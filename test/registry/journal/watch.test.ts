import assert from 'node:assert/strict'
import { decodeJwt } from 'jose'
import { test, type TestContext } from 'node:test'
import type { JournalEntry, LoginAttempt, RegistrationAttempt, Registry } from '../../../registry/index.ts'
import { aDevice, aRegistry, aToken } from '../../support/registry.ts'
import { Clock } from './support.ts'

async function aStage(t: TestContext) {
  const clock = new Clock()
  const registry = await aRegistry(t, { now: clock.now })
  return { clock, registry, device: await aDevice(registry) }
}

const anAttempt = (given: Partial<RegistrationAttempt>): RegistrationAttempt => ({
  address: '192.0.2.1',
  transport: 'http',
  latencyMs: 12.345,
  manufacturerId: 'A1-0001',
  token: undefined,
  deviceId: undefined,
  refusal: undefined,
  ...given,
})

const aLogin = (given: Partial<LoginAttempt>): LoginAttempt => ({
  address: '192.0.2.1',
  transport: 'tcp',
  clientId: 'c',
  accessKey: 'k',
  principal: undefined,
  takesOver: false,
  refusal: undefined,
  ...given,
})

/** Newest first, without what is different each time. */
async function entriesOf(registry: Registry): Promise<Partial<JournalEntry>[]> {
  const { entries } = await registry.journal.list({ limit: 100, filter: {} })
  return entries.map(({ seq: _seq, at: _at, hash: _hash, ...facts }) => facts)
}

test('a registration that was accepted is recorded with its token, its address and its time', async (t) => {
  const { registry, device } = await aStage(t)
  const token = await aToken(registry)
  const { deviceId } = device
  const tokenId = decodeJwt(token).jti
  assert.match(tokenId ?? '', /^tok_/)
  registry.attempts.registrationEnded.emit(anAttempt({ token, deviceId }))
  assert.deepEqual(await entriesOf(registry), [
    {
      kind: 'registration',
      result: 'accepted',
      deviceId,
      manufacturerId: 'A1-0001',
      tokenId,
      address: '192.0.2.1',
      transport: 'http',
      latencyMs: 12.3,
    },
  ])
})

test('a device that came back is recorded as that, with the reason, and explained so', async (t) => {
  const { registry, device } = await aStage(t)
  const { deviceId } = device
  registry.attempts.registrationEnded.emit(anAttempt({ deviceId, returned: 'until-first-use' }))
  const [entry] = await entriesOf(registry)
  assert.deepEqual(
    [entry?.kind, entry?.result, entry?.reason, entry?.deviceId],
    ['return', 'accepted', 'until-first-use', deviceId],
  )
  const { findings } = await registry.explain(deviceId)
  assert.match(findings.find(({ check }) => check === 'registration')?.text ?? '', /came back .*\(until-first-use\)/)
})

test('a login to the admin API is no CONNECT', async (t) => {
  const { registry } = await aStage(t)
  const caller = { kind: 'account', name: 'ops', address: '192.0.2.1' }
  const refused = {
    caller,
    operation: 'logIn',
    transport: 'http',
    refusal: { code: 'ERR_CREDENTIALS_INVALID' },
  } as const
  registry.attempts.adminRefused.emit({ ...refused, kind: 'login' })
  assert.equal((await registry.explain('192.0.2.1')).lastConnect, undefined)
})

test('a refused token is recorded with its ID and its times, and never with its text', async (t) => {
  const { registry, clock } = await aStage(t)
  const iat = Math.floor(clock.ms / 1000)
  const claims = { jti: 'factory-7', iat, exp: iat + 60 }
  const token = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
  const refusal = { code: 'ERR_REGISTRATION_TOKEN_INVALID', reason: 'signature verification failed' }
  registry.attempts.registrationEnded.emit(anAttempt({ token, refusal }))
  const [entry] = await entriesOf(registry)
  assert.deepEqual(
    [entry?.result, entry?.code, entry?.reason, entry?.tokenId, entry?.tokenTimes],
    ['refused', refusal.code, refusal.reason, 'factory-7', { iat, exp: iat + 60 }],
  )
  assert.doesNotMatch(JSON.stringify(entry), /eyJ|c2ln/)
})

test('nothing that was sent in place of a token keeps an attempt out of the journal', async (t) => {
  const { registry } = await aStage(t)
  const refusal = { code: 'ERR_REGISTRATION_TOKEN_INVALID' }
  const tokens = [undefined, null, 7, {}, '', 'a.b.c', 'x'.repeat(100_000), 'e30.e30.x']
  for (const [index, token] of tokens.entries()) {
    registry.attempts.registrationEnded.emit(anAttempt({ token, refusal, manufacturerId: `M${index}` }))
  }
  assert.equal((await entriesOf(registry)).length, tokens.length)
})

test('a refused login is recorded with the device whose key it used, and what was sent is cut', async (t) => {
  const { registry, device } = await aStage(t)
  const refusal = { code: 'ERR_CREDENTIALS_INVALID', reason: 'the access secret is wrong' }
  const { accessKey, deviceId } = device
  registry.attempts.loginEnded.emit(aLogin({ accessKey, refusal, clientId: 'x'.repeat(60_000) }))
  assert.deepEqual(await entriesOf(registry), [
    {
      kind: 'login',
      result: 'refused',
      code: refusal.code,
      reason: refusal.reason,
      deviceId,
      clientId: 'x'.repeat(256),
      accessKey,
      address: '192.0.2.1',
      transport: 'tcp',
    },
  ])
})

test('logins that were accepted are not recorded, except when there seem to be two of a device', async (t) => {
  const { registry, device } = await aStage(t)
  const { accessKey, deviceId } = device
  const principal = { kind: 'device', accessKey, deviceId } as const
  for (const address of ['192.0.2.1', '198.51.100.1', '192.0.2.1', '198.51.100.1', '192.0.2.1']) {
    registry.attempts.loginEnded.emit(aLogin({ address, principal, takesOver: true }))
  }
  assert.deepEqual(await entriesOf(registry), [
    {
      kind: 'clone',
      result: 'suspected',
      deviceId,
      manufacturerId: 'A1-0001',
      address: '192.0.2.1',
      otherAddress: '198.51.100.1',
      reason: 'connections from two places take the place of each other',
    },
  ])
})

test('a manufacturer ID that comes from a second place with a token that holds is suspected; without one it is not', async (t) => {
  const { registry, device } = await aStage(t)
  const token = await aToken(registry)
  registry.attempts.registrationEnded.emit(anAttempt({ token, deviceId: device.deviceId }))
  for (const [code, clones] of [
    ['ERR_REGISTRATION_TOKEN_INVALID', 0],
    ['ERR_DEVICE_ALREADY_REGISTERED', 1],
  ] as const) {
    registry.attempts.registrationEnded.emit(anAttempt({ token, refusal: { code }, address: '203.0.113.9' }))
    const found = (await entriesOf(registry)).filter(({ kind }) => kind === 'clone')
    assert.equal(found.length, clones, code)
  }
})

interface Case {
  readonly name: string
  readonly subject?: string
  readonly happen: (stage: Awaited<ReturnType<typeof aStage>>) => unknown
  readonly check: string
  readonly verdict: string
  readonly says: RegExp
}

const refusal = { code: 'ERR_CREDENTIALS_INVALID', reason: 'the access secret is wrong' }
const tlsFailure = { address: '192.0.2.1', transport: 'tls', reason: 'tlsv1 alert unknown ca' } as const

const claiming = (claims: object): string =>
  `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`

const explained: readonly Case[] = [
  {
    name: 'one that is disabled',
    happen: ({ registry }) => registry.devices.change('A1-0001', { kind: 'disable' }),
    check: 'device',
    verdict: 'blocks',
    says: /disabled/,
  },
  {
    name: 'one that nobody knows',
    subject: 'A1-9999',
    happen: () => {},
    check: 'device',
    verdict: 'blocks',
    says: /has not registered/,
  },
  {
    name: 'one whose secret is wrong',
    happen: ({ registry, device }) =>
      registry.attempts.loginEnded.emit(aLogin({ accessKey: device.accessKey, refusal })),
    check: 'connect',
    verdict: 'blocks',
    says: /192\.0\.2\.1 over tcp, was refused: the access secret is wrong/,
  },
  {
    name: 'one that came in after it had been refused',
    happen: ({ registry, clock, device: { accessKey, deviceId } }) => {
      registry.attempts.loginEnded.emit(aLogin({ accessKey, refusal }))
      clock.ms += 1_000
      const principal = { kind: 'device', accessKey, deviceId } as const
      registry.attempts.loginEnded.emit(aLogin({ accessKey, principal }))
    },
    check: 'connect',
    verdict: 'fine',
    says: /was accepted/,
  },
  {
    name: 'one that is registered already',
    happen: ({ registry }) =>
      registry.attempts.registrationEnded.emit(anAttempt({ refusal: { code: 'ERR_DEVICE_ALREADY_REGISTERED' } })),
    check: 'registration',
    verdict: 'warns',
    says: /registered already.*rotate its secret/,
  },
  {
    name: 'one whose token has expired',
    subject: 'A1-9999',
    happen: ({ registry, clock }) => {
      const token = claiming({ exp: clock.ms / 1000 - 3 * 86_400 })
      const attempt = { token, manufacturerId: 'A1-9999', refusal: { code: 'ERR_REGISTRATION_TOKEN_INVALID' } }
      registry.attempts.registrationEnded.emit(anAttempt(attempt))
    },
    check: 'clock',
    verdict: 'warns',
    says: /expired 3 days ago/,
  },
  {
    name: 'one whose token comes from the future',
    subject: 'A1-9999',
    happen: ({ registry, clock }) => {
      const token = claiming({ iat: clock.ms / 1000 + 7_200 })
      const attempt = { token, manufacturerId: 'A1-9999', refusal: { code: 'ERR_REGISTRATION_TOKEN_INVALID' } }
      registry.attempts.registrationEnded.emit(anAttempt(attempt))
    },
    check: 'clock',
    verdict: 'warns',
    says: /begins 2 hours from now/,
  },
  {
    name: 'one that does not trust our certificate, by the address it registered from',
    happen: ({ registry, device: { deviceId } }) => {
      registry.attempts.registrationEnded.emit(anAttempt({ deviceId }))
      registry.attempts.handshakeFailed.emit(tlsFailure)
    },
    check: 'tls',
    verdict: 'blocks',
    says: /does not trust the authority/,
  },
  {
    name: 'an address whose handshakes fail',
    subject: '192.0.2.1',
    happen: ({ registry }) => registry.attempts.handshakeFailed.emit(tlsFailure),
    check: 'tls',
    verdict: 'blocks',
    says: /does not trust the authority/,
  },
  {
    name: 'one whose key is being guessed at',
    happen: async ({ registry, device: { accessKey, deviceId } }) => {
      const guess = { clientId: deviceId, accessKey, accessSecret: 'wrong', address: '192.0.2.1' }
      await assert.rejects(registry.authenticate(guess))
    },
    check: 'throttle',
    verdict: 'warns',
    says: /the next try waits until 2026-03-01T00:00:00/,
  },
  {
    name: 'one that is quarantined',
    happen: ({ registry }) => registry.devices.change('A1-0001', { kind: 'quarantine' }),
    check: 'quarantine',
    verdict: 'warns',
    says: /hear its commands/,
  },
  {
    name: 'one that registers too often',
    subject: 'A1-9999',
    happen: ({ registry }) => {
      const tooOften = { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 90 }
      registry.attempts.registrationEnded.emit(anAttempt({ manufacturerId: 'A1-9999', refusal: tooOften }))
    },
    check: 'throttle',
    verdict: 'warns',
    says: /not before 2026-03-01T00:01:30/,
  },
  {
    name: 'one that waits for an operator',
    subject: 'A1-9999',
    happen: ({ registry }) => {
      const pending = { code: 'ERR_APPROVAL_PENDING', retryAfterSeconds: 60 }
      registry.attempts.registrationEnded.emit(anAttempt({ manufacturerId: 'A1-9999', refusal: pending }))
    },
    check: 'registration',
    verdict: 'blocks',
    says: /mooring approval list/,
  },
  {
    name: 'one that seems to be there twice',
    happen: ({ registry, device: { accessKey, deviceId } }) => {
      const principal = { kind: 'device', accessKey, deviceId } as const
      for (let index = 0; index < 12; index++) {
        registry.attempts.loginEnded.emit(aLogin({ principal, takesOver: true }))
      }
    },
    check: 'clone',
    verdict: 'warns',
    says: /may be two of it, from 192\.0\.2\.1/,
  },
]
for (const { name, subject = 'A1-0001', happen, check, verdict, says } of explained) {
  test(`explain says what keeps out ${name}`, async (t) => {
    const stage = await aStage(t)
    await happen(stage)
    const { findings } = await stage.registry.explain(subject)
    const finding = findings.find((one) => one.check === check)
    assert.equal(finding?.verdict, verdict)
    assert.match(finding?.text ?? '', says)
  })
}

test('explain finds a device by either ID and by its access key', async (t) => {
  const { registry, device } = await aStage(t)
  const attempt = aLogin({ accessKey: device.accessKey, refusal })
  registry.attempts.loginEnded.emit(attempt)
  for (const subject of [device.deviceId, 'A1-0001', device.accessKey]) {
    const { lastConnect } = await registry.explain(subject)
    assert.deepEqual([lastConnect?.accepted, lastConnect?.reason], [false, refusal.reason], subject)
  }
})

test('what is counted when the registry closes is in the journal', async (t) => {
  const { registry } = await aStage(t)
  for (let index = 0; index < 5; index++) registry.attempts.loginEnded.emit(aLogin({ refusal }))
  await registry.close()
  assert.deepEqual(
    (await entriesOf(registry)).map(({ count }) => count),
    [4, undefined],
  )
})
