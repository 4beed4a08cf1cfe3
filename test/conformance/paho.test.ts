import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aBroker } from '../broker/support/broker.ts'
import { asService, dial, topicOf } from '../broker/support/wire.ts'
import { connect } from './support/bytes.ts'
import {
  closed,
  hear,
  heardBy,
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

/**
 * The behaviours of the Eclipse Paho interoperability tests for MQTT 3.1.1, one test each. Where those allow a broker a
 * choice, the choice of this one is asserted.
 */

const keptWill = (payload: string) =>
  ({ topic: 'will/a', payload: Buffer.from(payload), qos: 2, retain: true }) as const

const QOS = [0, 1, 2] as const satisfies readonly Qos[]

test('basic: messages of every QoS come back to their publisher, and a second CONNECT closes', async (t) => {
  const broker = await aBroker(t)
  const [publisher, client] = [await mute(broker, 'b'), await reader(broker, 'a')]
  await client.subscribe('topic/a', 2)
  for (const qos of QOS) await publish(publisher, 'topic/a', `qos ${qos}`, { qos, id: 10 + qos })
  await hearCount(client, 3)
  assert.deepEqual(heardBy(client).toSorted(), ['topic/a=qos 0', 'topic/a=qos 1 qos 1', 'topic/a=qos 2 qos 2'])
  client.send({ ...asService('a'), cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'a' })
  await closed(client)
})

test('retained: the last message of each topic comes with a subscription, until an empty one clears it', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'a')
  for (const qos of QOS) await publish(publisher, `kept/${qos}`, `qos ${qos}`, { qos, retain: true })

  const before = await reader(broker, 'b')
  await before.subscribe('+/+', 2)
  await hearCount(before, 3)
  assert.deepEqual(heardBy(before).toSorted(), [
    'kept/0=qos 0 retain',
    'kept/1=qos 1 qos 1 retain',
    'kept/2=qos 2 qos 2 retain',
  ])

  for (const qos of QOS) await publish(publisher, `kept/${qos}`, '', { qos, retain: true })
  const afterwards = await reader(broker, 'c')
  await afterwards.subscribe('+/+', 2)
  await publish(publisher, 'the/end', 'end')
  await hearMessage(afterwards, 'end')
  assert.deepEqual(heardBy(afterwards), ['the/end=end'])
})

test('offline queueing: what came while the session was away follows, messages of QoS 0 excepted', async (t) => {
  const broker = await aBroker(t)
  const before = await reader(broker, 'a', { clean: false })
  await before.subscribe('+/+', 2)
  await leave(before)
  const publisher = await mute(broker, 'b')
  for (const qos of QOS) await publish(publisher, `topic/${qos}`, `qos ${qos}`, { qos })
  const again = await reader(broker, 'a', { clean: false })
  await hearCount(again, 2)
  assert.deepEqual(heardBy(again).toSorted(), ['topic/1=qos 1 qos 1', 'topic/2=qos 2 qos 2'])
})

test('will: it is published when the connection breaks, retained when it says so, and not after DISCONNECT', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'b')
  await watcher.subscribe('will/#', 2)
  await leave(await mute(broker, 'a', { will: keptWill('moot') }))
  const broken = await mute(broker, 'a', { will: keptWill('gone') })
  await broken.drop()
  await hearMessage(watcher, 'gone')
  assert.deepEqual(heardBy(watcher), ['will/a=gone qos 2'])
  const later = await reader(broker, 'c')
  await later.subscribe('will/+', 2)
  await hearMessage(later, 'gone')
  assert.deepEqual(heardBy(later), ['will/a=gone qos 2 retain'])
})

test('overlapping subscriptions: a message comes once, at the highest QoS', async (t) => {
  const broker = await aBroker(t)
  const client = await reader(broker, 'a')
  await client.subscribe('+/+', 2, 1)
  await client.subscribe('topic/a', 1, 2)
  const publisher = await mute(broker, 'b')
  await publish(publisher, 'topic/a', 'over', { qos: 2 })
  await publish(publisher, 'topic/a', 'end', { qos: 2 })
  await hearMessage(client, 'end')
  assert.deepEqual(heardBy(client), ['topic/a=over qos 2', 'topic/a=end qos 2'])
})

test('keepalive: a silent client is closed after one and a half times as long, and its will is published', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'b')
  await watcher.subscribe('will', 1)
  const will = { topic: 'will', payload: Buffer.from('silent'), qos: 1 as const, retain: false }
  const began = performance.now()
  const silent = await mute(broker, 'a', { keepalive: 1, will })
  await closed(silent)
  const took = performance.now() - began
  await hearMessage(watcher, 'silent')
  assert.ok(took >= 1_450 && took <= 3_000, `closed after ${took} ms`)
})

test('redelivery on reconnect: what was not acknowledged comes again, with DUP and its packet identifier', async (t) => {
  const broker = await aBroker(t)
  const before = await mute(broker, 'a', { clean: false })
  await before.subscribe('topic/#', 2)
  const publisher = await mute(broker, 'b')
  await publish(publisher, 'topic/1', 'qos 1', { qos: 1 })
  await publish(publisher, 'topic/2', 'qos 2', { qos: 2 })
  await hearMessage(before, 'qos 1')
  await hearMessage(before, 'qos 2')
  await before.drop()
  const again = await reader(broker, 'a', { clean: false })
  await hearMessage(again, 'qos 2')
  assert.deepEqual(heardBy(again), ['topic/1=qos 1 qos 1 dup', 'topic/2=qos 2 qos 2 dup'])
  assert.deepEqual(
    messagesOf(again).map(({ messageId }) => messageId),
    messagesOf(before).map(({ messageId }) => messageId),
  )
})

test('zero-length client id: refused with clean=0, and two clients without one do not meet', async (t) => {
  const broker = await aBroker(t)
  broker.registry.addService('a')
  const refused = dial(broker)
  refused.write(connect({ clientId: '', clean: false, userName: 'a' }))
  const answer = await hear(refused, 'CONNACK', ({ cmd }) => cmd === 'connack')
  assert.equal(answer['returnCode'], 2)
  await closed(refused)
  const [one, other] = [dial(broker), dial(broker)]
  for (const client of [one, other]) {
    assert.equal((await client.login(asService('a', { clientId: '' })))['returnCode'], 0)
  }
  await one.ping()
  await other.ping()
  assert.equal(broker.connectedClients(), 2)
})

test('$-topics: no client may publish there, and who subscribes to everything hears nothing of it', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'a')
  await watcher.subscribe(['#', '+/a', '+/+'], 2)
  const publisher = await mute(broker, 'b')
  publisher.publish('$topic/a', 'hidden', { qos: 1 })
  await closed(publisher)
  await publish(await mute(broker, 'c'), 'topic/a', 'end', { qos: 2 })
  await hearMessage(watcher, 'end')
  assert.deepEqual(heardBy(watcher), ['topic/a=end qos 2'])
})

test('unsubscribe: nothing more comes for the filter that was taken back, and for the others it does', async (t) => {
  const broker = await aBroker(t)
  const client = await reader(broker, 'a')
  await client.subscribe(['topic/a', 'topic/b', 'topic/c'], 2)
  client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['topic/a'] })
  await client.hear(({ cmd }) => cmd === 'unsuback')
  const publisher = await mute(broker, 'b')
  for (const name of ['a', 'b', 'c']) await publish(publisher, `topic/${name}`, name, { qos: 1 })
  await hearMessage(client, 'c')
  assert.deepEqual(heardBy(client), ['topic/b=b qos 1', 'topic/c=c qos 1'])
})

for (const protocol of [
  { protocolId: 'MQTT', protocolVersion: 4 },
  { protocolId: 'MQIsdp', protocolVersion: 3 },
] as const) {
  test(`subscribe failure: ${protocol.protocolId} hears 128 for the filter that was refused, and no message of it`, async (t) => {
    const broker = await aBroker(t)
    const device = await broker.device(1, protocol)
    const granted = await device.subscribe([topicOf(2, 'command'), topicOf(1, 'command')], 1)
    assert.deepEqual(granted, [128, 1])
    const publisher = await mute(broker, 'b')
    await publish(publisher, topicOf(2, 'command'), 'foreign', { qos: 1 })
    for (const payload of numbers(2)) await publish(publisher, topicOf(1, 'command'), payload, { qos: 1 })
    await hearMessage(device, '1')
    assert.deepEqual(device.messages, ['0', '1'])
  })
}
