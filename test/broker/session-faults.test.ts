import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { MemoryLevel } from 'memory-level'
import { generate } from 'mqtt-packet'
import type { AedesBroker, AedesHooks } from '../../broker/aedes-internals.d.ts'
import type { BrokerParts } from '../../broker/broker.ts'
import type { Connection } from '../../broker/connection.ts'
import { DEFAULT_LIMITS } from '../../broker/limits.ts'
import {
  acknowledging,
  burst,
  closed,
  hear,
  hearMessage,
  leave,
  mute,
  numbers,
  publish,
  reader,
} from '../conformance/support/clients.ts'
import { eventually, inTime, turns } from '../conformance/support/in-time.ts'
import { openBroker } from '../conformance/support/open-broker.ts'
import { slowDatabase } from '../conformance/support/slow-database.ts'
import { memoryDatabase } from '../support/registry.ts'
import { aBroker } from './support/broker.ts'
import { asService, connectPacket, dial, publishPacket } from './support/wire.ts'

/** What happens to a session when the store is slow or fails, and when a connection ends in the midst of something. */

const full = (): Promise<never> => Promise.reject(new Error('the disk is full'))

/** A database that refuses every write while `isFull`. */
function fullDatabase(): { readonly database: BrokerParts['database']; isFull: boolean } {
  const level = new MemoryLevel()
  const begin = level.batch.bind(level) as () => { write(options?: object): Promise<void> }
  const disk = { database: memoryDatabase(level), isFull: false }
  const orFail = (): unknown => {
    const batch = begin()
    const write = batch.write.bind(batch)
    return Object.assign(batch, { write: (options?: object) => (disk.isFull ? full() : write(options)) })
  }
  Object.assign(level, { batch: orFail })
  return disk
}

/** One without gates. */
async function anOpenBroker(
  t: TestContext,
  hooks: Partial<AedesHooks<Connection>> = {},
  connectTimeoutMs?: number,
): Promise<AedesBroker<Connection>> {
  const aedes = await openBroker(
    {
      preConnect: (_client, _packet, done) => done(null, true),
      authenticate: (_client, _userName, _password, done) => done(null, true),
      authorizePublish: (_client, _packet, done) => done(null),
      authorizeSubscribe: (_client, subscription, done) => done(null, subscription),
      authorizeForward: (_client, packet) => packet,
      published: (_packet, _client, done) => done(null),
      ...hooks,
    },
    connectTimeoutMs,
  )
  t.after(() => new Promise<void>((resolve) => aedes.close(resolve)))
  return aedes
}

const willing = { will: { topic: 'will', payload: Buffer.from('w'), qos: 1 as const, retain: false } }

for (const { name, connect } of [
  { name: 'session', connect: { clean: false } },
  { name: 'will', connect: willing },
]) {
  test(`a login whose ${name} cannot be stored is answered with return code 3, so that the device tries again`, async (t) => {
    const disk = fullDatabase()
    const broker = await aBroker(t, { database: disk.database })
    broker.registry.addService('s')
    disk.isFull = true
    const client = dial(broker)
    const connack = await inTime(client.login(asService('s', connect)), 'no CONNACK')
    assert.equal(connack['returnCode'], 3)
    await closed(client)
    assert.equal(broker.connectedClients(), 0)
    disk.isFull = false
    const again = dial(broker)
    const { sessionPresent } = await inTime(again.login(asService('s', connect)), 'no CONNACK')
    assert.equal(sessionPresent, false, 'a session that was never stored is said to be present')
    await inTime(again.ping(), 'the session is not served')
  })
}

test('a message that cannot be stored is not acknowledged, and its publisher is disconnected [MQTT-4.3.2-2]', async (t) => {
  const disk = fullDatabase()
  const broker = await aBroker(t, { database: disk.database })
  const away = await mute(broker, 'away', { clean: false })
  await away.subscribe('t', 1)
  await leave(away)
  const publisher = await mute(broker, 'publisher')
  disk.isFull = true
  publisher.publish('t', 'lost?', { qos: 1 })
  await closed(publisher)
  assert.deepEqual(
    publisher.received.filter(({ cmd }) => cmd === 'puback'),
    [],
  )
  disk.isFull = false
  const again = await mute(broker, 'publisher')
  await publish(again, 't', 'lost?', { qos: 1 })
  await hearMessage(await reader(broker, 'away', { clean: false }), 'lost?')
})

test('while a session is being resumed nothing is sent before CONNACK, however slow the store [MQTT-3.2.0-1]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const first = await mute(broker, 'client', { clean: false })
  await first.subscribe('t', 1)
  await first.drop()
  await eventually('the client stays', () => broker.connectedClients() === 0)
  const publisher = await mute(broker, 'publisher')
  const client = dial(broker)
  // The will has to be on disk before CONNACK.
  const connack = client.login(asService('client', { clean: false, ...willing }))
  for (let n = 0; client.received.length === 0; n++) {
    publisher.publish('t', `live ${n}`)
    publisher.publish('t', `kept ${n}`, { qos: 1, messageId: n + 1 })
    await turns(1)
  }
  assert.equal((await connack)['sessionPresent'], true)
  assert.equal(client.received[0]?.cmd, 'connack')
  await hear(client, 'what was queued meanwhile', ({ cmd }) => cmd === 'publish')
})

test('a takeover sends what comes meanwhile to one of the two connections, and before no CONNACK', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  let current = await mute(broker, 'client', { clean: false, ...willing })
  await current.subscribe('t', 1)
  const publisher = await mute(broker, 'publisher')
  for (let round = 0; round < 5; round++) {
    const next = dial(broker)
    const connack = next.login(asService('client', { clean: false, ...willing }))
    for (let n = 0; next.received.length === 0; n++) {
      publisher.publish('t', `${round}-${n}`)
      await turns(1)
    }
    assert.equal((await connack)['returnCode'], 0)
    assert.equal(next.received[0]?.cmd, 'connack')
    await closed(current)
    current = next
  }
  assert.equal(broker.connectedClients(), 2)
})

test('of logins that come at once the last one stays, however long the store takes for those before it [MQTT-3.1.4-2]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  broker.registry.addService('client')
  const [first, second, last] = [dial(broker), dial(broker), acknowledging(dial(broker))]
  // A session and a will to be stored, then nothing, then a session: each takes less time than the one before.
  first.send(connectPacket(asService('client', { clean: false, ...willing })))
  second.send(connectPacket(asService('client', { clean: true })))
  await inTime(last.login(asService('client', { clean: false })), 'no CONNACK')
  await Promise.all([closed(first), closed(second)])
  await turns(50)
  await inTime(last.subscribe('t', 1), 'no SUBACK')
  assert.equal(broker.connectedClients(), 1)
  await last.drop()
  await publish(await mute(broker, 'publisher'), 't', 'queued', { qos: 1 })
  await hearMessage(await reader(broker, 'client', { clean: false }), 'queued')
})

test('a subscription that reached the store counts, though its client left before SUBACK', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const client = await mute(broker, 'client', { clean: false })
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] })
  await turns(1)
  await client.drop()
  await turns(50)
  assert.deepEqual(
    client.received.map(({ cmd }) => cmd),
    ['connack'],
  )
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 't', 'for whom it may concern', { qos: 1 })
  await hearMessage(await reader(broker, 'client', { clean: false }), 'for whom it may concern')
})

test('a subscription that was taken out of the store is over, though its client left before UNSUBACK', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const client = await mute(broker, 'client', { clean: false })
  await client.subscribe('t', 1)
  client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['t'] })
  await turns(1)
  await client.drop()
  await turns(50)
  assert.equal(client.received.at(-1)?.cmd, 'suback')
  const back = await reader(broker, 'client', { clean: false })
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 't', 'live', { qos: 0 })
  await publish(publisher, 't', 'queued', { qos: 1 })
  await inTime(back.ping(), 'no PINGRESP')
  assert.deepEqual(back.messages, [])
})

test('a clean login that comes while an older one subscribes leaves nothing of it behind [MQTT-3.1.2-6]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const old = await mute(broker, 'client', { clean: false })
  old.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] })
  await turns(1)
  const client = await reader(broker, 'client', { clean: true })
  await closed(old)
  await turns(50)
  const publisher = await mute(broker, 'publisher')
  await publish(publisher, 't', 'for nobody', { qos: 1 })
  await inTime(client.ping(), 'no PINGRESP')
  await leave(client)
  const later = dial(broker)
  assert.equal((await later.login(asService('client', { clean: false })))['sessionPresent'], false)
  await inTime(later.ping(), 'no PINGRESP')
  assert.deepEqual([...client.messages, ...later.messages], [])
})

test('a message of QoS 2 that is sent again on a connection that takes over its first one arrives once [MQTT-4.3.3-2]', async (t) => {
  const broker = await aBroker(t, { database: slowDatabase() })
  const watcher = await reader(broker, 'watcher')
  await watcher.subscribe('t', 2)
  const away = await mute(broker, 'away', { clean: false })
  await away.subscribe('t', 2)
  await leave(away)
  const first = await mute(broker, 'publisher', { clean: false })
  for (let waits = 0; waits < 12; waits++) {
    const id = waits + 1
    const old = waits === 0 ? first : await mute(broker, 'publisher', { clean: false })
    old.publish('t', `message ${id}`, { qos: 2, messageId: id })
    // Wherever in the store the first one is just then.
    await turns(waits)
    const again = await mute(broker, 'publisher', { clean: false })
    await publish(again, 't', `message ${id}`, { qos: 2, id })
  }
  await publish(await mute(broker, 'other'), 't', 'the end', { qos: 2 })
  await hearMessage(watcher, 'the end')
  assert.deepEqual(watcher.messages, [...Array.from({ length: 12 }, (_, n) => `message ${n + 1}`), 'the end'])
})

test('a client that a listener closes as soon as it hears of it is no client, and leaves no ghost', async (t) => {
  const aedes = await anOpenBroker(t)
  const gone: (string | null)[] = []
  aedes.on('client', (client: Connection) => client.close())
  aedes.on('clientDisconnect', ({ id }: Connection) => gone.push(id))
  const client = dial({ accept: (stream) => aedes.handle(stream) })
  client.send(connectPacket({ clientId: 'a' }))
  await closed(client)
  assert.deepEqual(client.received, [])
  assert.deepEqual(gone, ['a'])
  assert.equal(aedes.connectedClients, 0)
  assert.deepEqual(Object.keys(aedes.clients), [])
})

test('a limit that is broken while a gate takes its time ends that connection and nothing else', async (t) => {
  const answers: (() => void)[] = []
  const aedes = await anOpenBroker(t, {
    authorizePublish: (_client, _packet, done) => void answers.push(() => done(null)),
  })
  const errors: unknown[] = []
  aedes.on('clientError', (_client: Connection, error: unknown) => errors.push(error))
  const client = dial({ accept: (stream) => aedes.handle(stream) })
  await client.login({ clientId: 'a' })
  for (let messageId = 1; messageId <= DEFAULT_LIMITS.maxInFlightInbound + 1; messageId++) {
    client.publish('t', 'x', { qos: 2, messageId })
    await eventually('the gate is not asked', () => answers.length > 0)
    // Not from within the broker: what it throws would end whoever answers.
    answers.splice(0).forEach((answer) => answer())
  }
  await closed(client)
  assert.match(String(errors[0]), /1000 messages of QoS 2/)
})

test('a client that does not read its answers is not read either, so that they cost bounded memory, and none is lost', async (t) => {
  const aedes = await anOpenBroker(t)
  const client = dial({ accept: (stream) => aedes.handle(stream) })
  await client.login({ clientId: 'a' })
  client.stream.pause()
  const pings = 1_000_000
  const chunk = Buffer.alloc(20_000)
  for (let at = 0; at < chunk.length; at += 2) chunk.writeUInt16BE(0xc000, at)
  for (let sent = 0; sent < pings; sent += chunk.length / 2) client.write(chunk)
  client.write(generate(publishPacket('t', 'the last', { qos: 1, messageId: 7 })))
  await turns(500)
  const waiting = aedes.clients['a']?.output.waitingBytes ?? 0
  const most = DEFAULT_LIMITS.maxWriteBufferBytes
  assert.ok(waiting > most / 2 && waiting < most + 200_000, `${waiting} bytes wait for it`)
  // Counted and not parsed: a million of them.
  let heard = 0
  client.stream.removeAllListeners('data')
  const all = 2 * pings + 4
  client.stream.on('data', (bytes: Buffer) => (heard += bytes.length))
  client.stream.resume()
  await eventually(
    () => `${heard} bytes of ${all} came`,
    () => heard === all,
  )
})

test('a publisher is read no faster than the store takes its messages: 256 are on their way at most, and none is lost', async (t) => {
  const aedes = await anOpenBroker(t)
  const subscriber = dial({ accept: (stream) => aedes.handle(stream) })
  await subscriber.login({ clientId: 'away', clean: false })
  await subscriber.subscribe('t', 1)
  await subscriber.disconnect()
  const waiting: (() => void)[] = []
  let onTheirWay = 0
  let most = 0
  Object.assign(aedes.persistence, {
    publish: async () => {
      most = Math.max(most, (onTheirWay += 1))
      await new Promise<void>((resolve) => waiting.push(resolve))
      onTheirWay -= 1
    },
  })
  const publisher = dial({ accept: (stream) => aedes.handle(stream) })
  await publisher.login({ clientId: 'publisher' })
  publisher.write(burst('t', numbers(1_000), 1))
  await turns(50)
  assert.equal(most, 256)
  const pubacks = (): number => publisher.received.filter(({ cmd }) => cmd === 'puback').length
  await eventually(
    () => `${pubacks()} of 1000 are acknowledged`,
    () => {
      waiting.splice(0).forEach((resolve) => resolve())
      return pubacks() === 1_000
    },
  )
  assert.equal(most, 256)
})

test('a connection that never says who it is is closed, whatever let it in', async (t) => {
  const aedes = await anOpenBroker(t, {}, 300)
  const errors: string[] = []
  aedes.on('connectionError', (_client: Connection, error: Error) => errors.push(error.message))
  const client = dial({ accept: (stream) => aedes.handle(stream) })
  await closed(client)
  assert.deepEqual(errors, ['connect did not arrive in time'])
})
