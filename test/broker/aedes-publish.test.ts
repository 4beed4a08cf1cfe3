import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Message } from '../../broker/aedes-internals.d.ts'
import { aStage, message, ID } from './support/aedes-stage.ts'

// How Aedes takes a message to whoever gets it, as broker/aedes.ts relies on it, tried on the package itself.

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
