import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import type { BrokerOptions } from '../../broker/broker.ts'
import { aBroker, LIMITS, type TestBroker } from '../broker/support/broker.ts'
import { publishPacket, type WireClient } from '../broker/support/wire.ts'
import {
  burst,
  hearAnswer,
  hearCount,
  hearMessage,
  messagesOf,
  mute,
  numbers,
  publish,
  reader,
} from './support/clients.ts'
import { eventually, inTime } from './support/in-time.ts'

/** A client that does not read costs bounded memory, and nobody else any time. */

const BUDGET = LIMITS.maxWriteBufferBytes
const LARGE = Buffer.alloc(100_000, 'x')
/** As many large messages as would fill the budget several times. */
const FLOOD = Math.ceil((8 * BUDGET) / LARGE.length)

/** Longer than a healthy delivery takes on a busy machine, and a small part of what stock Aedes takes (a minute). */
const PROMPT_MS = 2_000

/** A client that subscribes and then stops reading. What is sent to it waits at the broker's end. */
async function frozen(
  broker: TestBroker,
  filters: readonly (readonly [filter: string, qos: 0 | 1 | 2])[],
  connect: { clean?: boolean } = {},
): Promise<WireClient> {
  const client = await mute(broker, 'frozen', connect)
  for (const [index, [filter, qos]] of filters.entries()) await client.subscribe(filter, qos, index + 1)
  client.stream.pause()
  return client
}

const gone = (broker: TestBroker, left: number, what: string): Promise<void> =>
  eventually(
    () => `${what}: ${broker.connectedClients()} clients are connected, not ${left}`,
    () => broker.connectedClients() === left,
  )

/** Publishes the flood a message at a time, each acknowledged, and hears another topic promptly all the while. */
async function flood(publisher: WireClient, topic: string, healthy: WireClient, count = FLOOD): Promise<void> {
  for (let n = 0; n < count; n++) {
    await inTime(publish(publisher, topic, LARGE, { qos: 1, id: 1 }), 'the publisher is held up', PROMPT_MS)
    publisher.publish('health', `health ${n}`)
    await inTime(hearMessage(healthy, `health ${n}`), 'another topic is held up', PROMPT_MS)
  }
}

for (const qos of [0, 1] as const) {
  test(`a frozen subscriber of QoS ${qos} delays nobody, not even those of its own topic`, async (t) => {
    const broker = await aBroker(t)
    await frozen(broker, [['flood', qos]])
    const [healthy, sharing] = [await reader(broker, 'healthy'), await reader(broker, 'sharing')]
    await healthy.subscribe('health')
    await sharing.subscribe('flood', 1)
    await flood(await mute(broker, 'publisher'), 'flood', healthy)
    await hearCount(sharing, FLOOD)
  })
}

test('a frozen subscriber of QoS 0 loses messages and not its connection, and its log line says so', async (t) => {
  const broker = await aBroker(t)
  const client = await frozen(broker, [['flood', 0]])
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('health')
  const publisher = await mute(broker, 'publisher')
  await flood(publisher, 'flood', healthy)
  assert.equal(broker.connectedClients(), 3)
  assert.equal(broker.log.lines.filter(({ event }) => event === 'messages-dropped').length, 1)

  client.stream.resume()
  await inTime(client.ping(), 'the connection is not served after it reads again')
  const kept = messagesOf(client).length
  assert.ok(kept > 0 && kept < FLOOD, `${kept} of ${FLOOD} messages were kept`)
  assert.ok(kept * LARGE.length <= BUDGET + 2 * LARGE.length, `${kept} large messages are more than the budget`)
  await publish(publisher, 'flood', 'live again')
  await hearMessage(client, 'live again')
})

test('while messages of QoS 0 are lost, those of QoS 1 are not', async (t) => {
  const broker = await aBroker(t)
  const client = await frozen(broker, [
    ['flood', 0],
    ['safe', 1],
  ])
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('health')
  const publisher = await mute(broker, 'publisher')
  await flood(publisher, 'flood', healthy)
  for (const payload of numbers(20)) await publish(publisher, 'safe', payload, { qos: 1 })
  client.stream.resume()
  await hearMessage(client, '19')
  const safe = messagesOf(client).filter(({ topic }) => topic === 'safe')
  assert.deepEqual(
    safe.map(({ payload }) => String(payload)),
    numbers(20),
  )
})

test('a frozen clean session is disconnected once messages of QoS 1 exceed its byte budget', async (t) => {
  const broker = await aBroker(t)
  await frozen(broker, [['flood', 1]])
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('health')
  const publisher = await mute(broker, 'publisher')
  // Half of the budget is not too much.
  await flood(publisher, 'flood', healthy, Math.floor(BUDGET / LARGE.length / 2))
  assert.equal(broker.connectedClients(), 3)
  await flood(publisher, 'flood', healthy)
  await gone(broker, 2, 'the frozen client stays')
  assert.ok(broker.log.lines.some(({ event }) => event === 'slow-reader'))
})

test('a frozen persistent session is disconnected after stalledReaderMs, and its queue follows when it comes back', async (t) => {
  // The option comes with the broker's own connections.
  const options = { maxWriteBufferBytes: BUDGET, stalledReaderMs: 300 } as Partial<BrokerOptions>
  const broker = await aBroker(t, { options })
  await frozen(broker, [['t', 1]], { clean: false })
  const publisher = await mute(broker, 'publisher')
  const large = 'x'.repeat(10_000)
  for (const n of numbers(30)) await publish(publisher, 't', `${n} ${large}`, { qos: 1 })
  await gone(broker, 1, 'the frozen client stays')
  for (const n of numbers(10, 30)) await publish(publisher, 't', `${n} ${large}`, { qos: 1 })

  const back = await reader(broker, 'frozen', { clean: false })
  await hearCount(back, 40)
  assert.deepEqual(
    back.messages.map((message) => message.split(' ')[0]),
    numbers(40),
  )
})

test('a frozen persistent session loses nothing, however much comes for it', async (t) => {
  const options = { maxWriteBufferBytes: BUDGET, stalledReaderMs: 300 } as Partial<BrokerOptions>
  const broker = await aBroker(t, { options })
  await frozen(broker, [['flood', 1]], { clean: false })
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('health')
  await flood(await mute(broker, 'publisher'), 'flood', healthy)
  await gone(broker, 2, 'the frozen client stays')
  const back = await reader(broker, 'frozen', { clean: false })
  await hearCount(back, FLOOD)
})

test('a client that reads slowly, but reads, is not taken for a frozen one', async (t) => {
  const options = { maxWriteBufferBytes: BUDGET, stalledReaderMs: 300 } as Partial<BrokerOptions>
  const broker = await aBroker(t, { options })
  const client = await reader(broker, 'slow', { clean: false })
  await client.subscribe('t', 1)
  client.stream.pause()
  const publisher = await mute(broker, 'publisher')
  for (let n = 0; n < 8; n++) await publish(publisher, 't', LARGE, { qos: 1 })
  const pause = (): void => void client.stream.pause()
  // Reads a little every 100 ms, for three times as long as a stall may take.
  for (let n = 0; n < 9; n++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.stream.once('data', pause)
    client.stream.resume()
  }
  client.stream.off('data', pause)
  assert.equal(broker.connectedClients(), 2)
  client.stream.resume()
  await hearCount(client, 8)
})

test('50,000 tiny messages at a frozen subscriber that then goes away end nothing', async (t) => {
  const broker = await aBroker(t)
  const client = await frozen(broker, [['z', 0]])
  const publishers = await Promise.all(numbers(6).map((n) => mute(broker, `publisher-${n}`)))
  const large = generate(publishPacket('z', Buffer.alloc(60_000)))
  for (let n = 0; n < 50; n++) publishers[0]?.write(large)
  const tiny = burst('z', numbers(8_500), 0)
  for (const publisher of publishers) publisher.write(tiny)
  for (const publisher of publishers) await inTime(publisher.ping(), 'a publisher is held up')
  await client.drop()
  await gone(broker, 6, 'the frozen client stays')
  const healthy = await reader(broker, 'healthy')
  await healthy.subscribe('z')
  const [publisher] = publishers
  assert.ok(publisher !== undefined)
  publisher.publish('z', 'end', { qos: 1, messageId: 9 })
  await hearAnswer(publisher, 'puback', 9)
  await hearMessage(healthy, 'end')
})
