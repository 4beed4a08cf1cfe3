import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import type { BrokerCounters } from '../../broker/context.ts'
import { DEFAULT_LIMITS, type ConnectionLimits } from '../../broker/limits.ts'
import { closed, hearAnswer, hearCount, mute, numbers, reader } from '../conformance/support/clients.ts'
import { eventually, inTime } from '../conformance/support/in-time.ts'
import { aBroker, type TestBroker } from './support/broker.ts'
import { connectPacket, dial, publishPacket, type WireClient } from './support/wire.ts'

/**
 * Every limit of broker/limits.ts, kept and broken: what the client sees, what the log says, which counter grows, and
 * that nobody else notices.
 */

interface LimitCase {
  readonly limit: keyof ConnectionLimits
  readonly value: number
  readonly name: string
  /** Goes as far as it may. */
  readonly within: (client: WireClient) => unknown
  /** One step further. */
  readonly beyond: (client: WireClient) => unknown
  readonly reason: RegExp
}

const subscribe = (client: WireClient, filters: readonly string[], messageId = 1): void =>
  client.send({ cmd: 'subscribe', messageId, subscriptions: filters.map((topic) => ({ topic, qos: 0 })) })

const messageOf = (bytes: number): Buffer => {
  const overhead = generate(publishPacket('t', Buffer.alloc(bytes - 10))).length - (bytes - 10)
  return generate(publishPacket('t', Buffer.alloc(bytes - overhead)))
}

const levels = (count: number): string => numbers(count).join('/')

const cases: readonly LimitCase[] = [
  {
    limit: 'maxPacketBytes',
    value: 20_000,
    name: 'a PUBLISH that is too large',
    within: (client) => client.write(messageOf(20_000)),
    beyond: (client) => client.write(messageOf(20_001)),
    reason: /a packet of 20001 bytes; 20000 are allowed/,
  },
  {
    limit: 'maxPacketBytes',
    value: 20_000,
    name: 'the announcement of one',
    within: (client) => client.publish('t', 'small'),
    beyond: (client) => client.write(messageOf(20_001).subarray(0, 5)),
    reason: /a packet of 20001 bytes; 20000 are allowed/,
  },
  {
    limit: 'maxSubscriptionsPerPacket',
    value: 3,
    name: 'a SUBSCRIBE with too many filters',
    within: (client) => subscribe(client, ['a', 'b', 'c']),
    beyond: (client) => subscribe(client, ['a', 'b', 'c', 'd']),
    reason: /more than 3 topic filters in one packet/,
  },
  {
    limit: 'maxSubscriptionsPerPacket',
    value: 3,
    name: 'an UNSUBSCRIBE with too many filters',
    within: (client) => client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a', 'b', 'c'] }),
    beyond: (client) => client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a', 'b', 'c', 'd'] }),
    reason: /more than 3 topic filters in one packet/,
  },
  {
    limit: 'maxSubscriptions',
    value: 3,
    name: 'one subscription too many',
    within: (client) => {
      for (const filter of ['a', 'b', 'c']) subscribe(client, [filter])
      // One that it has already is none more, and one that it gives back makes room.
      subscribe(client, ['a', 'b'])
      client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a'] })
      subscribe(client, ['d'])
    },
    beyond: (client) => subscribe(client, ['e']),
    reason: /more than 3 subscriptions/,
  },
  {
    limit: 'maxTopicLevels',
    value: 5,
    name: 'a topic of too many levels',
    within: (client) => client.publish(levels(5), 'x'),
    beyond: (client) => client.publish(levels(6), 'x'),
    reason: /a topic of 6 levels; 5 are allowed/,
  },
  {
    limit: 'maxTopicLevels',
    value: 5,
    name: 'a filter of too many levels',
    within: (client) => subscribe(client, [levels(5)]),
    beyond: (client) => subscribe(client, [levels(6)]),
    reason: /a topic of 6 levels; 5 are allowed/,
  },
  {
    limit: 'maxTopicBytes',
    value: 20,
    name: 'a topic that is too long',
    // Bytes, not characters.
    within: (client) => client.publish('é'.repeat(10), 'x'),
    beyond: (client) => client.publish(`${'é'.repeat(10)}x`, 'x'),
    reason: /a topic of 21 bytes; 20 are allowed/,
  },
  {
    limit: 'maxTopicBytes',
    value: 20,
    name: 'a filter that is too long',
    within: (client) => subscribe(client, ['é'.repeat(10)]),
    beyond: (client) => subscribe(client, [`${'é'.repeat(10)}x`]),
    reason: /a topic of 21 bytes; 20 are allowed/,
  },
  {
    limit: 'maxInFlightInbound',
    value: 3,
    name: 'one message of QoS 2 too many that is not released',
    within: async (client) => {
      for (const messageId of [1, 2, 3, 3]) client.publish('t', 'x', { qos: 2, messageId })
      await hearAnswer(client, 'pubrec', 3)
      client.send({ cmd: 'pubrel', messageId: 1 })
      await hearAnswer(client, 'pubcomp', 1)
      client.publish('t', 'x', { qos: 2, messageId: 4 })
    },
    beyond: (client) => client.publish('t', 'x', { qos: 2, messageId: 5 }),
    reason: /more than 3 messages of QoS 2 are not released/,
  },
]

const grown = (
  broker: TestBroker,
  counter: Exclude<keyof BrokerCounters, 'loginsRefused'>,
  from: BrokerCounters,
): number => broker.counters()[counter] - from[counter]

for (const { limit, value, name, within, beyond, reason } of cases) {
  test(`${limit}: ${name} closes the connection, is logged and counted, and harms no other`, async (t) => {
    const broker = await aBroker(t, { options: { [limit]: value } })
    const other = await reader(broker, 'other')
    await other.subscribe('o')
    const client = await mute(broker, 'client')
    const before = { ...broker.counters() }
    await within(client)
    await inTime(client.ping(), 'what is within the limit is not served')
    assert.equal(grown(broker, 'limitsExceeded', before), 0)

    await beyond(client)
    await closed(client)
    assert.equal(grown(broker, 'limitsExceeded', before), 1)
    assert.equal(grown(broker, 'protocolErrors', before), 0)
    const lines = broker.log.lines.filter(({ event }) => event === 'limit-exceeded')
    assert.equal(lines.length, 1)
    assert.equal(lines[0]?.level, 'warn')
    assert.equal(lines[0]?.['clientId'], 'client-software')
    assert.match(String(lines[0]?.['reason']), reason)

    other.publish('o', 'served')
    await other.hearMessage('served')
  })
}

test('maxConnectPacketBytes: a CONNECT that is too large is refused by its fixed header, and counted', async (t) => {
  const broker = await aBroker(t, { options: { maxConnectPacketBytes: 200 } })
  const client = dial(broker)
  client.write(generate(connectPacket({ clientId: 'x'.repeat(300) })).subarray(0, 3))
  await closed(client)
  assert.deepEqual(client.received, [])
  assert.equal(broker.counters().limitsExceeded, 1)
  const line = broker.log.lines.find(({ event }) => event === 'limit-exceeded')
  assert.match(String(line?.['reason']), /200 are allowed/)
})

test('maxInFlight: no more than that many are unacknowledged, and the connection stays', async (t) => {
  const broker = await aBroker(t, { options: { maxInFlight: 3 } })
  const client = await mute(broker, 'client')
  await client.subscribe('t', 1)
  const publisher = await mute(broker, 'publisher')
  for (const payload of numbers(10)) publisher.publish('t', payload, { qos: 1 })
  await publisher.ping()
  await client.ping()
  assert.deepEqual(client.messages, numbers(3))
  client.send({ cmd: 'puback', messageId: 2 })
  await client.hearMessage('3')
  await client.ping()
  assert.deepEqual(client.messages, numbers(4))
})

test('maxWriteBufferBytes: a clean session that does not read is disconnected, logged and counted', async (t) => {
  const broker = await aBroker(t, { options: { maxWriteBufferBytes: 50_000 } })
  const client = await mute(broker, 'client')
  await client.subscribe('t', 1)
  client.stream.pause()
  const publisher = await mute(broker, 'publisher')
  const payload = 'x'.repeat(10_000)
  for (let n = 0; n < 20; n++) publisher.publish('t', payload, { qos: 1, messageId: n + 1 })
  await hearAnswer(publisher, 'puback', 20)
  assert.equal(broker.counters().slowReaders, 1)
  const line = broker.log.lines.find(({ event }) => event === 'slow-reader')
  assert.equal(line?.level, 'warn')
  assert.match(String(line?.['reason']), /more than 50000 bytes/)
})

test('maxWriteBufferBytes: messages of QoS 0 for a client that does not read are dropped, logged once and counted', async (t) => {
  const broker = await aBroker(t, { options: { maxWriteBufferBytes: 50_000 } })
  const client = await mute(broker, 'client')
  await client.subscribe('t')
  client.stream.pause()
  const publisher = await mute(broker, 'publisher')
  const payload = 'x'.repeat(10_000)
  for (let n = 0; n < 20; n++) {
    publisher.publish('t', payload)
    await publisher.ping()
  }
  const { messagesDropped, slowReaders } = broker.counters()
  assert.ok(messagesDropped >= 10, `${messagesDropped} were dropped`)
  assert.equal(slowReaders, 0)
  assert.equal(broker.log.lines.filter(({ event }) => event === 'messages-dropped').length, 1)
  client.stream.resume()
  await hearCount(client, 20 - messagesDropped)
})

test('stalledReaderMs: who takes nothing for so long is disconnected, logged and counted', async (t) => {
  const broker = await aBroker(t, { options: { stalledReaderMs: 300 } })
  const client = await mute(broker, 'client', { clean: false })
  await client.subscribe('t', 1)
  client.stream.pause()
  const publisher = await mute(broker, 'publisher')
  for (let n = 0; n < 10; n++) publisher.publish('t', 'x'.repeat(10_000), { qos: 1, messageId: n + 1 })
  await hearAnswer(publisher, 'puback', 10)
  await eventually('the client stays', () => broker.connectedClients() === 1)
  assert.equal(broker.counters().slowReaders, 1)
  const line = broker.log.lines.find(({ event }) => event === 'slow-reader')
  assert.match(String(line?.['reason']), /nothing was read for 300 ms/)
})

const rates = [
  { limit: 'maxPublishRate', value: 200, messages: 500, payload: 'x' },
  { limit: 'maxByteRate', value: 200_000, messages: 50, payload: 'x'.repeat(10_000) },
] as const

for (const { limit, value, messages, payload } of rates) {
  test(`${limit}: who is faster is read more slowly and loses nothing, is logged once and counted, and delays no other`, async (t) => {
    const broker = await aBroker(t, { options: { [limit]: value } })
    const watcher = await reader(broker, 'watcher')
    await watcher.subscribe('#')
    const fast = await mute(broker, 'fast')
    const begun = performance.now()
    for (const n of numbers(messages)) fast.publish('fast', `${n} ${payload}`)
    // Anybody else goes before what the fast one still has to say.
    const other = await mute(broker, 'other')
    await other.ping()
    other.publish('other', 'meanwhile')
    await watcher.hearMessage('meanwhile')
    assert.ok(watcher.messages.length < messages, 'the fast one was not slowed down')

    await inTime(fast.ping(), 'the fast one is not served any more', 20_000)
    // A second's worth at once, then as fast as it may be: two and a half seconds' worth takes one and a half.
    const tookMs = performance.now() - begun
    assert.ok(tookMs > 1_300, `it took ${tookMs} ms`)
    await hearCount(watcher, messages + 1)
    assert.deepEqual(
      watcher.messages.filter((one) => one !== 'meanwhile').map((one) => one.split(' ')[0]),
      numbers(messages),
    )
    assert.equal(fast.isClosed, false)
    assert.ok(broker.counters().throttled > 0)
    const lines = broker.log.lines.filter(({ event }) => event === 'client-throttled')
    assert.deepEqual(
      lines.map(({ level, clientId }) => [level, clientId]),
      [['warn', 'fast-software']],
    )
  })
}

test('a client that is read more slowly is not taken for a silent one: its keep alive waits', async (t) => {
  const broker = await aBroker(t, { options: { maxPublishRate: 100 } })
  const fast = await mute(broker, 'fast', { keepalive: 1 })
  // A chunk that it owes four seconds for; what it says meanwhile is not read.
  fast.write(Buffer.concat(numbers(500).map((n) => generate(publishPacket('t', n)))))
  await inTime(fast.ping(), 'the connection was closed', 10_000)
  assert.equal(fast.isClosed, false)
})

test('every limit has a default, and a test here', () => {
  const tried = new Set<string>([
    ...cases.map(({ limit }) => limit),
    ...rates.map(({ limit }) => limit),
    ...(['maxConnectPacketBytes', 'maxInFlight', 'maxWriteBufferBytes', 'stalledReaderMs'] as const),
  ])
  assert.deepEqual(Object.keys(DEFAULT_LIMITS).toSorted(), [...tried].toSorted())
})
