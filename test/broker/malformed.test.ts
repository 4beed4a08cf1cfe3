import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { aBroker, type TestBroker } from './support/broker.ts'
import { asDevice, connectPacket, dial, publishPacket, topicOf, type WireClient } from './support/wire.ts'

const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}
const frame = (first: number, ...parts: (Buffer | number[])[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from([first, body.length]), body])
}
const connect = (flags: number, ...fields: (Buffer | number[])[]): Buffer =>
  frame(0x10, text('MQTT'), [4, flags, 0, 0], ...fields)

const SURROGATE = Buffer.from([0xed, 0xa0, 0x80])
const OVERLONG = Buffer.from([0xc1, 0x81])

const beforeLogin = [
  { name: 'a first packet that is not CONNECT', bytes: generate({ cmd: 'pingreq' }) },
  { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: broker\r\n\r\n') },
  { name: 'another protocol name', bytes: frame(0x10, text('MQTX'), [4, 2, 0, 0], text('x')) },
  { name: 'reserved bits in the fixed header of CONNECT', bytes: frame(0x11, text('MQTT'), [4, 2, 0, 0], text('x')) },
  { name: 'the reserved connect flag', bytes: connect(0x03, text('x')) },
  { name: 'a password without a user name', bytes: connect(0x42, text('x'), text('secret')) },
  { name: 'a will of QoS 3', bytes: connect(0x1e, text('x'), text('w'), text('p')) },
  { name: 'will QoS without a will', bytes: connect(0x0a, text('x')) },
  { name: 'will retain without a will', bytes: connect(0x22, text('x')) },
  { name: 'a will without a topic', bytes: connect(0x06, text('x'), text(''), text('p')) },
  { name: 'a will with a wildcard in its topic', bytes: connect(0x06, text('x'), text('a/+'), text('p')) },
  { name: 'U+0000 in a client id', bytes: connect(0x02, text('a\0b')) },
  { name: 'a surrogate in a client id', bytes: connect(0x02, text(SURROGATE)) },
  { name: 'an overlong form in a client id', bytes: connect(0x02, text(OVERLONG)) },
  { name: 'U+0000 in a user name', bytes: connect(0x82, text('x'), text('a\0b')) },
  { name: 'a CONNECT that ends too early', bytes: connect(0x82, text('x')) },
  { name: 'bytes behind the last field of CONNECT', bytes: connect(0x02, text('x'), [1]) },
  { name: 'an empty CONNECT', bytes: frame(0x10) },
]

for (const { name, bytes } of beforeLogin) {
  test(`${name} closes the connection without an answer`, async (t) => {
    const broker = await aBroker(t)
    const client = dial(broker)
    client.write(bytes)
    await client.closed
    assert.deepEqual(client.received, [])
    assert.equal(broker.registry.presented.length, 0)
  })
}

const afterLogin = [
  { name: 'a second CONNECT', bytes: generate(connectPacket(asDevice(1))) },
  { name: 'CONNACK', bytes: frame(0x20, [0, 0]) },
  { name: 'SUBACK', bytes: frame(0x90, [0, 1, 0]) },
  { name: 'PINGRESP', bytes: frame(0xd0) },
  { name: 'a packet of type 0', bytes: frame(0x00) },
  { name: 'a packet of type 15', bytes: frame(0xf0) },
  { name: 'a message of QoS 3', bytes: frame(0x36, text(topicOf(1, 'a')), [0, 1]) },
  { name: 'a message of QoS 0 marked as sent again', bytes: frame(0x38, text(topicOf(1, 'a'))) },
  { name: 'packet identifier 0 in PUBLISH', bytes: frame(0x32, text(topicOf(1, 'a')), [0, 0]) },
  { name: 'a message without a topic', bytes: frame(0x30, text('')) },
  { name: 'a message to a wildcard', bytes: frame(0x30, text(topicOf(1, '+'))) },
  { name: 'U+0000 in a topic', bytes: frame(0x30, text(topicOf(1, '\0'))) },
  { name: 'a surrogate in a topic', bytes: frame(0x30, text(Buffer.concat([Buffer.from('a'), SURROGATE]))) },
  { name: 'a topic of 101 levels', bytes: frame(0x30, text(topicOf(1, '/'.repeat(98)))) },
  { name: 'a topic that is longer than its packet', bytes: frame(0x30, [0, 200], Buffer.from('losant')) },
  { name: 'PUBACK without a packet identifier', bytes: frame(0x40) },
  { name: 'PUBACK with packet identifier 0', bytes: frame(0x40, [0, 0]) },
  { name: 'PUBACK with a longer body', bytes: frame(0x40, [0, 1, 0]) },
  { name: 'PUBREL without its reserved bits', bytes: frame(0x60, [0, 1]) },
  { name: 'SUBSCRIBE without filters', bytes: frame(0x82, [0, 1]) },
  { name: 'SUBSCRIBE with packet identifier 0', bytes: frame(0x82, [0, 0], text(topicOf(1, 'a')), [0]) },
  { name: 'SUBSCRIBE without its reserved bits', bytes: frame(0x80, [0, 1], text(topicOf(1, 'a')), [0]) },
  { name: 'a subscription of QoS 3', bytes: frame(0x82, [0, 1], text(topicOf(1, 'a')), [3]) },
  { name: 'an empty filter', bytes: frame(0x82, [0, 1], text(''), [0]) },
  { name: 'a filter with # before its end', bytes: frame(0x82, [0, 1], text(topicOf(1, '#/a')), [0]) },
  { name: 'a filter a+', bytes: frame(0x82, [0, 1], text(topicOf(1, 'a+')), [0]) },
  { name: 'UNSUBSCRIBE without filters', bytes: frame(0xa2, [0, 1]) },
  { name: 'PINGREQ with a body', bytes: frame(0xc0, [1]) },
  { name: 'DISCONNECT with a body', bytes: frame(0xe0, [1]) },
]

for (const { name, bytes } of afterLogin) {
  test(`${name} closes the connection of a client that has logged in`, async (t) => {
    const broker = await aBroker(t)
    const client = await broker.device(1)
    client.write(bytes)
    await client.closed
    assert.deepEqual(
      client.received.map(({ cmd }) => cmd),
      ['connack'],
    )
  })
}

test('nothing is executed behind DISCONNECT', async (t) => {
  const broker = await aBroker(t)
  const watcher = await broker.service('watcher')
  await watcher.subscribe('#')
  const client = await broker.device(1)
  client.write(
    Buffer.concat([generate({ cmd: 'disconnect' }), generate(publishPacket(topicOf(1, 'state'), 'too late'))]),
  )
  await client.closed
  watcher.publish('after', 'after')
  await watcher.hearMessage('after')
  assert.deepEqual(watcher.messages, ['after'])
})

/** Two healthy clients that notice when something is lost, late or foreign. */
async function healthyPair(broker: TestBroker): Promise<{ check: () => Promise<void> }> {
  const [speaker, listener] = [await broker.device(1), await broker.device(2)]
  const service = await broker.service('watcher')
  await service.subscribe(topicOf(1, 'state'), 1)
  await listener.subscribe(topicOf(2, 'command'))
  let count = 0
  return {
    check: async () => {
      const id = ++count
      speaker.publish(topicOf(1, 'state'), `state ${id}`, { qos: 1, messageId: (id % 65_535) + 1 })
      const { messageId = 0 } = await service.hearMessage(`state ${id}`)
      service.send({ cmd: 'puback', messageId })
      service.publish(topicOf(2, 'command'), `command ${id}`)
      await listener.hearMessage(`command ${id}`)
      service.received.length = 0
      listener.received.length = 0
      speaker.received.length = 0
    },
  }
}

/** Sends, lets the broker work it off, and goes. */
async function harass(client: WireClient, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) client.write(chunk)
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  await client.drop()
}

const session: Packet[] = [
  connectPacket(
    asDevice(3, { clean: false, will: { topic: topicOf(3, 'w'), payload: Buffer.from('w'), qos: 1, retain: true } }),
  ),
  {
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [
      { topic: topicOf(3, '#'), qos: 2 },
      { topic: '#', qos: 1 },
    ],
  },
  publishPacket(topicOf(3, 'state'), 'x', { qos: 2, messageId: 2 }),
  { cmd: 'pubrel', messageId: 2 },
  publishPacket(topicOf(3, 'state'), 'y', { qos: 1, messageId: 3, retain: true }),
  { cmd: 'pubrec', messageId: 5 },
  { cmd: 'puback', messageId: 9 },
  { cmd: 'pingreq' },
  { cmd: 'unsubscribe', messageId: 4, unsubscriptions: [topicOf(3, '#'), 'nothing'] },
]

/** In the long run, 100,000 mutated packets: a session has nine. */
const SESSIONS = process.env['MOORING_LONG_TESTS'] === '1' ? 12_000 : 300

test('random bytes never end the process or disturb others', async (t) => {
  const broker = await aBroker(t)
  const { check } = await healthyPair(broker)
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 6 }),
      async (login, chunks) => {
        const client = dial(broker)
        if (login) await client.login(asDevice(4))
        await harass(client, chunks)
        await check()
      },
    ),
    { numRuns: 150 },
  )
  assert.deepEqual(
    broker.log.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test('mutated sessions, cut into arbitrary chunks, never end the process or disturb others', async (t) => {
  const broker = await aBroker(t)
  const { check } = await healthyPair(broker)
  const bytes = Buffer.concat(session.map((packet) => generate(packet)))
  const mutation = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { maxLength: 4 }),
      fc.array(fc.nat(bytes.length), { maxLength: 5 }),
      async (mutations, cuts) => {
        const mutated = Buffer.from(bytes)
        for (const { at, to } of mutations) mutated[at] = to
        const ends = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        await harass(
          dial(broker),
          ends.slice(1).map((end, index) => mutated.subarray(ends[index], end)),
        )
        await check()
      },
    ),
    { numRuns: SESSIONS },
  )
  assert.deepEqual(
    broker.log.lines.filter(({ level }) => level === 'error'),
    [],
  )
})
