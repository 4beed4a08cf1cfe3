import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { aBroker } from '../broker/support/broker.ts'
import { asService, connectPacket, dial, publishPacket, type WireClient } from '../broker/support/wire.ts'
import {
  acknowledging,
  burst,
  hear,
  hearAnswer,
  hearCount,
  hearMessage,
  leave,
  messagesOf,
  mute,
  numbers,
  reader,
  until,
  type Qos,
} from './support/clients.ts'
import { turns } from './support/in-time.ts'
import { slowDatabase } from './support/slow-database.ts'

// What arrives, and in which order. Source: MQTT 3.1.1 §3.1.4, §4.6.

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
