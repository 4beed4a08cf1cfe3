import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { aBroker, LIMITS } from './support/broker.ts'
import { FakeRegistry } from './support/door.ts'
import { asDevice, connectPacket, dial, publishPacket, topicOf } from './support/wire.ts'

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A registry whose answers the test gives when it likes. */
function slowRegistry() {
  const registry = new FakeRegistry()
  const questions: (() => void)[] = []
  const authenticate: FakeRegistry['authenticate'] = async (presented) => {
    await new Promise<void>((resolve) => questions.push(resolve))
    return await registry.authenticate(presented)
  }
  const asked = async (): Promise<void> => {
    while (questions.length === 0) await aTurn()
  }
  return { registry, authenticate, asked, answer: () => questions.splice(0).forEach((resolve) => resolve()) }
}

const padded = (padding: number): Buffer =>
  generate(connectPacket(asDevice(1, { password: Buffer.alloc(padding, 'x') })))

/** CONNECT of a client without rights, in `bytes` bytes. */
const paddedConnect = (bytes: number): Buffer => {
  // The fixed header grows with what it announces.
  for (let padding = bytes; ; padding--) if (padded(padding).length === bytes) return padded(padding)
}

const early = [
  { name: 'PUBLISH', bytes: generate(publishPacket(topicOf(1, 'state'), 'early', { qos: 1 })) },
  {
    name: 'SUBSCRIBE',
    bytes: generate({ cmd: 'subscribe', messageId: 7, subscriptions: [{ topic: topicOf(1, '#'), qos: 1 }] }),
  },
  { name: 'UNSUBSCRIBE', bytes: generate({ cmd: 'unsubscribe', messageId: 7, unsubscriptions: [topicOf(1, '#')] }) },
  { name: 'PINGREQ', bytes: generate({ cmd: 'pingreq' }) },
]

for (const { name, bytes } of early) {
  for (const where of ['in the same read as CONNECT', 'in a later read']) {
    test(`${name} ${where} is not executed when the login is refused`, async (t) => {
      const { registry, authenticate, asked, answer } = slowRegistry()
      const broker = await aBroker(t, { registry, authenticate })
      const connect = generate(connectPacket(asDevice(1, { password: Buffer.from('wrong') })))
      const client = dial(broker)
      if (where === 'in a later read') {
        client.write(connect)
        await asked()
        client.write(bytes)
      } else {
        client.write(Buffer.concat([connect, bytes]))
      }
      await asked()
      for (let turn = 0; turn < 10; turn++) await aTurn()
      assert.deepEqual(client.received, [])
      answer()
      await client.closed
      assert.deepEqual(
        client.received.map(({ cmd }) => cmd),
        ['connack'],
      )
    })
  }
}

test('a SUBSCRIBE of a client that is refused hears nothing, however long the refusal takes', async (t) => {
  const { registry, authenticate, asked, answer } = slowRegistry()
  const broker = await aBroker(t, { registry, authenticate, options: { maxConnectPacketBytes: 70_000 } })
  registry.addService('s')
  const service = dial(broker)
  service.send(connectPacket({ clientId: 's', username: 's', password: Buffer.from('the right secret') }))
  await asked()
  answer()
  await service.hear(({ cmd }) => cmd === 'connack')

  // 65,536 bytes are what one read of a socket brings: the rest comes in a second read of the same turn.
  const thief = dial(broker)
  thief.write(paddedConnect(65_536))
  thief.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] }))
  thief.write(generate(publishPacket(topicOf(1, 'state'), 'forged')))
  await asked()
  await service.subscribe('#')
  service.publish('private', 'secret')
  await service.hearMessage('secret')
  answer()
  await thief.closed
  assert.deepEqual(
    thief.received.map(({ cmd }) => cmd),
    ['connack'],
  )
  assert.deepEqual(service.messages, ['secret'])
})

test('what was sent behind CONNECT is executed in order once the login is through, 500 packets of it', async (t) => {
  const broker = await aBroker(t)
  const watcher = await broker.service('watcher')
  await watcher.subscribe('#')
  const client = dial(broker)
  const numbers = Array.from({ length: 500 }, (_, n) => `${n}`)
  const messages = numbers.map((n) => generate(publishPacket(topicOf(1, 'state'), n)))
  client.write(Buffer.concat([generate(connectPacket(asDevice(1))), ...messages, generate({ cmd: 'pingreq' })]))
  await client.hear(({ cmd }) => cmd === 'pingresp')
  await watcher.hearMessage('499')
  assert.deepEqual(watcher.messages, numbers)
  assert.equal(client.received[0]?.cmd, 'connack')
})

test('a CONNECT that comes byte by byte is a CONNECT', async (t) => {
  const broker = await aBroker(t)
  const client = dial(broker)
  for (const byte of generate(connectPacket(asDevice(1)))) client.write(Buffer.from([byte]))
  assert.equal((await client.hear(({ cmd }) => cmd === 'connack'))['returnCode'], 0)
})

test('a CONNECT of exactly the largest size is read, and one byte more is refused', async (t) => {
  const broker = await aBroker(t)
  const largest = dial(broker)
  largest.write(paddedConnect(LIMITS.maxConnectPacketBytes))
  assert.equal((await largest.hear(({ cmd }) => cmd === 'connack'))['returnCode'], 4)
  const larger = dial(broker)
  larger.write(paddedConnect(LIMITS.maxConnectPacketBytes + 1))
  await larger.closed
  assert.deepEqual(larger.received, [])
})

const LIMIT = 'limit-exceeded'

const tooLarge = [
  { name: 'a CONNECT that announces 256 MB', login: false, header: [0x10, 0xff, 0xff, 0xff, 0x7f], event: LIMIT },
  { name: 'a CONNECT that announces 16 KB', login: false, header: [0x10, 0x80, 0x80, 0x01], event: LIMIT },
  { name: 'a PUBLISH that announces 256 KB', login: true, header: [0x30, 0x80, 0x80, 0x10], event: LIMIT },
  {
    name: 'a remaining length of five bytes',
    login: false,
    header: [0x10, 0xff, 0xff, 0xff, 0xff],
    event: 'protocol-error',
  },
]

for (const { name, login, header, event } of tooLarge) {
  test(`${name} is refused by its fixed header`, async (t) => {
    const broker = await aBroker(t)
    const client = login ? await broker.device(1) : dial(broker)
    client.write(Buffer.from(header))
    await client.closed
    assert.ok(broker.log.lines.some((line) => line.event === event))
  })
}

test('a message of exactly the largest size arrives', async (t) => {
  const broker = await aBroker(t)
  const client = await broker.device(1)
  const topic = topicOf(1, 'state')
  await client.subscribe(topic)
  const overhead = generate(publishPacket(topic, Buffer.alloc(200_000))).length - 200_000
  const payload = Buffer.alloc(LIMITS.maxPacketBytes - overhead, 'x')
  client.send(publishPacket(topic, payload))
  const heard = await client.hear(({ cmd }) => cmd === 'publish')
  assert.deepEqual(heard['payload'], payload)
})

test('while a login is being decided, no more is read than one chunk', async (t) => {
  const { registry, authenticate, asked, answer } = slowRegistry()
  const broker = await aBroker(t, { registry, authenticate })
  const client = dial(broker)
  client.send(connectPacket(asDevice(1)))
  await asked()
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => generate({ cmd: 'pingreq' })))
  let written = 0
  while (client.stream.write(flood)) written += flood.length
  assert.ok(written < 200_000, `${written} bytes were taken`)
  answer()
  await once(client.stream, 'drain')
  await client.hear(({ cmd }) => cmd === 'pingresp')
})
