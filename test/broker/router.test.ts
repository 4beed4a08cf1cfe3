import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hearMessage, messagesOf, mute, publish, reader } from '../conformance/support/clients.ts'
import { Router } from '../../broker/router.ts'
import { Session } from '../../broker/session.ts'
import { aBroker } from './support/broker.ts'

test('a delivery that ends a connection, whose will goes out in the midst of it, garbles nobody else’s message', async (t) => {
  const broker = await aBroker(t)
  const heir = await reader(broker, 'heir')
  await heir.subscribe('will')
  const will = { topic: 'will', payload: Buffer.from('the will'), qos: 0 as const, retain: false }
  const frozen = await mute(broker, 'frozen', { will })
  await frozen.subscribe('t', 1)
  frozen.stream.pause()
  // Behind the frozen one, so that it is served after it.
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('t', 1)
  const publisher = await mute(broker, 'publisher')
  const large = Buffer.alloc(100_000, 'x')
  let sent = 0
  // Of QoS 2, so that it is encoded anew for those who get QoS 1.
  while (broker.connectedClients() === 4) {
    await publish(publisher, 't', large, { qos: 2, id: (sent % 100) + 1 })
    sent += 1
  }
  await publish(publisher, 't', 'the last', { qos: 2, id: 101 })
  await hearMessage(heir, 'the will')
  await hearMessage(healthy, 'the last')
  assert.deepEqual(
    [...new Set(messagesOf(healthy).map(({ topic }) => topic))],
    ['t'],
    'a message of a topic that it has not subscribed to',
  )
  assert.equal(messagesOf(healthy).length, sent + 1)
})

for (const { name, topic } of [
  { name: 'a topic', topic: 'a/b' },
  { name: 'a topic that is too long to be remembered', topic: `a/${'b'.repeat(4_000)}` },
]) {
  for (const filter of [topic, 'a/+', '#']) {
    const kind = filter === topic ? 'itself' : filter
    test(`who has matched ${name} before learns that somebody has subscribed to ${kind} since, and unsubscribed`, () => {
      const router = new Router()
      const before = router.match(topic)
      assert.deepEqual(before.sessions, [])
      const session = new Session('client', true)
      router.subscribe(session, filter, 1)
      assert.equal(before.isStale, true)
      const after = router.match(topic)
      assert.deepEqual(after.sessions, [session])
      router.unsubscribe(session, filter)
      assert.equal(after.isStale, true)
      assert.deepEqual(router.match(topic).sessions, [])
    })
  }
}

test('topics that are seen once are not remembered without end, and long ones not at all', () => {
  const router = new Router()
  const long = `a/${'b'.repeat(300)}`
  assert.notEqual(router.match(long), router.match(long))
  const first = router.match('topic/first')
  assert.equal(router.match('topic/first'), first)
  for (let n = 0; n < 50_000; n++) router.match(`topic/${n}`)
  assert.notEqual(router.match('topic/first'), first)
  assert.equal(first.isStale, true)
})
