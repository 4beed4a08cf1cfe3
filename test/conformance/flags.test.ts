import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { aBroker } from '../broker/support/broker.ts'
import { publishPacket } from '../broker/support/wire.ts'
import {
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
} from './support/clients.ts'

// DUP and RETAIN of what arrives. Source: MQTT 3.1.1 §3.3.1, §4.4.

const idsOf = (packets: readonly { messageId?: unknown }[]): number[] =>
  packets.map(({ messageId }) => Number(messageId))

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
