import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Aedes } from 'aedes'
import type { AedesHooks, AedesPersistence, PublishPacket } from '../../broker/aedes-internals.d.ts'
import { Calls, FakeMq, FakePersistence, type FakeClient, deliver, aStage, message, ID } from './support/aedes-stage.ts'

/**
 * What broker/aedes.ts and aedes-internals.d.ts say of Aedes, tried on the package itself: most of it is no documented
 * API. When one of these fails after an update, those two files are no longer true.
 */

test('the version is the one that all of this was read in, and nothing but it can be installed', async (t) => {
  const { aedes } = await aStage(t)
  assert.equal((aedes as unknown as { version: string }).version, '1.2.0')
  const own = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> }
  assert.equal(own.dependencies['aedes'], '1.2.0')
})

test('`handle` is a property of the broker, and another can take its place', async (t) => {
  const { aedes } = await aStage(t)
  const { writable, value } = Object.getOwnPropertyDescriptor(aedes, 'handle') ?? {}
  assert.equal(writable, true)
  assert.equal(typeof value, 'function')
})

test('hooks are taken from the options as they are, and are properties of the broker', async (t) => {
  const hooks = {
    preConnect: () => {},
    authenticate: () => {},
    authorizePublish: () => {},
    authorizeSubscribe: () => {},
    authorizeForward: () => null,
    published: () => {},
  } satisfies Partial<AedesHooks<FakeClient>>
  const { aedes } = await aStage(t, hooks)
  for (const [name, hook] of Object.entries(hooks)) {
    assert.ok(Object.hasOwn(aedes, name), name)
    assert.equal(Reflect.get(aedes, name), hook, name)
  }
})

test('without them every gate is open, which is why all of them are given', async (t) => {
  const { aedes, client } = await aStage(t)
  const answers: unknown[] = []
  aedes.authenticate(client('one'), undefined, undefined, (error, goes) => answers.push(error, goes))
  aedes.authorizeSubscribe(client('one'), { topic: '#', qos: 0 }, (error, granted) => answers.push(error, granted))
  assert.deepEqual(answers, [null, true, null, { topic: '#', qos: 0 }])
})

test('the parts are the ones that were given, under the names that we read', async (t) => {
  const { aedes, mq, persistence } = await aStage(t)
  assert.equal(aedes.id, ID)
  assert.equal(aedes.closed, false)
  assert.equal(aedes.connectedClients, 0)
  assert.equal(Reflect.get(aedes, 'mq'), mq)
  assert.equal(aedes.persistence, persistence)
  assert.equal(aedes.opts.connectTimeout, 30_000)
  assert.ok(aedes instanceof EventEmitter)
})

test('it starts with `setup`, tells that it was born, and listens to three topics of other brokers', async (t) => {
  const { started, mq } = await aStage(t)
  assert.deepEqual(started, [
    `setup ${ID}`,
    `mq.emit $SYS/${ID}/birth`,
    'mq.on $SYS/+/heartbeat',
    'mq.on $SYS/+/birth',
    'mq.on $SYS/+/new/clients',
  ])
  assert.equal(mq.listeners.length, 3)
})

const setup = (): Promise<void> => Promise.resolve()

test('`setup` must be an async function by its constructor: a function that returns a promise is not enough', async () => {
  const calls = new Calls()
  const persistence = new FakePersistence(calls)
  await assert.rejects(
    () => Aedes.createBroker({ mq: new FakeMq(calls), persistence: Object.assign(persistence, { setup }) }),
    /setup\(\) must be an async function/,
  )
})

test('`clients` has no prototype: a client may be called constructor or __proto__', async (t) => {
  const { aedes, client } = await aStage(t)
  assert.equal(Object.getPrototypeOf(aedes.clients), null)
  for (const id of ['constructor', '__proto__', 'toString']) {
    assert.equal(aedes.clients[id], undefined)
    const one = client(id)
    aedes.registerClient(one)
    assert.equal(aedes.clients[id], one)
    aedes.unregisterClient(one)
    assert.equal(aedes.clients[id], undefined)
  }
  assert.equal(aedes.connectedClients, 0)
})

test('registerClient registers in the same turn, then emits client, then publishes new/clients', async (t) => {
  const { aedes, calls, client, mq } = await aStage(t)
  const one = client('one')
  aedes.on('client', (heard: FakeClient) => {
    assert.equal(aedes.clients['one'], heard)
    calls.note(`event client ${heard.id}`)
  })
  aedes.registerClient(one)
  assert.equal(aedes.connectedClients, 1)
  assert.deepEqual(calls.taken(), ['event client one', `mq.emit $SYS/${ID}/new/clients`])
  assert.equal(String(mq.emitted.at(-1)?.payload), 'one')
})

test('registerClient closes a predecessor, and registers when its close calls back', async (t) => {
  const { aedes, calls, client } = await aStage(t)
  const old = client('one')
  aedes.registerClient(old)
  const closing: { done?: () => void } = {}
  old.close = (done) => {
    closing.done = () => {
      aedes.unregisterClient(old)
      done?.()
    }
  }
  const young = client('one')
  aedes.registerClient(young)
  assert.equal(aedes.clients['one'], old)
  calls.taken()
  closing.done?.()
  assert.equal(aedes.clients['one'], young)
  assert.equal(aedes.connectedClients, 1)
  assert.deepEqual(calls.taken(), [`mq.emit $SYS/${ID}/disconnect/clients`, `mq.emit $SYS/${ID}/new/clients`])
})

test('unregisterClient deletes, emits clientDisconnect and publishes disconnect/clients, whoever is registered', async (t) => {
  const { aedes, calls, client } = await aStage(t)
  aedes.registerClient(client('one'))
  calls.taken()
  aedes.on('clientDisconnect', (heard: FakeClient) => {
    assert.equal(aedes.clients['one'], undefined)
    calls.note(`event clientDisconnect ${heard.id}`)
  })
  // Not the one that is registered: only ours see to it that this never happens.
  aedes.unregisterClient(client('one'))
  assert.equal(aedes.connectedClients, 0)
  assert.deepEqual(calls.taken(), ['event clientDisconnect one', `mq.emit $SYS/${ID}/disconnect/clients`])
})

test('subscribe and unsubscribe are those of `mq`', async (t) => {
  const { aedes, calls } = await aStage(t)
  await new Promise<void>((resolve) => aedes.subscribe('a/+', deliver, resolve))
  await new Promise<void>((resolve) => aedes.unsubscribe('a/+', deliver, resolve))
  assert.deepEqual(calls.taken(), ['mq.on a/+', 'mq.removeListener a/+'])
})

test('a broker that is born makes it forget what it had counted, and one that hears of a client closes its own', async (t) => {
  const { aedes, mq, calls, client } = await aStage(t)
  const one = client('one')
  one.duplicates['other'] = 7
  aedes.registerClient(one)
  calls.taken()
  const say = (topic: string, payload: string): Promise<void> =>
    new Promise((resolve) => {
      const listener = mq.listeners.find(({ topic: filter }) => filter.split('/').at(-1) === topic.split('/').at(-1))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      listener?.deliver({ ...message({ topic }), payload: Buffer.from(payload) } as PublishPacket, resolve)
    })
  await say('$SYS/other/birth', 'other')
  assert.deepEqual(one.duplicates, {})
  await say(`$SYS/${ID}/new/clients`, 'one')
  assert.deepEqual(calls.taken(), [], 'its own news closes nobody')
  await say('$SYS/other/new/clients', 'one')
  assert.deepEqual(calls.taken(), ['close one'])
})

test('close closes every client, then `mq`, and touches the persistence no more', async (t) => {
  const { aedes, calls, client } = await aStage(t)
  aedes.registerClient(client('one'))
  aedes.registerClient(client('two'))
  calls.taken()
  aedes.on('closed', () => calls.note('event closed'))
  await new Promise<void>((resolve) => aedes.close(resolve))
  assert.deepEqual(calls.taken(), ['close one', 'close two', 'event closed', 'mq.close'])
  assert.equal(aedes.closed, true)
})

test('wills of dead brokers are asked of streamWill alone, and without any nobody is asked more', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { aedes, persistence, calls } = await aStage(t)
  const faults: unknown[] = []
  aedes.on('error', (fault) => faults.push(fault))
  const asked = new Promise<void>((resolve) => {
    const streamWill: AedesPersistence['streamWill'] = async function* () {
      calls.note('streamWill')
      yield* []
      resolve()
    }
    Object.assign(persistence, { streamWill })
  })
  t.mock.timers.tick(4 * 60_000)
  await asked
  assert.deepEqual(
    calls.taken().filter((call) => !call.endsWith('/heartbeat')),
    ['streamWill'],
  )
  assert.deepEqual(faults, [])
})
