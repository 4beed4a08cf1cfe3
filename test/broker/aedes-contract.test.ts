import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { Aedes } from 'aedes'
import type {
  AedesBroker,
  AedesClient,
  AedesHooks,
  AedesPersistence,
  Deliver,
  Message,
  PublishPacket,
} from '../../broker/aedes-internals.d.ts'

/**
 * What broker/aedes.ts and aedes-internals.d.ts say of Aedes, tried on the package itself: most of it is no documented
 * API. When one of these fails after an update, those two files are no longer true.
 */

const ID = 'broker-1'

/** Notes in one list what Aedes calls, of its `mq`, its persistence and its hooks. */
class Calls {
  readonly list: string[] = []

  note(call: string): void {
    this.list.push(call)
  }

  /** Since the last time that this was asked. */
  taken(): string[] {
    return this.list.splice(0)
  }
}

class FakeMq {
  readonly listeners: { readonly topic: string; readonly deliver: Deliver }[] = []
  readonly emitted: PublishPacket[] = []
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  on(topic: string, deliver: Deliver, done?: () => void): this {
    this.#calls.note(`mq.on ${topic}`)
    this.listeners.push({ topic, deliver })
    done?.()
    return this
  }

  removeListener(topic: string, _deliver: Deliver, done?: () => void): this {
    this.#calls.note(`mq.removeListener ${topic}`)
    done?.()
    return this
  }

  emit(packet: PublishPacket, done: () => void): this {
    this.#calls.note(`mq.emit ${packet.topic}`)
    this.emitted.push(packet)
    done()
    return this
  }

  close(done: () => void): void {
    this.#calls.note('mq.close')
    done()
  }
}

/** Only what Aedes itself may call: anything else would be no function, and fail the test. */
class FakePersistence {
  readonly enqueued: { readonly subscriptions: readonly unknown[]; readonly packet: PublishPacket }[] = []
  fails: 'storeRetained' | 'outgoingEnqueueCombi' | undefined
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    this.#calls.note(`setup ${broker.id}`)
  }

  async storeRetained(packet: PublishPacket): Promise<void> {
    this.#calls.note(`storeRetained ${packet.topic}`)
    if (this.fails === 'storeRetained') throw new Error('the disk is full')
  }

  async subscriptionsByTopic(topic: string): Promise<readonly unknown[]> {
    this.#calls.note(`subscriptionsByTopic ${topic}`)
    return [{ clientId: 'away', topic, qos: 1 }]
  }

  async outgoingEnqueueCombi(subscriptions: readonly unknown[], packet: PublishPacket): Promise<void> {
    this.#calls.note(`outgoingEnqueueCombi ${packet.topic}`)
    this.enqueued.push({ subscriptions, packet })
    if (this.fails === 'outgoingEnqueueCombi') throw new Error('the disk is full')
  }
}

/** The least that our connections have in common with Aedes' own. */
class FakeClient implements AedesClient {
  readonly id: string
  readonly clean = true
  closed = false
  readonly duplicates: Record<string, number> = {}
  readonly #calls: Calls

  constructor(id: string, calls: Calls) {
    this.id = id
    this.#calls = calls
  }

  close(done?: () => void): void {
    this.#calls.note(`close ${this.id}`)
    this.closed = true
    done?.()
  }
}

const deliver: Deliver = (_packet, done) => done()

async function aStage(t: TestContext, hooks: Partial<AedesHooks<FakeClient>> = {}) {
  const calls = new Calls()
  const mq = new FakeMq(calls)
  const persistence = new FakePersistence(calls)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const aedes = (await Aedes.createBroker({
    ...hooks,
    id: ID,
    mq,
    persistence,
  } as never)) as unknown as AedesBroker<FakeClient>
  t.after(() => new Promise<void>((resolve) => aedes.close(resolve)))
  const started = calls.taken()
  const publish = (message: Message, client: FakeClient | null = null): Promise<Error | null | undefined> =>
    new Promise((resolve) => aedes.publish(message, client, resolve))
  const client = (id: string): FakeClient => new FakeClient(id, calls)
  return { aedes, mq, persistence, calls, started, publish, client }
}

const message = (more: Partial<Message> = {}): Message => ({
  topic: 't',
  payload: Buffer.from('x'),
  qos: 0,
  retain: false,
  ...more,
})

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

const pipelines = [
  { name: 'QoS 0', packet: {}, calls: ['mq.emit t', 'published', 'event publish'] },
  {
    name: 'QoS 0 with RETAIN',
    packet: { retain: true },
    calls: ['storeRetained t', 'mq.emit t', 'published', 'event publish'],
  },
  {
    name: 'QoS 1',
    packet: { qos: 1 },
    calls: ['subscriptionsByTopic t', 'outgoingEnqueueCombi t', 'mq.emit t', 'published', 'event publish'],
  },
  {
    name: 'QoS 2 with RETAIN',
    packet: { qos: 2, retain: true },
    calls: [
      'storeRetained t',
      'subscriptionsByTopic t',
      'outgoingEnqueueCombi t',
      'mq.emit t',
      'published',
      'event publish',
    ],
  },
] as const

for (const { name, packet, calls: expected } of pipelines) {
  test(`a message of ${name} goes through its steps in this order: ${expected.join(', ')}`, async (t) => {
    const calls: { note: (call: string) => void } = { note: () => {} }
    const stage = await aStage(t, {
      published: (_packet, _client, done) => {
        calls.note('published')
        done(null)
      },
    })
    calls.note = (call) => stage.calls.note(call)
    stage.aedes.on('publish', () => calls.note('event publish'))
    stage.calls.taken()
    assert.equal((await stage.publish(message(packet))) ?? null, null)
    assert.deepEqual(stage.calls.taken(), expected)
  })
}

test('a message of QoS 0 that is not retained is through before `publish` returns', async (t) => {
  const { aedes, mq } = await aStage(t)
  let isDone = false
  aedes.publish(message(), null, () => (isDone = true))
  assert.equal(isDone, true)
  assert.equal(mq.emitted.at(-1)?.topic, 't')
})

test('every message is counted: brokerId and brokerCounter go up from one to the next', async (t) => {
  const { aedes, mq, publish } = await aStage(t)
  await publish(message({ payload: Buffer.from('1') }))
  await publish(message({ payload: Buffer.from('2'), qos: 1 }))
  const [one, two] = mq.emitted.slice(-2)
  assert.equal(one?.brokerId, ID)
  assert.equal(two?.brokerId, ID)
  assert.equal(two?.brokerCounter, (one?.brokerCounter ?? 0) + 1)
  assert.equal(aedes.counter, two?.brokerCounter)
  // retained.ts and send-to-client.ts count by themselves.
  aedes.counter += 1
  await publish(message())
  assert.equal(mq.emitted.at(-1)?.brokerCounter, (two?.brokerCounter ?? 0) + 2)
})

test('what is queued and what is emitted is a counted copy; `published` and the event get the original', async (t) => {
  const heard: { published?: unknown; client?: unknown } = {}
  const { aedes, mq, persistence, publish, client } = await aStage(t, {
    published: (packet, from, done) => {
      Object.assign(heard, { published: packet, client: from })
      done(null)
    },
  })
  const events: unknown[] = []
  aedes.on('publish', (packet, from) => events.push(packet, from))
  const original = message({ qos: 1 })
  const one = client('one')
  await publish(original, one)
  assert.equal(heard.published, original)
  assert.equal(heard.client, one)
  assert.equal(events[0], original)
  assert.equal(events[1], one)
  const [enqueued] = persistence.enqueued
  assert.deepEqual(enqueued?.subscriptions, [{ clientId: 'away', topic: 't', qos: 1 }])
  assert.equal(enqueued?.packet, mq.emitted.at(-1))
  assert.notEqual(enqueued?.packet, original)
  // What the outbox recognises a stored message by.
  assert.deepEqual([enqueued?.packet.brokerId, enqueued?.packet.brokerCounter], [ID, aedes.counter])
})

test('the client may be left out: the callback then takes its place', async (t) => {
  const { aedes } = await aStage(t)
  const error = await new Promise((resolve) => aedes.publish(message(), resolve))
  assert.equal(error ?? null, null)
})

for (const fails of ['storeRetained', 'outgoingEnqueueCombi'] as const) {
  test(`an error of ${fails} reaches the callback, and nothing is emitted`, async (t) => {
    const { persistence, publish, mq } = await aStage(t)
    persistence.fails = fails
    const emitted = mq.emitted.length
    assert.match(String(await publish(message({ qos: 1, retain: true }))), /the disk is full/)
    assert.equal(mq.emitted.length, emitted)
  })
}

test('an error of subscriptionsByTopic is an event, and the publisher is never answered: ours must not fail', async (t) => {
  const { aedes, persistence } = await aStage(t)
  Object.assign(persistence, { subscriptionsByTopic: () => Promise.reject(new Error('the disk is full')) })
  const fault = once(aedes, 'error')
  let isAnswered = false
  aedes.publish(message({ qos: 1 }), null, () => (isAnswered = true))
  assert.match(String(await fault), /the disk is full/)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isAnswered, false)
})

test('an error of `published` reaches the callback', async (t) => {
  const { publish } = await aStage(t, { published: (_packet, _client, done) => done(new Error('no')) })
  assert.match(String(await publish(message())), /no/)
})

const levels = (count: number): Message => message({ topic: Array.from({ length: count }, () => 'l').join('/') })

test('a topic of more than 100 levels is refused, so our own limit must not be higher', async (t) => {
  const { publish } = await aStage(t)
  assert.equal((await publish(levels(100))) ?? null, null)
  assert.match(String(await publish(levels(101))), /too many levels/)
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
