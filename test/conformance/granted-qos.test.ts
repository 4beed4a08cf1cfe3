import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aBroker } from '../broker/support/broker.ts'
import { topicOf, type WireClient } from '../broker/support/wire.ts'
import { hear, hearCount, heardBy, hearMessage, leave, mute, publish, reader, type Qos } from './support/clients.ts'

// With which QoS a message comes, and that what was refused does not. Source: MQTT 3.1.1 §3.3.5, §3.8.4.

const QOS = [0, 1, 2] as const satisfies readonly Qos[]

interface Pair {
  readonly published: Qos
  readonly granted: Qos
}
const pairs: readonly Pair[] = QOS.flatMap((published) => QOS.map((granted) => ({ published, granted })))
const lower = ({ published, granted }: Pair): Qos => (published < granted ? published : granted)
const nameOf = ({ published, granted }: Pair): string => `${published}-as-${granted}`
const messageOf = (pair: Pair, payload: string): string =>
  `${nameOf(pair)}=${payload}${lower(pair) === 0 ? '' : ` qos ${lower(pair)}`}`

const kindsOfFilter = [
  { kind: 'an exact filter', filterOf: nameOf },
  { kind: 'a wildcard', filterOf: (pair: Pair) => `${nameOf(pair)}/#` },
]

for (const { kind, filterOf } of kindsOfFilter) {
  const subscribeTo = (client: WireClient, pair: Pair): Promise<unknown> =>
    client.subscribe(filterOf(pair), pair.granted, 100 + pairs.indexOf(pair))
  const hearOf = (client: WireClient, pair: Pair): Promise<unknown> =>
    hear(client, `the message of ${nameOf(pair)}`, ({ topic }) => topic === nameOf(pair))

  test(`a live message comes through ${kind} with the lower of its QoS and the granted one [MQTT-3.8.4-6]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    const client = await reader(broker, 'client')
    for (const pair of pairs) {
      await subscribeTo(client, pair)
      await publish(publisher, nameOf(pair), 'live', { qos: pair.published })
      await hearOf(client, pair)
    }
    const expected = pairs.map((pair) => messageOf(pair, 'live'))
    assert.deepEqual(heardBy(client), expected)
  })

  test(`a retained message comes through ${kind} with the lower of its QoS and the granted one [MQTT-3.8.4-6]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    const client = await reader(broker, 'client')
    for (const pair of pairs) {
      await publish(publisher, nameOf(pair), 'kept', { qos: pair.published, retain: true })
      await subscribeTo(client, pair)
      await hearOf(client, pair)
    }
    const expected = pairs.map((pair) => `${messageOf(pair, 'kept')} retain`)
    assert.deepEqual(heardBy(client), expected)
  })

  test(`a queued message comes through ${kind} with the lower of its QoS and the granted one [MQTT-3.8.4-6]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    const client = await reader(broker, 'client', { clean: false })
    for (const pair of pairs) await subscribeTo(client, pair)
    await leave(client)
    for (const pair of pairs) await publish(publisher, nameOf(pair), 'queued', { qos: pair.published })
    const again = await reader(broker, 'client', { clean: false })
    const expected = pairs
      .filter((pair) => lower(pair) > 0)
      .map((pair) => messageOf(pair, 'queued'))
      .toSorted()
    await hearCount(again, expected.length)
    // Only messages of one topic and QoS have an order.
    assert.deepEqual(heardBy(again).toSorted(), expected)
  })
}

const overlaps: readonly { name: string; filters: readonly (readonly [string, Qos])[] }[] = [
  {
    name: 'the wider filter first, with QoS 0',
    filters: [
      ['a/#', 0],
      ['a/b', 2],
    ],
  },
  {
    name: 'the narrower filter first, with QoS 2',
    filters: [
      ['a/b', 2],
      ['a/#', 0],
    ],
  },
  {
    name: 'the wider filter with the higher QoS',
    filters: [
      ['a/b', 1],
      ['+/b', 2],
    ],
  },
  {
    name: 'three filters',
    filters: [
      ['#', 1],
      ['a/+', 2],
      ['a/b', 0],
    ],
  },
]

for (const { name, filters } of overlaps) {
  for (const state of ['live', 'queued'] as const) {
    test(`overlapping filters, ${name}: a ${state} message comes once, at the highest QoS [MQTT-3.3.5-1]`, async (t) => {
      const broker = await aBroker(t)
      const publisher = await mute(broker, 'publisher')
      let client = await reader(broker, 'client', { clean: false })
      for (const [index, [filter, qos]] of filters.entries()) await client.subscribe(filter, qos, index + 1)
      if (state === 'queued') await leave(client)
      for (const payload of ['one', 'end']) await publish(publisher, 'a/b', payload, { qos: 2 })
      if (state === 'queued') client = await reader(broker, 'client', { clean: false })
      await hearMessage(client, 'end')
      assert.deepEqual(heardBy(client), ['a/b=one qos 2', 'a/b=end qos 2'])

      // The second ping is behind the acknowledgements that the answer to the first was in front of.
      await client.ping()
      await client.ping()
      await leave(client)
      const again = await reader(broker, 'client', { clean: false })
      await publish(publisher, 'a/b', 'later', { qos: 2 })
      await hearMessage(again, 'later')
      assert.deepEqual(heardBy(again), ['a/b=later qos 2'])
    })
  }
}

test('of a SUBSCRIBE that was partly refused, only what was granted is stored [MQTT-3.8.4-5]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  broker.registry.addService('client', { subscribe: ['open'] })
  const before = await mute(broker, 'client', { clean: false })
  assert.deepEqual(await before.subscribe(['open', 'shut', '#'], 1), [1, 128, 128])
  await publish(publisher, 'shut', 'live', { qos: 1 })
  await leave(before)

  // With wider rules, nothing but the missing subscription keeps the message away.
  broker.registry.addService('client')
  await publish(publisher, 'shut', 'queued', { qos: 1 })
  await publish(publisher, 'open', 'granted', { qos: 1 })
  const again = await mute(broker, 'client', { clean: false })
  await publish(publisher, 'shut', 'after', { qos: 1 })
  await publish(publisher, 'open', 'end', { qos: 1 })
  await hearMessage(again, 'end')
  assert.deepEqual([...heardBy(before), ...heardBy(again)], ['open=granted qos 1', 'open=end qos 1'])
})

test('a device hears nothing of what it was refused, live or queued [MQTT-3.8.4-5]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await broker.device(1, { clean: false })
  const granted = await before.subscribe([topicOf(1, 'command'), topicOf(2, 'command'), '#'], 1)
  assert.deepEqual(granted, [1, 128, 128])
  await publish(publisher, topicOf(2, 'command'), 'foreign, live', { qos: 1 })
  await leave(before)
  await publish(publisher, topicOf(2, 'command'), 'foreign, queued', { qos: 1 })
  await publish(publisher, topicOf(1, 'command'), 'own', { qos: 1 })
  const again = await broker.device(1, { clean: false })
  await hearMessage(again, 'own')
  await again.ping()
  assert.deepEqual([...heardBy(before), ...heardBy(again)], [`${topicOf(1, 'command')}=own qos 1`])
})
