import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceKey } from '../../registry/index.ts'
import { Secret } from '../../registry/index.ts'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate, hashesAtOnce } from '../../registry/hash-gate.ts'
import type { Principal } from '../../registry/principal.ts'
import { VerifiedSecrets } from '../../registry/verified-secrets.ts'

test('hashing never takes the whole thread pool from the store', () => {
  const cases: [threads: number, cores: number, atOnce: number][] = [
    [4, 1, 1],
    [4, 2, 2],
    [6, 2, 4],
    [4, 8, 2],
    [12, 8, 10],
    [20, 8, 16],
    [1, 4, 1],
  ]
  for (const [threads, cores, atOnce] of cases) assert.equal(hashesAtOnce(threads, cores), atOnce)
})

test('no more hashes run at once than the gate allows, and all of them run', async () => {
  const gate = new HashGate(3, 100)
  let running = 0
  let most = 0
  const hash = async (): Promise<void> => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
  }
  await Promise.all(Array.from({ length: 50 }, () => gate.run(hash)))
  assert.equal(most, 3)
  assert.equal(gate.backlogMs < 1000, true)
})

test('a hash that fails gives its place to the next', async () => {
  const gate = new HashGate(1, 10)
  const failing = gate.run(() => Promise.reject(new Error('out of memory')))
  const next = gate.run(() => Promise.resolve('hashed'))
  await assert.rejects(failing, /out of memory/)
  assert.equal(await next, 'hashed')
})

test('the gate turns away what would wait beyond its bound', async () => {
  const gate = new HashGate(1, 1)
  const finish: (() => void)[] = []
  const first = gate.run(() => new Promise<void>((resolve) => finish.push(resolve)))
  const second = gate.run(() => Promise.resolve())
  await assert.rejects(
    gate.run(() => Promise.resolve()),
    { code: 'ERR_BUSY' },
  )
  finish[0]?.()
  await Promise.all([first, second])
})

test('the longer the queue the longer the expected wait', async () => {
  let now = 0
  const gate = new HashGate(2, 1000, () => now)
  assert.equal(gate.backlogMs, 0)
  const finish: (() => void)[] = []
  const hashes = Array.from({ length: 100 }, () => gate.run(() => new Promise<void>((resolve) => finish.push(resolve))))
  assert.ok(gate.backlogMs > 10)
  while (finish.length > 0) {
    now += 10
    for (const done of finish.splice(0)) done()
    await new Promise(setImmediate)
  }
  await Promise.all(hashes)
  assert.equal(gate.backlogMs, 0)
})

const keyWith = (secretHash: string): DeviceKey => ({
  kind: 'device',
  accessKey: 'key',
  deviceId: '0'.repeat(24),
  secretHash,
  description: '',
  createdAt: '',
  disabled: false,
})

test('an unknown key costs a hash like a wrong secret', async () => {
  const gate = new HashGate(2, 100)
  let hashes = 0
  const run = gate.run.bind(gate)
  gate.run = (hash) => {
    hashes++
    return run(hash)
  }
  const credentials = new Credentials(gate)
  const key = keyWith(await credentials.hashGenerated(new Secret('right')))
  hashes = 0
  assert.equal(await credentials.verify(key, 'key', 'wrong'), false)
  assert.equal(hashes, 1)
  assert.equal(await credentials.verify(undefined, 'unknown', 'wrong'), false)
  assert.equal(hashes, 2)
  assert.equal(await credentials.verify(undefined, 'unknown', 'no access key has this secret'), false)
})

test('the same question asked fifty times at once costs one hash', async () => {
  const gate = new HashGate(2, 100)
  const credentials = new Credentials(gate)
  const key = keyWith(await credentials.hashGenerated(new Secret('right')))
  let hashes = 0
  const run = gate.run.bind(gate)
  gate.run = (hash) => {
    hashes++
    return run(hash)
  }
  const answers = await Promise.all(Array.from({ length: 50 }, () => credentials.verify(key, 'key', 'right')))
  assert.ok(answers.every((answer) => answer))
  assert.equal(hashes, 1)
})

const principalOf = (accessKey: string): Principal => ({
  kind: 'device',
  accessKey,
  deviceId: `device of ${accessKey}`,
})

test('the cache holds what was verified, no more than its capacity, and gives up the least used first', () => {
  const verified = new VerifiedSecrets(2)
  const add = (key: string): void => verified.add(key, verified.digest(key, 'secret'), principalOf(key))
  const has = (key: string): boolean => {
    const found = verified.find(key, verified.digest(key, 'secret'))
    if (found !== undefined) assert.deepEqual(found, principalOf(key))
    return found !== undefined
  }
  add('one')
  add('two')
  assert.equal(has('one'), true)
  add('three')
  assert.deepEqual([has('one'), has('two'), has('three')], [true, false, true])
  assert.equal(verified.find('one', verified.digest('one', 'other')), undefined)
  verified.forget('one')
  assert.equal(has('one'), false)
})

test('two processes keep different digests of the same secret', () => {
  const [one, two] = [new VerifiedSecrets(1), new VerifiedSecrets(1)]
  assert.notDeepEqual(one.digest('key', 'secret'), two.digest('key', 'secret'))
})
