import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { aBroker, type TestBroker } from '../broker/support/broker.ts'
import {
  heardBy,
  hearAnswer,
  hearCount,
  hearMessage,
  leave,
  messagesOf,
  mute,
  numbers,
  publish,
  reader,
  type Qos,
} from './support/clients.ts'
import { inTime, turns } from './support/in-time.ts'

/** Source: MQTT 3.1.1 §3.3.1.3. */

/** What a new subscription to `filter` brings: at least `count` messages, and those that come with them. */
async function keptUnder(broker: TestBroker, filter: string, count: number, name = 'client'): Promise<string[]> {
  const client = await reader(broker, name)
  await client.subscribe([filter, 'marker'], 2)
  await hearCount(client, count)
  await publish(await mute(broker, `${name}-marker`), 'marker', 'end', { qos: 1 })
  await hearMessage(client, 'end')
  await leave(client)
  return heardBy(client).filter((message) => !message.startsWith('marker='))
}

for (const qos of [0, 1, 2] as const satisfies readonly Qos[]) {
  test(`a later retained message of QoS ${qos} takes the place of an earlier one [MQTT-3.3.1-5]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    for (const payload of ['one', 'two', 'three']) await publish(publisher, 'r/a', payload, { qos, retain: true })
    await publish(publisher, 'r/a', 'not kept', { qos })
    const expected = [`r/a=three${qos === 0 ? '' : ` qos ${qos}`} retain`]
    assert.deepEqual(await keptUnder(broker, 'r/+', 1), expected)
  })

  test(`an empty retained message of QoS ${qos} clears, and is passed on as any other [MQTT-3.3.1-10]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    await publish(publisher, 'r/a', 'one', { qos: 1, retain: true })
    await publish(publisher, 'r/b', 'other', { qos: 1, retain: true })
    const watcher = await reader(broker, 'watcher')
    await watcher.subscribe('r/a', 2)
    await hearMessage(watcher, 'one')
    await publish(publisher, 'r/a', '', { qos, retain: true })
    await hearMessage(watcher, '')
    assert.deepEqual(heardBy(watcher), ['r/a=one qos 1 retain', `r/a=${qos === 0 ? '' : ` qos ${qos}`}`])
    assert.deepEqual(await keptUnder(broker, 'r/#', 1), ['r/b=other qos 1 retain'])
  })
}

test('retained messages are of any age, of many topics, and only of those that the filter selects', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  for (const topic of ['r', 'r/a', 'r/a/b', 's/a', '/r', 'ra']) await publish(publisher, topic, 'x', { retain: true })
  const expectations: Record<string, string[]> = {
    'r/#': ['r', 'r/a', 'r/a/b'],
    'r/+': ['r/a'],
    '+/a': ['r/a', 's/a'],
    '+/r': ['/r'],
    r: ['r'],
    '+': ['r', 'ra'],
    'none/#': [],
  }
  for (const [index, [filter, topics]] of Object.entries(expectations).entries()) {
    const kept = await keptUnder(broker, filter, topics.length, `client-${index}`)
    assert.deepEqual(kept.toSorted(), topics.map((topic) => `${topic}=x retain`).toSorted(), `filter ${filter}`)
  }
})

test('a session that is resumed hears retained messages only with a new SUBSCRIBE [MQTT-3.8.4-3]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 'r/a', 'kept', { qos: 1, retain: true })
  const before = await reader(broker, 'client', { clean: false })
  await before.subscribe('r/a', 1)
  await hearMessage(before, 'kept')
  await before.ping()
  await leave(before)

  const again = await reader(broker, 'client', { clean: false })
  await publish(publisher, 'r/a', 'live', { qos: 1 })
  await hearMessage(again, 'live')
  assert.deepEqual(heardBy(again), ['r/a=live qos 1'])
  await again.subscribe('r/a', 1, 2)
  await hearMessage(again, 'kept')
  assert.deepEqual(heardBy(again), ['r/a=live qos 1', 'r/a=kept qos 1 retain'])
})

test('an empty retained message to a topic without one keeps nothing [MQTT-3.3.1-11]', async (t) => {
  const broker = await aBroker(t)
  await publish(await mute(broker, 'publisher'), 'r/a', '', { qos: 1, retain: true })
  assert.deepEqual(await keptUnder(broker, '#', 0), [])
})

test('a filter that comes again brings its retained message again, also when it is one of several [MQTT-3.8.4-3]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 'r/a', 'kept', { qos: 1, retain: true })
  const client = await reader(broker, 'client')
  for (const [index, filters] of [['r/a'], ['r/a', 'r/b'], ['r/a']].entries()) {
    client.received.length = 0
    await client.subscribe(filters, 1, index + 1)
    await hearMessage(client, 'kept')
    assert.deepEqual(heardBy(client), ['r/a=kept qos 1 retain'])
  }
})

/** A client whose subscription brings 200 large messages, and which has read few of them. */
async function inTheMidst(t: TestContext) {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const large = 'x'.repeat(20_000)
  for (const n of numbers(200)) publisher.publish(`retained/${n}`, n + large, { retain: true })
  await publisher.ping()
  const client = await reader(broker, 'reader')
  client.stream.pause()
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'retained/#', qos: 0 }] })
  await turns(500)
  return { broker, publisher, client }
}

test('retained messages of QoS 0 wait for a client that takes its time', async (t) => {
  const { broker, client } = await inTheMidst(t)
  client.stream.resume()
  await hearCount(client, 200)
  assert.equal(broker.counters().messagesDropped, 0)
})

test('a message that is set anew while older ones are on their way does not come after its successor', async (t) => {
  const { publisher, client } = await inTheMidst(t)
  for (const n of numbers(200)) publisher.publish(`retained/${n}`, 'newer', { retain: true })
  await publisher.ping()
  client.stream.resume()
  await inTime(client.ping(), 'no PINGRESP')
  await hearCount(client, 200)
  await turns(50)
  for (const n of numbers(200)) {
    const ofTopic = messagesOf(client).filter(({ topic }) => topic === `retained/${n}`)
    assert.equal(String(ofTopic.at(-1)?.['payload']), 'newer')
  }
})

test('who unsubscribes while retained messages are on their way hears no more of them after UNSUBACK', async (t) => {
  const { client } = await inTheMidst(t)
  client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['retained/#'] })
  await turns(50)
  client.stream.resume()
  await hearAnswer(client, 'unsuback', 2)
  await inTime(client.ping(), 'no PINGRESP')
  await turns(50)
  const after = client.received.slice(client.received.findIndex(({ cmd }) => cmd === 'unsuback') + 1)
  assert.deepEqual(
    after.map(({ cmd }) => cmd),
    ['pingresp'],
  )
})
