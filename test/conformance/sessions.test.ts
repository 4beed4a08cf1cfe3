import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aBroker } from '../broker/support/broker.ts'
import { asService, connectPacket, dial } from '../broker/support/wire.ts'
import { closed, hear, heardBy, hearMessage, leave, mute, publish, reader } from './support/clients.ts'
import { eventually, inTime } from './support/in-time.ts'

/** Sessions, takeovers, wills and keep alive. Source: MQTT 3.1.1 §3.1, §3.2.2.2, §4.1. */

const withWill = (payload: string) =>
  ({ will: { topic: 'will', payload: Buffer.from(payload), qos: 1, retain: false } }) as const

test('a session without subscriptions is present when its client comes back [MQTT-3.2.2-2]', async (t) => {
  const broker = await aBroker(t)
  const before = await mute(broker, 'a', { clean: false })
  assert.equal(before.received[0]?.['sessionPresent'], false)
  await leave(before)
  const again = await mute(broker, 'a', { clean: false })
  assert.equal(again.received[0]?.['sessionPresent'], true)
})

test('a session is present when its client takes itself over [MQTT-3.2.2-2]', async (t) => {
  const broker = await aBroker(t)
  const before = await mute(broker, 'a', { clean: false })
  await before.subscribe('t', 1)
  const again = await mute(broker, 'a', { clean: false })
  assert.equal(again.received[0]?.['sessionPresent'], true)
  await closed(before)
  await publish(await mute(broker, 'publisher'), 't', 'live', { qos: 1 })
  await hearMessage(again, 'live')
})

test('a clean session wipes the state before it, and leaves none behind [MQTT-3.1.2-6]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await mute(broker, 'a', { clean: false })
  await before.subscribe(['t', 'marker'], 1)
  await publish(publisher, 't', 'in flight', { qos: 1 })
  await hearMessage(before, 'in flight')
  await leave(before)
  await publish(publisher, 't', 'queued', { qos: 1 })

  const clean = await mute(broker, 'a', { clean: true })
  assert.equal(clean.received[0]?.['sessionPresent'], false)
  await publish(publisher, 't', 'live', { qos: 1 })
  await clean.subscribe('marker', 1)
  await publish(publisher, 'marker', 'end', { qos: 1 })
  await hearMessage(clean, 'end')
  assert.deepEqual(heardBy(clean), ['marker=end qos 1'])
  await leave(clean)

  const after = await mute(broker, 'a', { clean: false })
  assert.equal(after.received[0]?.['sessionPresent'], false)
  await publish(publisher, 'marker', 'nobody', { qos: 1 })
  await after.subscribe('other', 1)
  await publish(publisher, 'other', 'end', { qos: 1 })
  await hearMessage(after, 'end')
  assert.deepEqual(heardBy(after), ['other=end qos 1'])
})

test('what a session has unsubscribed from stays unsubscribed when it comes back [MQTT-3.10.4-2]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await mute(broker, 'a', { clean: false })
  await before.subscribe(['t/a', 't/b'], 1)
  before.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['t/a'] })
  await hear(before, 'UNSUBACK', ({ cmd }) => cmd === 'unsuback')
  await leave(before)
  for (const name of ['a', 'b']) await publish(publisher, `t/${name}`, name, { qos: 1 })
  const again = await mute(broker, 'a', { clean: false })
  await hearMessage(again, 'b')
  assert.deepEqual(heardBy(again), ['t/b=b qos 1'])
})

test('a SUBSCRIBE with another QoS replaces the subscription, also in the store [MQTT-3.8.4-3]', async (t) => {
  const broker = await aBroker(t)
  const publisher = await mute(broker, 'publisher')
  const before = await reader(broker, 'a', { clean: false })
  await before.subscribe(['up', 'down'], 1)
  await before.subscribe('up', 2, 2)
  await before.subscribe('down', 0, 3)
  for (const topic of ['up', 'down']) await publish(publisher, topic, `live ${topic}`, { qos: 2 })
  await hearMessage(before, 'live up')
  await hearMessage(before, 'live down')
  assert.deepEqual(heardBy(before).toSorted(), ['down=live down', 'up=live up qos 2'])
  await before.ping()
  await before.ping()
  await leave(before)
  for (const topic of ['down', 'up']) await publish(publisher, topic, `queued ${topic}`, { qos: 2 })
  const again = await reader(broker, 'a', { clean: false })
  await hearMessage(again, 'queued up')
  assert.deepEqual(heardBy(again), ['up=queued up qos 2'])
})

for (const clean of [true, false]) {
  test(`fifty simultaneous logins under one client id, clean=${Number(clean)}, leave one connection [MQTT-3.1.4-2]`, async (t) => {
    const broker = await aBroker(t)
    const earlier = await mute(broker, 'a', { clean })
    await earlier.subscribe(['t', 'u'], 1)
    const clients = Array.from({ length: 50 }, () => dial(broker))
    for (const client of clients) client.send(connectPacket(asService('a', { clean })))
    const open = () => clients.filter(({ isClosed }) => !isClosed)
    await eventually(
      () => `${open().length} of 50 connections are open`,
      () => open().length <= 1,
    )
    await closed(earlier)
    const [last] = open()
    assert.ok(last !== undefined, 'no connection is left')
    await hear(last, 'CONNACK', ({ cmd }) => cmd === 'connack')
    await inTime(last.ping(), 'the last connection is not served')
    assert.equal(broker.connectedClients(), 1)
    await last.drop()
    await eventually('a connection is still counted', () => broker.connectedClients() === 0)
  })
}

test('a takeover publishes the old will and keeps the new one [MQTT-3.1.2-8, MQTT-3.1.4-2]', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('will', 1)
  const old = await mute(broker, 'a', withWill('old'))
  const fresh = await mute(broker, 'a', withWill('new'))
  await closed(old)
  await hearMessage(watcher, 'old')
  await fresh.ping()
  assert.deepEqual(watcher.messages, ['old'])
  await fresh.drop()
  await hearMessage(watcher, 'new')
  assert.deepEqual(watcher.messages, ['old', 'new'])
})

test('a client without a will that takes over one with a will leaves none [MQTT-3.1.2-10]', async (t) => {
  const broker = await aBroker(t)
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('will', 1)
  await mute(broker, 'a', { will: { topic: 'will', payload: Buffer.from('old'), qos: 1, retain: false } })
  const fresh = await mute(broker, 'a')
  await hearMessage(watcher, 'old')
  await fresh.drop()
  await eventually('the connection is still counted', () => broker.connectedClients() === 1)
  await publish(await mute(broker, 'publisher'), 'will', 'end', { qos: 1 })
  await hearMessage(watcher, 'end')
  assert.deepEqual(watcher.messages, ['old', 'end'])
})

test('keep alive: who is silent for one and a half times as long is closed, who says anything stays [MQTT-3.1.2-24]', async (t) => {
  const broker = await aBroker(t)
  const began = performance.now()
  const closedAfter = new Map<string, number>()
  const watch = async (name: string, keepalive: number, protocolVersion: 3 | 4 = 4) => {
    const protocolId = protocolVersion === 3 ? 'MQIsdp' : 'MQTT'
    const client = await mute(broker, name, { keepalive, protocolId, protocolVersion })
    void client.closed.then(() => closedAfter.set(name, performance.now() - began))
    return client
  }
  const silent = [await watch('silent', 1), await watch('silent-3', 1, 3)]
  const pinging = await watch('pinging', 1)
  const publishing = await watch('publishing', 1)
  const forever = await watch('forever', 0)
  const timer = setInterval(() => {
    pinging.send({ cmd: 'pingreq' })
    publishing.publish('t', 'x')
  }, 400)
  t.after(() => clearInterval(timer))
  await Promise.all(silent.map((client) => closed(client)))
  for (const name of ['silent', 'silent-3']) {
    const took = closedAfter.get(name) ?? 0
    assert.ok(took >= 1_450 && took <= 3_000, `${name} was closed after ${took} ms`)
  }
  await eventually('three seconds have not passed', () => performance.now() - began > 3_000)
  for (const client of [pinging, publishing, forever]) await inTime(client.ping(), 'who was not silent was closed')
})

test('what a keep alive counts is what the client sends, not what it is sent [MQTT-3.1.2-24]', async (t) => {
  const broker = await aBroker(t)
  const deaf = await mute(broker, 'deaf', { keepalive: 1 })
  await deaf.subscribe('t')
  const publisher = await mute(broker, 'publisher')
  const timer = setInterval(() => publisher.publish('t', 'x'), 100)
  t.after(() => clearInterval(timer))
  await inTime(deaf.closed, 'a client that only listens stays', 3_500)
})

test('a client of MQTT 3.1 gets no session present flag, which it does not know [MQTT 3.1 §3.2]', async (t) => {
  const broker = await aBroker(t)
  for (const [protocolId, protocolVersion, flag] of [
    ['MQIsdp', 3, false],
    ['MQTT', 4, true],
  ] as const) {
    const name = `client-${protocolVersion}`
    broker.registry.addService(name)
    for (const expected of [false, flag]) {
      const client = dial(broker)
      const connack = await client.login(asService(name, { clean: false, protocolId, protocolVersion }))
      assert.equal(connack['sessionPresent'], expected)
      await leave(client)
    }
  }
})
