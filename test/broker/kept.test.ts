import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test, type TestContext } from 'node:test'
import {
  closed,
  hear,
  hearAnswer,
  hearCount,
  heardBy,
  hearMessage,
  leave,
  mute,
  numbers,
  publish,
  reader,
} from '../conformance/support/clients.ts'
import { eventually, turns } from '../conformance/support/in-time.ts'
import { memoryDatabase } from '../support/registry.ts'
import { roomsOf, WatchedLevel } from '../support/watched-level.ts'
import { aBroker, type TestBroker } from './support/broker.ts'
import { asService, dial, publishPacket } from './support/wire.ts'

/** What of a message goes to the disk, and what leaves before and after it is there. */

async function watchedBroker(t: TestContext): Promise<{ broker: TestBroker; level: WatchedLevel }> {
  const level = new WatchedLevel()
  await level.open()
  return { broker: await aBroker(t, { database: memoryDatabase(level) }), level }
}

/** The next process over the same database: the one before is not asked to close. */
const nextBroker = (t: TestContext, { database }: TestBroker): Promise<TestBroker> =>
  aBroker(t, { database: memoryDatabase(database.level, database.bootNumber + 1) })

const failing = (): Promise<void> => Promise.reject(new Error('Input/output error'))

/** A session that has subscribed to `t`, and left. */
async function away(broker: TestBroker, name: string, qos: 1 | 2 = 1): Promise<void> {
  const client = await mute(broker, name, { clean: false })
  await client.subscribe('t', qos)
  await leave(client)
}

// ---- before the acknowledgement

const kept = [
  { what: 'PUBACK', qos: 1, answer: 'puback', retain: false },
  { what: 'PUBREC', qos: 2, answer: 'pubrec', retain: false },
  { what: 'PUBACK of a retained message', qos: 1, answer: 'puback', retain: true },
] as const
for (const { what, qos, answer, retain } of kept) {
  test(`no ${what} and no delivery before the message is on disk`, async (t) => {
    const { broker, level } = await watchedBroker(t)
    if (!retain) await away(broker, 'away')
    const live = await reader(broker, 'live')
    await live.subscribe('t', 1)
    const publisher = await mute(broker, 'publisher')
    const opened = new EventEmitter()
    const before = level.commits.length
    level.gate = async () => void (await once(opened, 'open'))
    publisher.publish('t', 'm', { qos, retain, messageId: 7 })
    await publisher.ping()
    await eventually('a commit', () => level.commits.length > before)
    await turns(5)
    assert.deepEqual(
      publisher.received.filter(({ cmd }) => cmd === answer),
      [],
    )
    assert.deepEqual(heardBy(live), [])
    level.gate = () => undefined
    opened.emit('open')
    await hearAnswer(publisher, answer, 7)
    await hearMessage(live, 'm')
  })

  test(`a write that fails gives no ${what}, closes the connection, and the message comes once when it is sent again`, async (t) => {
    const { broker, level } = await watchedBroker(t)
    await away(broker, 'away', 2)
    const live = await reader(broker, 'live')
    await live.subscribe('t', 2)
    const publisher = await mute(broker, 'publisher', { clean: false })
    level.gate = failing
    publisher.publish('t', 'm', { qos, retain, messageId: 7 })
    await closed(publisher)
    assert.deepEqual(
      publisher.received.filter(({ cmd }) => cmd === answer),
      [],
    )
    level.gate = () => undefined

    const again = await mute(broker, 'publisher', { clean: false })
    again.send({ ...publishPacket('t', 'm', { qos, retain, messageId: 7 }), dup: true } as never)
    await hearAnswer(again, answer, 7)
    if (qos === 2) again.send({ cmd: 'pubrel', messageId: 7 })
    await publish(again, 't', 'end', { qos: 1, id: 8 })
    await hearMessage(live, 'end')
    assert.deepEqual(live.messages, ['m', 'end'])
    const back = await reader(await nextBroker(t, broker), 'away', { clean: false })
    await hearMessage(back, 'end')
    assert.deepEqual(back.messages, ['m', 'end'])
  })
}

const promises = [
  { what: 'CONNACK of a session that outlives its connection', clean: false, act: 'connect' },
  { what: 'CONNACK of a client with a will', clean: true, act: 'will' },
  { what: 'SUBACK', clean: false, act: 'subscribe' },
  { what: 'UNSUBACK', clean: false, act: 'unsubscribe' },
  { what: 'PUBCOMP', clean: false, act: 'pubrel' },
] as const
for (const { what, clean, act } of promises) {
  test(`no ${what} when what it promises cannot be written`, async (t) => {
    const { broker, level } = await watchedBroker(t)
    broker.registry.addService('a')
    const client = dial(broker)
    const will = { topic: 'will', payload: Buffer.from('w'), qos: 1, retain: false } as const
    const connect = asService('a', { clean, ...(act === 'will' ? { will } : {}) })
    if (act === 'connect' || act === 'will') {
      level.gate = failing
      client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, keepalive: 0, ...connect } as never)
    } else {
      await client.login(connect)
      await client.subscribe('t', 1)
      client.publish('u', 'm', { qos: 2, messageId: 9 })
      await hearAnswer(client, 'pubrec', 9)
      client.received.length = 0
      level.gate = failing
      if (act === 'subscribe') client.send({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: 'v', qos: 1 }] })
      if (act === 'unsubscribe') client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['t'] })
      if (act === 'pubrel') client.send({ cmd: 'pubrel', messageId: 9 })
    }
    await closed(client)
    // A CONNECT is answered, so that the device tries again, but not with 0.
    const promised = client.received.filter((packet) => packet['returnCode'] !== 3)
    assert.deepEqual(promised, [])
  })
}

test('a failed write leaves those alone who had nothing to do with it', async (t) => {
  const { broker, level } = await watchedBroker(t)
  await away(broker, 'away')
  const live = await reader(broker, 'live')
  await live.subscribe('other', 1)
  const publisher = await mute(broker, 'publisher')
  const other = await mute(broker, 'other')
  level.gate = failing
  publisher.publish('t', 'm', { qos: 1 })
  await closed(publisher)
  await publish(other, 'other', 'm', { qos: 1 })
  await hearMessage(live, 'm')
})

// ---- what it costs

test('a client with a clean session costs no store access, whatever the QoS', async (t) => {
  const { broker, level } = await watchedBroker(t)
  const subscriber = await reader(broker, 'subscriber')
  await subscriber.subscribe(['t', 't/#'], 2)
  const publisher = await mute(broker, 'publisher')
  const [commits, reads] = [level.commits.length, level.reads]
  for (const qos of [0, 1, 2] as const) await publish(publisher, 't', `${qos}`, { qos })
  await hearCount(subscriber, 3)
  await leave(subscriber)
  await leave(publisher)
  await turns(5)
  assert.deepEqual([level.commits.length - commits, level.reads - reads], [0, 0])
})

test('a message that many sessions wait for is one record', async (t) => {
  const { broker, level } = await watchedBroker(t)
  for (const n of numbers(5)) await away(broker, `away-${n}`)
  const publisher = await mute(broker, 'publisher')
  // That they left is noted in their records.
  await turns(10)
  const before = level.commits.length
  await publish(publisher, 't', 'm', { qos: 1 })
  assert.deepEqual(level.commits.slice(before).map(roomsOf), [['messages']])
})

test('messages that come together are one record, and so are the ones a live session gets meanwhile', async (t) => {
  const { broker, level } = await watchedBroker(t)
  const live = await reader(broker, 'live', { clean: false })
  await live.subscribe('t', 1)
  const publishers = await Promise.all(numbers(20).map((n) => mute(broker, `publisher-${n}`)))
  const before = level.commits.length
  for (const publisher of publishers) publisher.publish('t', 'm', { qos: 1, messageId: 3 })
  await Promise.all(publishers.map((publisher) => hearAnswer(publisher, 'puback', 3)))
  await hearCount(live, 20)
  assert.deepEqual(level.commits.slice(before, before + 1).map(roomsOf), [['messages']])
  // What was acknowledged goes with a later commit: one record for the session, and the messages' own is dropped.
  await eventually('the acknowledgements', () => level.commits.length > before + 1)
  assert.deepEqual(level.commits.slice(before + 1).map(roomsOf), [['messages', 'progress']])
})

// ---- after a restart

test('what may have been sent is sent again with DUP and its old identifier, what was not is new', async (t) => {
  const { broker } = await watchedBroker(t)
  const live = await mute(broker, 'live', { clean: false })
  await live.subscribe('t', 2)
  const publisher = await mute(broker, 'publisher')
  for (const [n, qos] of ([1, 2, 1, 2] as const).entries()) await publish(publisher, 't', `${n}`, { qos })
  await hearCount(live, 4)
  const identifiers = live.received.flatMap(({ cmd, messageId }) => (cmd === 'publish' ? [messageId] : []))
  live.send({ cmd: 'pubrec', messageId: identifiers[3] ?? 0 })
  await hear(live, 'PUBREL', ({ cmd }) => cmd === 'pubrel')

  const next = await nextBroker(t, broker)
  await publish(await mute(next, 'publisher'), 't', 'new', { qos: 1 })
  const back = await mute(next, 'live', { clean: false })
  await hearMessage(back, 'new')
  assert.deepEqual(heardBy(back), ['t=0 qos 1 dup', 't=1 qos 2 dup', 't=2 qos 1 dup', 't=new qos 1'])
  const old = back.received.filter(({ cmd }) => cmd === 'publish' || cmd === 'pubrel').slice(0, 4)
  assert.deepEqual(
    old.map(({ cmd, messageId }) => [cmd, messageId]),
    [
      ['publish', identifiers[0]],
      ['publish', identifiers[1]],
      ['publish', identifiers[2]],
      ['pubrel', identifiers[3]],
    ],
  )
})

test('a lagging session: every identifier that a client has seen is on disk before it sees it', async (t) => {
  const { broker } = await watchedBroker(t)
  await away(broker, 'away')
  const publisher = await mute(broker, 'publisher')
  for (const n of numbers(200)) await publish(publisher, 't', n, { qos: 1 })
  const back = await mute(broker, 'away', { clean: false })
  await hearCount(back, 64)
  for (const n of numbers(10, 1)) back.send({ cmd: 'puback', messageId: Number(n) })
  await hearCount(back, 74)

  const next = await reader(await nextBroker(t, broker), 'away', { clean: false })
  await hearMessage(next, '199')
  const dups = heardBy(next).filter((words) => words.endsWith('dup'))
  const seen = back.messages.slice(10)
  assert.deepEqual(next.messages.slice(-190), numbers(190, 10), 'in order, none lost')
  for (const payload of seen) assert.ok(dups.includes(`t=${payload} qos 1 dup`), `${payload} without DUP`)
})

test('a client that acknowledges gets identifiers ahead: nothing leaves before its own is on disk, and a crash puts no more than the window under way', async (t) => {
  const { broker, level } = await watchedBroker(t)
  await away(broker, 'away')
  const publisher = await mute(broker, 'publisher')
  for (const n of numbers(600)) await publish(publisher, 't', n, { qos: 1 })
  const opened = new EventEmitter()
  const back = await mute(broker, 'away', { clean: false })
  const acknowledge = (from: number): void => {
    for (const { cmd, messageId = 0 } of back.received.slice(from)) {
      if (cmd === 'publish') back.send({ cmd: 'puback', messageId })
    }
  }
  let heard = 0
  while (back.messages.length < 300) {
    await hearCount(back, back.messages.length + 1)
    acknowledge(heard)
    heard = back.received.length
  }

  level.gate = async () => void (await once(opened, 'open'))
  for (let quiet = 0; quiet < 20; quiet += 1) {
    await turns(5)
    if (back.received.length > heard) quiet = 0
    acknowledge(heard)
    heard = back.received.length
  }
  const seen = back.messages.length
  assert.ok(seen < 600, 'messages leave while nothing gets to the disk')
  const next = await nextBroker(t, broker)
  const silent = await mute(next, 'away', { clean: false })
  level.gate = () => undefined
  opened.emit('open')
  await hearCount(silent, 64)
  await silent.ping()
  assert.equal(silent.messages.length, 64, 'more than the window')
  await leave(silent)

  const reading = await reader(next, 'away', { clean: false })
  await hearMessage(reading, '599')
  const dups = new Set(heardBy(reading).filter((words) => words.endsWith('dup')))
  for (const payload of reading.messages) {
    if (Number(payload) < seen) assert.ok(dups.has(`t=${payload} qos 1 dup`), `${payload} without DUP`)
  }
})

test('order is kept over four restarts', async (t) => {
  let { broker } = await watchedBroker(t)
  await away(broker, 'away')
  for (const start of numbers(4)) {
    const publisher = await mute(broker, 'publisher')
    for (const n of numbers(20)) await publish(publisher, 't', `${start} ${n}`, { qos: 1 })
    broker = await nextBroker(t, broker)
  }
  const back = await reader(broker, 'away', { clean: false })
  await hearCount(back, 80)
  assert.deepEqual(
    back.messages,
    numbers(4).flatMap((start) => numbers(20).map((n) => `${start} ${n}`)),
  )
})

test('a message of QoS 2 whose PUBREC was lost is not published again after a restart', async (t) => {
  const { broker } = await watchedBroker(t)
  await away(broker, 'away', 2)
  const publisher = await mute(broker, 'publisher', { clean: false })
  publisher.publish('t', 'm', { qos: 2, messageId: 7 })
  await hearAnswer(publisher, 'pubrec', 7)

  const next = await nextBroker(t, broker)
  const again = await mute(next, 'publisher', { clean: false })
  again.send({ ...publishPacket('t', 'm', { qos: 2, messageId: 7 }), dup: true } as never)
  await hearAnswer(again, 'pubrec', 7)
  again.send({ cmd: 'pubrel', messageId: 7 })
  await hearAnswer(again, 'pubcomp', 7)
  await publish(again, 't', 'another under the same identifier', { qos: 2, id: 7 })
  const back = await reader(next, 'away', { clean: false })
  await hearCount(back, 2)
  assert.deepEqual(back.messages, ['m', 'another under the same identifier'])
})
