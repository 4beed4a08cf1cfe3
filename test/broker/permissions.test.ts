import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hearAnswer, hearCount, hearMessage, leave, mute, publish, reader } from '../conformance/support/clients.ts'
import { inTime } from '../conformance/support/in-time.ts'
import { aBroker } from './support/broker.ts'

/** What a granted filter does not cover, and what becomes of stored subscriptions when the rules change. */

const RESTRICTED = { subscribe: ['#'], deny: ['secret/#'] }

for (const qos of [0, 1, 2] as const) {
  test(`a live message of QoS ${qos} that a client may not receive is kept from it, though its filter selects it`, async (t) => {
    const broker = await aBroker(t)
    broker.registry.addService('restricted', RESTRICTED)
    const client = await reader(broker, 'restricted')
    assert.deepEqual(await client.subscribe('#', 2), [2])
    const publisher = await mute(broker, 'publisher')
    await publish(publisher, 'open', 'first', { qos })
    await publish(publisher, 'secret/plans', 'secret', { qos, id: 2 })
    await publish(publisher, 'open', 'last', { qos, id: 3 })
    await hearMessage(client, 'last')
    assert.deepEqual(client.messages, ['first', 'last'])
  })

  test(`a retained message of QoS ${qos} that a client may not receive does not come with its subscription`, async (t) => {
    const broker = await aBroker(t)
    broker.registry.addService('restricted', RESTRICTED)
    const publisher = await mute(broker, 'publisher')
    await publish(publisher, 'secret/plans', 'secret', { qos, retain: true })
    await publish(publisher, 'z', 'last', { qos, retain: true, id: 2 })
    const client = await reader(broker, 'restricted')
    await client.subscribe('#', 2)
    await hearMessage(client, 'last')
    assert.deepEqual(client.messages, ['last'])
  })
}

for (const state of ['queued', 'live'] as const) {
  test(`a ${state} message that a persistent session may not receive is not kept for it either`, async (t) => {
    const broker = await aBroker(t)
    broker.registry.addService('restricted', RESTRICTED)
    const first = await reader(broker, 'restricted', { clean: false })
    await first.subscribe('#', 1)
    if (state === 'queued') await leave(first)
    const publisher = await mute(broker, 'publisher')
    await publish(publisher, 'secret/plans', 'secret', { qos: 1 })
    await publish(publisher, 'open', 'last', { qos: 1, id: 2 })
    if (state === 'live') {
      await hearMessage(first, 'last')
      await inTime(first.ping(), 'no PINGRESP')
      await leave(first)
    }
    if (state === 'queued') {
      const again = await reader(broker, 'restricted', { clean: false })
      await hearMessage(again, 'last')
      await inTime(again.ping(), 'no PINGRESP')
      await leave(again)
      assert.deepEqual(again.messages, ['last'])
    }

    // The rules are wider now, and what came under the narrow ones is still nobody's.
    broker.registry.addService('restricted')
    const later = await reader(broker, 'restricted', { clean: false })
    await publish(publisher, 'open', 'marker', { qos: 1, id: 3 })
    await hearMessage(later, 'marker')
    assert.deepEqual(later.messages, ['marker'])
  })
}

test('a stored subscription that the rules no longer allow ends when its session is resumed, and stays away', async (t) => {
  const broker = await aBroker(t)
  broker.registry.addService('client')
  const first = await reader(broker, 'client', { clean: false })
  await first.subscribe(['a', 'b'], 1)
  await leave(first)
  broker.registry.addService('client', { subscribe: ['b'] })
  const narrow = await reader(broker, 'client', { clean: false })
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 'a', 'not any more', { qos: 1 })
  await publish(publisher, 'b', 'as before', { qos: 1, id: 2 })
  await hearMessage(narrow, 'as before')
  await leave(narrow)
  assert.deepEqual(narrow.messages, ['as before'])

  broker.registry.addService('client')
  const wide = await reader(broker, 'client', { clean: false })
  await publish(publisher, 'a', 'not subscribed', { qos: 1, id: 3 })
  await publish(publisher, 'b', 'marker', { qos: 1, id: 4 })
  await hearMessage(wide, 'marker')
  assert.deepEqual(wide.messages, ['marker'])
  wide.send({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'a', qos: 1 }] })
  await hearAnswer(wide, 'suback', 9)
  await publish(publisher, 'a', 'again', { qos: 1, id: 5 })
  await hearCount(wide, 2)
})
