import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { aBroker } from '../broker/support/broker.ts'
import { asService, connectPacket, dial, publishPacket, topicOf, type WireClient } from '../broker/support/wire.ts'
import {
  acknowledging,
  burst,
  forget,
  hear,
  hearAnswer,
  hearCount,
  heardBy,
  hearMessage,
  leave,
  messagesOf,
  mute,
  numbers,
  publish,
  reader,
  until,
  type Qos,
} from './support/clients.ts'
import { inTime, turns } from './support/in-time.ts'
import { slowDatabase } from './support/slow-database.ts'

/** What arrives, how often, in which order, and with which flags. Source: MQTT 3.1.1 §3.3.1, §4.3–§4.6. */

const payloadsOn = (client: WireClient, topic: string): string[] =>
  messagesOf(client).flatMap((one) => (one['topic'] === topic ? [String(one['payload'])] : []))

const idsOf = (packets: readonly { messageId?: unknown }[]): number[] =>
  packets.map(({ messageId }) => Number(messageId))

const messageOfNumber = (n: string, qos: Qos): Buffer =>
  generate(publishPacket('t/x', n, { qos, messageId: Number(n) + 1 }))

for (const qos of [1, 2] as const) {
  test(`500 of 500 messages of QoS ${qos} arrive in order while another publisher interleaves [MQTT-4.6.0-6]`, async (t) => {
    const broker = await aBroker(t, { database: slowDatabase() })
    const clean = await reader(broker, 'clean')
    await clean.subscribe('t/#', qos)
    const persistent = await reader(broker, 'persistent', { clean: false })
    await persistent.subscribe('t/#', qos)
    const [publisher, other] = [await reader(broker, 'publisher'), await mute(broker, 'other')]

    const expected = numbers(500)
    publisher.write(Buffer.concat(expected.map((n) => messageOfNumber(n, qos))))
    // The store is slower than the way of QoS 0, on which these overtake.
    for (let round = 0; round < 100; round++) {
      other.write(burst('t/y', numbers(5), 0))
      await turns(1)
    }
    await hearAnswer(publisher, qos === 1 ? 'puback' : 'pubcomp', 500)
    for (const [name, client] of Object.entries({ clean, persistent })) {
      // What is missing is shown by the comparison.
      await until(client, 'the last of 500', () => payloadsOn(client, 't/x').length >= 500).catch(() => {})
      assert.equal(client.isClosed, false, `the ${name} session was closed`)
      assert.deepEqual(payloadsOn(client, 't/x'), expected, `what the ${name} session hears`)
    }
  })
}

test('messages behind CONNECT come before those behind CONNACK, while a queue is being sent [MQTT-4.6.0-6]', async (t) => {
  const broker = await aBroker(t)
  const session = await reader(broker, 'x', { clean: false })
  await session.subscribe('bulk', 1)
  await leave(session)
  const filler = await mute(broker, 'filler')
  filler.write(burst('bulk', numbers(500), 1))
  await hearAnswer(filler, 'puback', 500)
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('o')

  const again = acknowledging(dial(broker))
  const connect = generate(connectPacket(asService('x', { clean: false })))
  again.write(Buffer.concat([connect, burst('o', ['1', '2', '3'], 0)]))
  await hear(again, 'CONNACK', ({ cmd }) => cmd === 'connack')
  again.write(burst('o', ['4', '5'], 0))
  await hearMessage(watcher, '5')
  assert.deepEqual(watcher.messages, ['1', '2', '3', '4', '5'])
  await hearCount(again, 500)
  assert.deepEqual(again.messages, numbers(500))
})

test('60 messages in one chunk with CONNECT are all acknowledged and arrive in order [§3.1.4]', async (t) => {
  const broker = await aBroker(t)
  broker.registry.addService('x')
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('t', 1)
  const client = dial(broker)
  client.write(Buffer.concat([generate(connectPacket(asService('x'))), burst('t', numbers(60), 1)]))
  await hearAnswer(client, 'puback', 60)
  await hearMessage(watcher, '59')
  assert.equal(client.received[0]?.cmd, 'connack')
  const acknowledged = client.received.filter(({ cmd }) => cmd === 'puback')
  assert.deepEqual(idsOf(acknowledged), numbers(60, 1).map(Number))
  assert.deepEqual(watcher.messages, numbers(60))
})

test('a session that resumes under load hears CONNACK, then its queue, then live messages, each once [MQTT-3.2.0-1]', async (t) => {
  const broker = await aBroker(t)
  const session = await reader(broker, 'x', { clean: false })
  await session.subscribe('bulk', 1)
  await leave(session)
  const publisher = await mute(broker, 'publisher')
  let count = 0
  const pump = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      for (let one = 0; one < 5; one++) publisher.publish('bulk', `${count}`, { qos: 1, messageId: ++count })
      await turns(1)
    }
  }
  await pump(30)
  const again = acknowledging(dial(broker))
  again.send(connectPacket(asService('x', { clean: false })))
  await pump(100)
  await hearAnswer(publisher, 'puback', count)
  // What is missing is shown by the comparison.
  await hearCount(again, count).catch(() => {})
  assert.equal(again.received[0]?.cmd, 'connack')
  assert.deepEqual(again.messages, numbers(count))
})

test('no PUBLISH comes before CONNACK, however often the session resumes under load [MQTT-3.2.0-1]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const publisher = await mute(broker, 'publisher')
  const session = await mute(broker, 'x', { clean: false })
  await session.subscribe('bulk', 1)
  let id = 0
  for (let round = 0; round < 20; round++) {
    const again = acknowledging(dial(broker))
    again.send(connectPacket(asService('x', { clean: false })))
    for (let turn = 0; again.received.length === 0 && turn < 1_000; turn++) {
      publisher.publish('bulk', 'x', { qos: 1, messageId: ++id })
      await turns(1)
    }
    await hear(again, 'CONNACK', ({ cmd }) => cmd === 'connack')
    assert.equal(again.received[0]?.cmd, 'connack')
  }
})

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

test('DUP of a publisher is not passed on [MQTT-3.3.1-3]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const client = await reader(broker, 'client')
  await client.subscribe('d', 2)
  for (const qos of [1, 2] as const) {
    const packet = generate(publishPacket('d', `qos ${qos}`, { qos, messageId: qos }))
    packet.writeUInt8(packet.readUInt8(0) | 0x08, 0)
    publisher.write(packet)
  }
  await hearAnswer(publisher, 'pubrec', 2)
  publisher.send({ cmd: 'pubrel', messageId: 2 })
  await hearCount(client, 2)
  assert.deepEqual(heardBy(client).toSorted(), ['d=qos 1 qos 1', 'd=qos 2 qos 2'])
})

test('RETAIN is 0 in a live message and in a queued one, whatever the publisher said [MQTT-3.3.1-9]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const client = await reader(broker, 'client', { clean: false })
  await client.subscribe('r/+', 1)
  await publish(publisher, 'r/live', 'live', { qos: 1, retain: true })
  await hearMessage(client, 'live')
  await client.ping()
  await leave(client)
  await publish(publisher, 'r/queued', 'queued', { qos: 1, retain: true })
  const again = await reader(broker, 'client', { clean: false })
  await hearMessage(again, 'queued')
  assert.deepEqual([...heardBy(client), ...heardBy(again)], ['r/live=live qos 1', 'r/queued=queued qos 1'])
})

test('what was not acknowledged comes again with DUP and in order, and what was does not [MQTT-4.4.0-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await mute(broker, 'client', { clean: false })
  await before.subscribe('d', 1)
  for (const payload of numbers(5)) await publish(publisher, 'd', payload, { qos: 1 })
  await hearMessage(before, '4')
  const first = numbers(5).map((n) => `d=${n} qos 1`)
  assert.deepEqual(heardBy(before), first)
  const ids = idsOf(messagesOf(before))
  before.send({ cmd: 'puback', messageId: ids[1] ?? 0 })
  await before.ping()
  await before.drop()

  const again = await mute(broker, 'client', { clean: false })
  await publish(publisher, 'd', 'new', { qos: 1 })
  await hearMessage(again, 'new')
  const second = ['0', '2', '3', '4'].map((n) => `d=${n} qos 1 dup`)
  assert.deepEqual(heardBy(again), [...second, 'd=new qos 1'])
  assert.deepEqual(
    idsOf(messagesOf(again)).slice(0, 4),
    ids.filter((_, index) => index !== 1),
  )
})

test('a message that was queued and never sent comes without DUP [MQTT-3.3.1-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await reader(broker, 'client', { clean: false })
  await before.subscribe('d', 1)
  await leave(before)
  await publish(publisher, 'd', 'queued', { qos: 1 })
  const again = await reader(broker, 'client', { clean: false })
  await hearMessage(again, 'queued')
  assert.deepEqual(heardBy(again), ['d=queued qos 1'])
})

/** Which of those in flight is acknowledged next. */
const orders = [
  { name: 'the newest first', pick: (inFlight: readonly number[]) => inFlight.at(-1) },
  { name: 'the oldest first', pick: (inFlight: readonly number[]) => inFlight[0] },
  { name: 'from the middle', pick: (inFlight: readonly number[]) => inFlight[Math.floor(inFlight.length / 2)] },
]

for (const { name, pick } of orders) {
  test(`no packet identifier is given twice while in flight: 200 messages, acknowledged ${name} [MQTT-2.3.1-4]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    let client = await mute(broker, 'client', { clean: false })
    await client.subscribe('t', 1)
    publisher.write(burst('t', numbers(200), 1))
    await hearAnswer(publisher, 'puback', 200)

    const inFlight: number[] = []
    const arrived = new Set<string>()
    const collect = (): void => {
      for (const one of messagesOf(client)) {
        const id = Number(one.messageId)
        assert.ok(id > 0, 'packet identifier 0 [MQTT-2.3.1-1]')
        assert.ok(!inFlight.includes(id), `packet identifier ${id} is in flight already`)
        inFlight.push(id)
        arrived.add(String(one['payload']))
      }
      client.received.length = 0
    }
    const next = async (acknowledgements: number): Promise<void> => {
      if (inFlight.length === 0) {
        await hear(client, `a message after ${arrived.size} of 200`, ({ cmd }) => cmd === 'publish')
      }
      await inTime(client.ping(), `no PINGRESP after ${acknowledgements} acknowledgements`)
      collect()
    }
    for (let acknowledgements = 0; arrived.size < 200 || inFlight.length > 0; acknowledgements++) {
      await next(acknowledgements)
      if (acknowledgements === 100) {
        // The client comes back: what is in flight keeps its identifiers, and what is new must get others.
        await client.drop()
        inFlight.length = 0
        client = await mute(broker, 'client', { clean: false })
        continue
      }
      const acknowledged = pick(inFlight)
      if (acknowledged === undefined) continue
      inFlight.splice(inFlight.indexOf(acknowledged), 1)
      client.send({ cmd: 'puback', messageId: acknowledged })
    }
    assert.equal(arrived.size, 200)
  })
}

for (const qos of [1, 2] as const) {
  test(`at most 64 messages of QoS ${qos} are in flight, and the rest follow as they are acknowledged`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await reader(broker, 'publisher')
    const client = await mute(broker, 'client')
    await client.subscribe('t', qos)
    publisher.write(burst('t', numbers(150), qos))
    await hearAnswer(publisher, qos === 1 ? 'puback' : 'pubcomp', 150)
    await client.ping()
    assert.deepEqual(client.messages, numbers(64))

    const complete = async (messageId: number): Promise<void> => {
      if (qos === 1) return client.send({ cmd: 'puback', messageId })
      client.send({ cmd: 'pubrec', messageId })
      await hearAnswer(client, 'pubrel', messageId)
      forget(client, ({ cmd }) => cmd === 'pubrel')
      client.send({ cmd: 'pubcomp', messageId })
    }
    for (let n = 0; n < 150; n++) {
      await hearCount(client, Math.min(150, 64 + n))
      await client.ping()
      assert.equal(messagesOf(client).length, Math.min(150, 64 + n))
      await complete(idsOf(messagesOf(client))[n] ?? 0)
    }
    assert.deepEqual(client.messages, numbers(150))
  })
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

for (const qos of [0, 1, 2] as const) {
  test(`messages of QoS ${qos} keep their order, though some of them are retained and must be stored first [MQTT-4.6.0-6]`, async (t) => {
    const broker = await aBroker(t, { database: slowDatabase() })
    const client = await reader(broker, 'client')
    await client.subscribe('t', qos)
    const publisher = acknowledging(await mute(broker, 'publisher'))
    publisher.write(
      Buffer.concat(
        numbers(60).map((payload, index) =>
          generate(publishPacket('t', payload, { qos, retain: index % 3 === 0, messageId: index + 1 })),
        ),
      ),
    )
    await hearCount(client, 60)
    assert.deepEqual(client.messages, numbers(60))
  })
}
