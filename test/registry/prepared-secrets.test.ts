import assert from 'node:assert/strict'
import { once } from 'node:events'
import { MemoryLevel } from 'memory-level'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { Secret, type Registry } from '../../registry/index.ts'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate } from '../../registry/hash-gate.ts'
import {
  PreparedSecrets,
  surroundingsOf,
  type HashedSecret,
  type Surroundings,
} from '../../registry/prepared-secrets.ts'
import { memoryLog } from '../support/log.ts'
import { aRegistry, aToken, memoryDatabase } from '../support/registry.ts'

/** Surroundings that a test moves by hand. */
class ByHand implements Surroundings {
  quiet = Infinity
  busy = 0
  clock = 0
  waits: number[] = []
  #then: (() => void) | undefined

  readonly quietMs = (): number => this.quiet
  readonly load = (): number => this.busy
  readonly now = (): number => this.clock
  readonly after = (ms: number, then: () => void): (() => void) => {
    assert.equal(this.#then, undefined, 'one thing at a time')
    this.waits.push(ms)
    this.#then = then
    return () => (this.#then = undefined)
  }

  get isWaiting(): boolean {
    return this.#then !== undefined
  }

  /** Lets the time pass that is waited for. */
  async pass(): Promise<void> {
    this.clock += this.waits.at(-1) ?? 0
    const then = this.#then
    this.#then = undefined
    then?.()
    await new Promise(setImmediate)
  }
}

/** Always calm: as fast as hashes go. */
let passed = 0
const calm: Surroundings = {
  quietMs: () => Infinity,
  load: () => 0,
  now: () => (passed += 10_000),
  after: (_ms, then) => {
    const soon = setImmediate(then)
    return () => clearImmediate(soon)
  },
}

/** Names its secrets `1`, `2`, … */
function counting(): () => Promise<HashedSecret> {
  let made = 0
  return async () => ({ secret: new Secret(`${++made}`), hash: `hash of ${made}` })
}

async function filled(credentials: Credentials, count: number): Promise<void> {
  while (credentials.preparedSecrets < count) await new Promise(setImmediate)
}

/** A registry in which `count` secrets are ready. */
async function stocked(t: TestContext, count: number): Promise<{ registry: Registry; gate: HashGate }> {
  const gate = new HashGate(2, 10_000)
  let isFull = false
  const untilFull: Surroundings = { ...calm, load: () => (isFull ? 1 : 0) }
  const credentials = new Credentials(gate, 10_000, count, untilFull)
  t.after(() => credentials.close())
  const registry = await aRegistry(t, { credentials })
  await filled(credentials, count)
  isFull = true
  return { registry, gate }
}

const idle: readonly { name: string; disturb: (around: ByHand) => void }[] = [
  { name: 'somebody waits for a hash', disturb: (around) => (around.quiet = 0) },
  { name: 'somebody waited for one less than a second ago', disturb: (around) => (around.quiet = 999) },
  { name: 'the event loop is at work more than half of the time', disturb: (around) => (around.busy = 0.51) },
]

for (const { name, disturb } of idle) {
  test(`nothing is made ahead while ${name}, and everything once it is over`, async () => {
    const around = new ByHand()
    const prepared = new PreparedSecrets(3, counting(), around)
    await around.pass()
    assert.equal(prepared.size, 1)
    disturb(around)
    around.clock += 12
    for (let looks = 0; looks < 5; looks++) await around.pass()
    assert.equal(prepared.size, 1)
    assert.deepEqual(around.waits.slice(-4), [1000, 1000, 1000, 1000])
    Object.assign(around, { quiet: Infinity, busy: 0 })
    await around.pass()
    await around.pass()
    assert.equal(prepared.size, 3)
  })
}

test('nothing is made ahead while devices register, until a second after the last', async () => {
  const around = new ByHand()
  const prepared = new PreparedSecrets(3, counting(), around)
  await around.pass()
  around.clock += 1
  assert.notEqual(prepared.take(), undefined)
  await around.pass()
  assert.equal(prepared.size, 0)
  await around.pass()
  assert.equal(prepared.size, 1)
})

const paces = [
  { busy: 0, most: 2051, waits: [5000, 1, 1] },
  { busy: 0, most: 2050, waits: [5000, 1, 12] },
  { busy: 0.3, most: 2051, waits: [5000, 12, 12] },
]
for (const { busy, most, waits } of paces) {
  test(`of ${most} secrets some are made after ${waits.join(', ')} ms at a load of ${busy}`, async () => {
    const around = new ByHand()
    around.busy = busy
    const prepared = new PreparedSecrets(most, counting(), around)
    for (let passes = 0; passes < 3; passes++) await around.pass()
    assert.equal(prepared.size, 3)
    assert.deepEqual(around.waits.slice(0, 3), waits)
  })
}

test('one at a time is made, some seconds after the start, and nothing is looked at once there are enough', async () => {
  const around = new ByHand()
  const prepared = new PreparedSecrets(3, counting(), around)
  for (let passes = 0; passes < 3; passes++) await around.pass()
  assert.equal(prepared.size, 3)
  assert.deepEqual(around.waits, [5000, 12, 12])
  assert.equal(around.isWaiting, false)
  prepared.take()
  assert.equal(around.isWaiting, true)
})

test('each is given away once, and whoever comes when there is none is told so', async () => {
  const around = new ByHand()
  const prepared = new PreparedSecrets(3, counting(), around)
  for (let passes = 0; passes < 3; passes++) await around.pass()
  const taken = Array.from({ length: 4 }, () => prepared.take())
  assert.equal(taken[3], undefined)
  const pairs = taken.slice(0, 3).map((one) => `${one?.secret.reveal()}: ${one?.hash}`)
  assert.deepEqual(pairs.toSorted(), ['1: hash of 1', '2: hash of 2', '3: hash of 3'])
})

test('a secret that cannot be hashed is tried again later, and nobody is bothered', async () => {
  const around = new ByHand()
  let failures = 2
  const make = counting()
  const prepared = new PreparedSecrets(1, () => (failures-- > 0 ? Promise.reject(new Error('memory')) : make()), around)
  for (let passes = 0; passes < 3; passes++) await around.pass()
  assert.equal(prepared.size, 1)
  assert.deepEqual(around.waits, [5000, 1000, 1000])
})

test('at the end they are forgotten, the one that is being made too', async () => {
  const around = new ByHand()
  const underWay: ((one: HashedSecret) => void)[] = []
  const make = (): Promise<HashedSecret> => new Promise((resolve) => underWay.push(resolve))
  const prepared = new PreparedSecrets(2, make, around)
  await around.pass()
  underWay[0]?.({ secret: new Secret('1'), hash: '' })
  await new Promise(setImmediate)
  assert.equal(prepared.size, 1)
  await around.pass()
  prepared.close()
  underWay[1]?.({ secret: new Secret('2'), hash: '' })
  await new Promise(setImmediate)
  assert.equal(prepared.size, 0)
  assert.equal(prepared.take(), undefined)
  assert.equal(around.isWaiting, false)
})

test('they are not shown, however they are looked at', async (t) => {
  const gate = new HashGate(2, 10)
  const credentials = new Credentials(gate, 10, 2, calm)
  t.after(() => credentials.close())
  await filled(credentials, 2)
  const shown = inspect(credentials, { depth: 10, showHidden: true }) + JSON.stringify(credentials)
  const minted = await credentials.mintSecret()
  const looked = inspect(minted, { depth: 10, showHidden: true }) + JSON.stringify(minted)
  assert.match(looked, /\[secret\]/)
  assert.doesNotMatch(shown + looked, new RegExp(minted.secret.reveal()))
})

test('200 devices at once and fewer secrets than that: all register, each has its own and logs in with it', async (t) => {
  const { registry } = await stocked(t, 50)
  assert.equal(registry.preparedSecrets(), 50)
  const token = await aToken(registry)
  const devices = await Promise.all(
    Array.from({ length: 200 }, (_, index) => registry.registerDevice({ token, manufacturerId: `A1-${index}` })),
  )
  assert.equal(registry.preparedSecrets(), 0)
  const secrets = new Set(devices.map(({ accessSecret }) => accessSecret.reveal()))
  assert.equal(secrets.size, 200)
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{64}$/)
  for (const { deviceId, accessKey, accessSecret } of devices) {
    const presented = { clientId: deviceId, accessKey, accessSecret: accessSecret.reveal(), address: '127.0.0.1' }
    assert.equal((await registry.authenticate(presented)).accessKey, accessKey)
  }
})

test('a registration with a secret that was ready asks for no hash', async (t) => {
  const { registry, gate } = await stocked(t, 2)
  const token = await aToken(registry)
  let hashes = 0
  const run = gate.run.bind(gate)
  gate.run = (hash) => {
    hashes++
    return run(hash)
  }
  for (const manufacturerId of ['A1', 'A2']) await registry.registerDevice({ token, manufacturerId })
  assert.equal(hashes, 0)
  await registry.registerDevice({ token, manufacturerId: 'A3' })
  assert.equal(hashes, 1)
})

test('what is made ahead is nowhere in the store and in no line of the log', async (t) => {
  const level = new MemoryLevel()
  const log = memoryLog()
  const credentials = new Credentials(new HashGate(2, 10), 10, 3, calm)
  t.after(() => credentials.close())
  await aRegistry(t, { credentials, log, database: memoryDatabase(level) })
  await filled(credentials, 3)
  const kept = JSON.stringify([await level.iterator().all(), log.lines])
  const { secret, hash } = await credentials.mintSecret()
  assert.equal(kept.includes(secret.reveal()) || kept.includes(hash), false)
})

test('a hash that nobody waits for runs alone, makes nobody wait on two cores, and is not counted', async () => {
  let now = 0
  const gate = new HashGate(2, 0, () => now)
  const finish: (() => void)[] = []
  const slow = (): Promise<void> => new Promise((resolve) => finish.push(resolve))
  const login = gate.run(slow)
  assert.equal(gate.runAside(slow), undefined)
  assert.equal(gate.quietMs, 0)
  finish[0]?.()
  await login
  now = 5
  assert.equal(gate.quietMs, 5)

  const aside = gate.runAside(slow)
  assert.equal(gate.runAside(slow), undefined)
  assert.equal(gate.backlogMs, 0)
  assert.equal(await gate.run(async () => 'at once'), 'at once')
  now = 1_000_000
  finish[1]?.()
  await aside
  const hashes = [gate.run(slow), gate.run(slow)]
  assert.ok(gate.backlogMs <= 1)
  for (const done of finish.splice(2)) done()
  await Promise.all(hashes)
})

test('on one core a login waits for that one hash at most', async () => {
  const gate = new HashGate(1, 1)
  const finish: (() => void)[] = []
  const aside = gate.runAside(() => new Promise<void>((resolve) => finish.push(resolve)))
  const login = gate.run(async () => 'in')
  assert.equal(
    gate.runAside(async () => {}),
    undefined,
  )
  finish[0]?.()
  await aside
  assert.equal(await login, 'in')
})

test('a process tells how much its event loop has to do, since the last time it was asked', async () => {
  const surroundings = surroundingsOf({ quietMs: 7 })
  assert.equal(surroundings.quietMs(), 7)
  surroundings.load()
  const until = performance.now() + 20
  while (performance.now() < until);
  assert.ok(surroundings.load() > 0.9)
  const waits = new AbortController()
  const waited = once(waits.signal, 'abort')
  setTimeout(() => waits.abort(), 50)
  await waited
  assert.ok(surroundings.load() < 0.9)
})
