import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate } from '../../registry/hash-gate.ts'
import { TL_GENERATOR, type ComingBack, type DeviceCredentials, type Registry } from '../../registry/index.ts'
import { StoreUnavailable, type WriteOperation } from '../../storage/index.ts'
import { aRegistry, aToken, memoryDatabase } from '../support/registry.ts'

const register = (registry: Registry, token: string, manufacturerId = 'A1') =>
  registry.registerDevice({ token, manufacturerId, address: '10.1.2.3' })

const logIn = (registry: Registry, { deviceId, accessKey, accessSecret }: DeviceCredentials) =>
  registry.authenticate({ clientId: deviceId, accessKey, accessSecret: accessSecret.reveal(), address: '10.1.2.3' })

const TAKEN = { code: 'ERR_DEVICE_ALREADY_REGISTERED', message: 'Device already registered.' }
const BAD = { code: 'ERR_CREDENTIALS_INVALID' }

/** A registry whose clock the test sets, and a token. */
async function aFleet(t: TestContext, comingBack?: ComingBack) {
  let at = new Date('2026-01-01T00:00:00Z')
  const registry = await aRegistry(t, { now: () => at })
  const token = await aToken(registry, comingBack === undefined ? {} : { comingBack })
  const later = (seconds: number): void => void (at = new Date(at.getTime() + seconds * 1000))
  return { registry, token, later }
}

for (const policy of [undefined, 'never'] as const) {
  test(`a device whose token says ${policy ?? 'nothing'} does not come back`, async (t) => {
    const { registry, token } = await aFleet(t, policy)
    const first = await register(registry, token)
    await assert.rejects(register(registry, token), TAKEN)
    await logIn(registry, first)
  })
}

for (const policy of ['until-first-use', 'always-rotate'] as const) {
  test(`with ${policy} whoever holds another token does not take the place of a device`, async (t) => {
    const { registry, token } = await aFleet(t, policy)
    const first = await register(registry, token)
    await assert.rejects(register(registry, await aToken(registry, { comingBack: policy })), TAKEN)
    await logIn(registry, first)
  })

  test(`with ${policy} a disabled device does not come back`, async (t) => {
    const { registry, token } = await aFleet(t, policy)
    await register(registry, token)
    await registry.devices.change('A1', { kind: 'disable' })
    await assert.rejects(register(registry, token), TAKEN)
  })

  test(`with ${policy} a device that lost the answer gets fresh credentials, and the old ones die`, async (t) => {
    const { registry, token } = await aFleet(t, policy)
    const returned: unknown[] = []
    registry.deviceReturned.on(({ device, reason, address }) => returned.push([device.manufacturerId, reason, address]))
    const first = await register(registry, token)
    const before = registry.devices.get('A1')
    const second = await register(registry, token)
    assert.equal(second.deviceId, first.deviceId)
    assert.equal(second.returned, policy)
    await assert.rejects(logIn(registry, first), BAD)
    await logIn(registry, second)
    assert.deepEqual(registry.devices.get('A1'), before)
    assert.deepEqual(returned, [['A1', policy, '10.1.2.3']])
    assert.equal((await registry.devices.list({ filter: {}, limit: 10 })).devices.length, 1)
  })
}

test('with until-first-use nobody gets credentials once the device has logged in, also after a restart', async (t) => {
  const database = memoryDatabase()
  const registry = await aRegistry(t, { database })
  const token = await aToken(registry, { comingBack: 'until-first-use' })
  const first = await register(registry, token)
  await logIn(registry, first)
  await assert.rejects(register(registry, token), TAKEN)
  const again = await aRegistry(t, { database })
  await assert.rejects(register(again, token), TAKEN)
  await logIn(again, first)
})

test('a failed login confirms nothing', async (t) => {
  const { registry, token } = await aFleet(t, 'until-first-use')
  const first = await register(registry, token)
  const second = await register(registry, token)
  await assert.rejects(logIn(registry, first), BAD)
  const third = await register(registry, token)
  await assert.rejects(logIn(registry, second), BAD)
  await logIn(registry, third)
})

test('a first login and a registration at the same moment: one of them wins, and the device is never locked out', async (t) => {
  const { registry, token, later } = await aFleet(t, 'until-first-use')
  for (let round = 0; round < 20; round++) {
    later(3600)
    const id = `device ${round}`
    const first = await register(registry, token, id)
    const [login, again] = await Promise.allSettled([logIn(registry, first), register(registry, token, id)])
    if (again.status === 'fulfilled') {
      await assert.rejects(logIn(registry, first), BAD)
      await logIn(registry, again.value)
    } else {
      assert.equal(again.reason.code, TAKEN.code)
      assert.equal(login.status, 'fulfilled')
      await assert.rejects(register(registry, token, id), TAKEN)
    }
  }
})

test('of many registrations of a device at once the last credentials hold, and there is one device', async (t) => {
  const { registry, token } = await aFleet(t, 'always-rotate')
  await register(registry, token)
  const answers = await Promise.allSettled(Array.from({ length: 50 }, () => register(registry, token)))
  const given = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const logins = await Promise.allSettled(given.map((credentials) => logIn(registry, credentials)))
  assert.equal(given.length, 3)
  assert.equal(logins.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a device that comes back too often is told when to come again', async (t) => {
  const { registry, token, later } = await aFleet(t, 'always-rotate')
  await register(registry, token)
  for (let index = 0; index < 3; index++) await register(registry, token)
  await assert.rejects(register(registry, token), { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 60 })
  await register(registry, token, 'A2')
  later(59)
  await assert.rejects(register(registry, token), { code: 'ERR_RATE_LIMITED', retryAfterSeconds: 1 })
  later(1)
  await register(registry, token)
})

test('coming back costs no use of the token', async (t) => {
  const registry = await aRegistry(t)
  const token = await aToken(registry, { comingBack: 'always-rotate', maxRegistrations: 1 })
  await register(registry, token)
  await register(registry, token)
  const { id } = registry.tokens.records.at(-1) ?? {}
  assert.equal((await registry.tokens.get(id ?? '')).uses, 1)
})

test('a window lets a device register with any token that holds, until it has logged in or the time is over', async (t) => {
  const { registry, token, later } = await aFleet(t)
  const first = await register(registry, token)
  await logIn(registry, first)
  await assert.rejects(registry.readmitDevice('A9', 60), { code: 'ERR_NOT_FOUND' })
  await registry.readmitDevice('A1', 1800)
  // The old credentials work as long as nobody has used the window.
  await logIn(registry, first)
  const other = await aToken(registry)
  const second = await register(registry, other)
  assert.deepEqual([second.deviceId, second.returned], [first.deviceId, 'window'])
  await assert.rejects(logIn(registry, first), BAD)
  // That answer was lost, too.
  const third = await register(registry, other)
  await logIn(registry, third)
  await assert.rejects(register(registry, other), TAKEN)

  await registry.readmitDevice(first.deviceId, 1800)
  later(1800)
  await assert.rejects(register(registry, other), TAKEN)
  await logIn(registry, third)
})

test('a window opens for every device with a tag, and for no other', async (t) => {
  const registry = await aRegistry(t)
  const line3 = await aToken(registry, { tags: [{ key: 'line', value: '3' }] })
  const others = await aToken(registry, { tags: [{ key: 'line', value: '33' }] })
  for (let index = 0; index < 5; index++) await register(registry, line3, `three ${index}`)
  await register(registry, others, 'other')
  assert.equal(await registry.readmitDevices({ key: 'line', value: '3' }, 60), 5)
  for (let index = 0; index < 5; index++) await register(registry, line3, `three ${index}`)
  await assert.rejects(register(registry, others, 'other'), TAKEN)
})

test('a recipe says whether its devices come back, and a token says otherwise', async (t) => {
  const registry = await aRegistry(t, { recipe: { ...TL_GENERATOR, comingBack: 'always-rotate' } })
  const asTheRecipe = await aToken(registry)
  await register(registry, asTheRecipe, 'A1')
  await register(registry, asTheRecipe, 'A1')
  const never = await aToken(registry, { comingBack: 'never' })
  await register(registry, never, 'A2')
  await assert.rejects(register(registry, never, 'A2'), TAKEN)
})

test('what an operator does meanwhile is not undone by a device that comes back', async (t) => {
  const { registry, token, later } = await aFleet(t, 'always-rotate')
  await register(registry, token)
  for (let round = 0; round < 10; round++) {
    later(3600)
    const [again] = await Promise.allSettled([
      register(registry, token),
      registry.devices.change('A1', { kind: 'disable' }),
    ])
    assert.equal(registry.devices.get('A1').disabled, true)
    if (again.status === 'fulfilled') await assert.rejects(logIn(registry, again.value), BAD)
    await registry.devices.change('A1', { kind: 'enable' })
  }
})

test('a first login that cannot be noted is refused, for the device could be replaced after it', async (t) => {
  const { level, writer: real } = memoryDatabase()
  let fails = false
  const writer = {
    write: (operations: readonly WriteOperation[]) =>
      fails ? Promise.reject(new StoreUnavailable(new Error('No space left on device'))) : real.write(operations),
  }
  const registry = await aRegistry(t, { database: { level, writer } })
  const token = await aToken(registry, { comingBack: 'until-first-use' })
  const first = await register(registry, token)
  fails = true
  await assert.rejects(logIn(registry, first), { code: 'ERR_STORE_UNAVAILABLE' })
  fails = false
  await logIn(registry, first)
  await assert.rejects(register(registry, token), TAKEN)
})

for (const kind of ['disable', 'quarantine'] as const) {
  test(`a first login that waits behind a ${kind} is what the device is afterwards, then and later`, async (t) => {
    const database = memoryDatabase()
    let held: Promise<void> | undefined
    const writer = {
      write: async (operations: readonly WriteOperation[]) => {
        await held
        await database.writer.write(operations)
      },
    }
    const credentials = new ObservedCredentials()
    const registry = await aRegistry(t, { database: { ...database, writer }, credentials })
    const first = await register(registry, await aToken(registry, { comingBack: 'until-first-use' }))

    const gate = new EventEmitter()
    held = once(gate, 'open').then(() => {})
    const changed = registry.devices.change('A1', { kind })
    const login = logIn(registry, first).catch((error: unknown) => error)
    await credentials.verified
    await new Promise(setImmediate)
    gate.emit('open')
    await changed

    const expected = kind === 'disable' ? BAD.code : true
    assert.equal(outcomeOf(await login), expected)
    assert.equal(outcomeOf(await logIn(registry, first).catch((error: unknown) => error)), expected)
  })
}

/** Why a login was refused, or whether it is quarantined. */
function outcomeOf(result: unknown): unknown {
  const { code, quarantined }: { code?: unknown; quarantined?: unknown } = Object(result)
  return code ?? quarantined
}

/** Tells when a secret was checked. */
class ObservedCredentials extends Credentials {
  readonly verified: Promise<void>
  #told = (): void => {}

  constructor() {
    super(new HashGate(2, 100))
    this.verified = new Promise((resolve) => (this.#told = resolve))
  }

  override async verify(...question: Parameters<Credentials['verify']>): Promise<boolean> {
    const isRight = await super.verify(...question)
    this.#told()
    return isRight
  }
}
