import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { aBroker } from '../broker/support/broker.ts'
import { publishPacket, type Received, type WireClient } from '../broker/support/wire.ts'
import {
  burst,
  forget,
  hear,
  hearAnswer,
  heardBy,
  hearCount,
  hearMessage,
  leave,
  messagesOf,
  mute,
  numbers,
  publish,
  reader,
  until,
} from './support/clients.ts'
import { slowDatabase } from './support/slow-database.ts'

/** Exactly once, in both directions and over lost connections. Source: MQTT 3.1.1 §4.3.3, §4.4. */

const ID = 5
const first = generate(publishPacket('t', 'once', { qos: 2, messageId: ID }))
const again = Buffer.concat([Buffer.from([first.readUInt8(0) | 0x08]), first.subarray(1)])

/** What a publisher has sent, and what of the answers it never saw, when its connection breaks. */
const breaksOfAPublisher: readonly {
  name: string
  before: (publisher: WireClient) => Promise<unknown>
  afterwards: (publisher: WireClient) => Promise<unknown>
}[] = [
  {
    name: 'before PUBREC',
    before: (publisher) => hearAnswer(publisher, 'pubrec', ID),
    afterwards: async (publisher) => {
      publisher.write(again)
      await hearAnswer(publisher, 'pubrec', ID)
      publisher.send({ cmd: 'pubrel', messageId: ID })
      await hearAnswer(publisher, 'pubcomp', ID)
    },
  },
  {
    name: 'before PUBREL',
    before: (publisher) => hearAnswer(publisher, 'pubrec', ID),
    afterwards: async (publisher) => {
      publisher.send({ cmd: 'pubrel', messageId: ID })
      await hearAnswer(publisher, 'pubcomp', ID)
    },
  },
  {
    name: 'before PUBCOMP',
    before: async (publisher) => {
      await hearAnswer(publisher, 'pubrec', ID)
      publisher.send({ cmd: 'pubrel', messageId: ID })
      await hearAnswer(publisher, 'pubcomp', ID)
    },
    afterwards: async (publisher) => {
      publisher.send({ cmd: 'pubrel', messageId: ID })
      await hearAnswer(publisher, 'pubcomp', ID)
    },
  },
]

for (const { name, before, afterwards } of breaksOfAPublisher) {
  test(`a message whose publisher loses its connection ${name} arrives exactly once [MQTT-4.3.3-2]`, async (t) => {
    const broker = await aBroker(t)
    const watcher = await reader(broker, 'watcher')
    await watcher.subscribe('#', 2)
    const lost = await mute(broker, 'publisher', { clean: false })
    lost.write(first)
    await before(lost)
    await lost.drop()
    const back = await mute(broker, 'publisher', { clean: false })
    await afterwards(back)

    // The packet identifier is free now: the same one is another message.
    await publish(back, 't', 'next', { qos: 2, id: ID })
    await hearMessage(watcher, 'next')
    assert.deepEqual(heardBy(watcher), ['t=once qos 2', 't=next qos 2'])
  })
}

test('the same PUBLISH three times in one chunk is one message [MQTT-4.3.3-2]', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('t', 2)
  const publisher = await mute(broker, 'publisher')
  publisher.write(Buffer.concat([first, again, again]))
  const pubrecs = (): number => publisher.received.filter(({ cmd }) => cmd === 'pubrec').length
  await until(publisher, 'the third PUBREC', () => pubrecs() >= 3)
  publisher.send({ cmd: 'pubrel', messageId: ID })
  await hearAnswer(publisher, 'pubcomp', ID)
  await publish(publisher, 't', 'end', { qos: 2, id: 6 })
  await hearMessage(watcher, 'end')
  assert.deepEqual(heardBy(watcher), ['t=once qos 2', 't=end qos 2'])
})

test('the same PUBLISH three times while the first is still being stored is one message [MQTT-4.3.3-2]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('t', 2)
  // For whom it must be stored.
  const away = await mute(broker, 'away', { clean: false })
  await away.subscribe('t', 2)
  await leave(away)
  const publisher = await mute(broker, 'publisher')
  publisher.write(Buffer.concat([first, again, again]))
  await hearAnswer(publisher, 'pubrec', ID)
  publisher.send({ cmd: 'pubrel', messageId: ID })
  await hearAnswer(publisher, 'pubcomp', ID)
  await publish(publisher, 't', 'end', { qos: 2, id: 6 })
  await hearMessage(watcher, 'end')
  assert.deepEqual(heardBy(watcher), ['t=once qos 2', 't=end qos 2'])
})

test('a clean session forgets which packet identifiers it holds: the same one is a new message [MQTT-3.1.2-6]', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('t', 2)
  const lost = await mute(broker, 'publisher', { clean: false })
  lost.write(first)
  await hearAnswer(lost, 'pubrec', ID)
  await lost.drop()
  const back = await mute(broker, 'publisher', { clean: true })
  await publish(back, 't', 'another', { qos: 2, id: ID })
  await hearMessage(watcher, 'another')
})

const isPublishOrRelease = ({ cmd }: Received): boolean => cmd === 'publish' || cmd === 'pubrel'
const isRelease = ({ cmd }: Received): boolean => cmd === 'pubrel'

test('a subscriber that loses its connection before PUBREC hears PUBLISH again, with DUP [MQTT-4.4.0-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const lost = await mute(broker, 'client', { clean: false })
  await lost.subscribe('t', 2)
  await publish(publisher, 't', 'once', { qos: 2 })
  const { messageId } = await hearMessage(lost, 'once')
  await lost.drop()
  const back = await mute(broker, 'client', { clean: false })
  const heard = await hearMessage(back, 'once')
  assert.equal(heard.messageId, messageId)
  assert.deepEqual(heardBy(back), ['t=once qos 2 dup'])
})

test('a subscriber that loses its connection after PUBREC hears PUBREL again and PUBLISH no more [MQTT-4.4.0-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const lost = await mute(broker, 'client', { clean: false })
  await lost.subscribe('t', 2)
  await publish(publisher, 't', 'once', { qos: 2 })
  const messageId = (await hearMessage(lost, 'once')).messageId ?? 0
  lost.send({ cmd: 'pubrec', messageId })
  await hearAnswer(lost, 'pubrel', messageId)
  await lost.drop()

  const back = await mute(broker, 'client', { clean: false })
  await hearAnswer(back, 'pubrel', messageId)
  back.send({ cmd: 'pubcomp', messageId })
  await back.ping()
  assert.deepEqual(heardBy(back), [])
  await back.drop()

  const third = await mute(broker, 'client', { clean: false })
  await publish(publisher, 't', 'end', { qos: 2 })
  await hearMessage(third, 'end')
  assert.deepEqual(heardBy(third), ['t=end qos 2'])
  assert.deepEqual(third.received.filter(isRelease), [])
})

test('PUBREC twice is answered with PUBREL twice, and the message is complete after PUBCOMP [MQTT-4.3.3-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const client = await mute(broker, 'client', { clean: false })
  await client.subscribe('t', 2)
  await publish(publisher, 't', 'once', { qos: 2 })
  const messageId = (await hearMessage(client, 'once')).messageId ?? 0
  for (let n = 0; n < 2; n++) {
    client.send({ cmd: 'pubrec', messageId })
    await hearAnswer(client, 'pubrel', messageId)
    forget(client, isRelease)
  }
  client.send({ cmd: 'pubcomp', messageId })
  await client.ping()
  await leave(client)
  const back = await mute(broker, 'client', { clean: false })
  await publish(publisher, 't', 'end', { qos: 2 })
  await hearMessage(back, 'end')
  assert.deepEqual(heardBy(back), ['t=end qos 2'])
})

test('200 messages arrive exactly once and in order at a subscriber that comes back at every stage of the flow', async (t) => {
  const broker = await aBroker(t)
  const publisher = await reader(broker, 'publisher')
  let client = await mute(broker, 'client', { clean: false })
  await client.subscribe('t', 2)
  publisher.write(burst('t', numbers(200), 2))
  await hearAnswer(publisher, 'pubcomp', 200)

  // As §4.3.3 has a receiver do it: by packet identifier, until PUBREL.
  const held = new Set<number>()
  const taken: string[] = []
  let steps = 0
  const comeBackNowAndThen = async (): Promise<boolean> => {
    if (++steps % 17 !== 0) return false
    await client.ping()
    await client.drop()
    client = await mute(broker, 'client', { clean: false })
    return true
  }
  while (taken.length < 200 || held.size > 0) {
    const packet = await hear(client, `anything after ${taken.length} of 200`, isPublishOrRelease)
    client.received.splice(client.received.indexOf(packet), 1)
    const messageId = packet.messageId ?? 0
    if (packet.cmd === 'publish' && !held.has(messageId)) {
      held.add(messageId)
      taken.push(String(packet.payload))
    }
    if (await comeBackNowAndThen()) continue
    if (packet.cmd === 'publish') client.send({ cmd: 'pubrec', messageId })
    else held.delete(messageId)
    if (packet.cmd === 'pubrel') client.send({ cmd: 'pubcomp', messageId })
    await comeBackNowAndThen()
  }
  assert.deepEqual(taken, numbers(200))
})

test('a retained message of QoS 2 reaches a persistent session, and its flow completes [§4.3.3]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 'kept', 'kept', { qos: 2, retain: true })
  const client = await mute(broker, 'client', { clean: false })
  await client.subscribe('kept', 2)
  const messageId = (await hearMessage(client, 'kept')).messageId ?? 0
  assert.deepEqual(heardBy(client), ['kept=kept qos 2 retain'])
  client.send({ cmd: 'pubrec', messageId })
  await hearAnswer(client, 'pubrel', messageId)
  client.send({ cmd: 'pubcomp', messageId })
  await client.ping()
  await leave(client)
  const back = await reader(broker, 'client', { clean: false })
  await publish(publisher, 'kept', 'end', { qos: 2 })
  await hearMessage(back, 'end')
  assert.deepEqual(heardBy(back), ['kept=end qos 2'])
})

test('a retained message that a persistent session did not acknowledge comes again [MQTT-4.4.0-1]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  for (const qos of [1, 2] as const) await publish(publisher, `kept/${qos}`, `qos ${qos}`, { qos, retain: true })
  const lost = await mute(broker, 'client', { clean: false })
  await lost.subscribe('kept/#', 2)
  await hearCount(lost, 2)
  await lost.drop()
  const back = await mute(broker, 'client', { clean: false })
  await hearCount(back, 2)
  assert.deepEqual(
    messagesOf(back).map(({ payload, dup }) => ({ payload: String(payload), dup })),
    messagesOf(lost).map(({ payload }) => ({ payload: String(payload), dup: true })),
  )
})
