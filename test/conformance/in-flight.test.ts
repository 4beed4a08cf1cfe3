import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aBroker } from '../broker/support/broker.ts'
import { burst, forget, hear, hearAnswer, hearCount, messagesOf, mute, numbers, reader } from './support/clients.ts'
import { inTime } from './support/in-time.ts'

// What was sent and not acknowledged yet. Source: MQTT 3.1.1 §2.3.1, §4.3.

const idsOf = (packets: readonly { messageId?: unknown }[]): number[] =>
  packets.map(({ messageId }) => Number(messageId))

/** Which of those in flight is acknowledged next. */
const orders = [
  { name: 'the newest first', pick: (inFlight: readonly number[]) => inFlight.at(-1) },
  { name: 'the oldest first', pick: (inFlight: readonly number[]) => inFlight[0] },
  { name: 'from the middle', pick: (inFlight: readonly number[]) => inFlight[Math.floor(inFlight.length / 2)] },
]

for (const { name, pick } of orders) {
  test(`no packet identifier is given twice while in flight: 200 messages, acknowledged ${name} [MQTT-2.3.1-4]`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await mute(broker, 'publisher')
    let client = await mute(broker, 'client', { clean: false })
    await client.subscribe('t', 1)
    publisher.write(burst('t', numbers(200), 1))
    await hearAnswer(publisher, 'puback', 200)

    const inFlight: number[] = []
    const arrived = new Set<string>()
    const collect = (): void => {
      for (const one of messagesOf(client)) {
        const id = Number(one.messageId)
        assert.ok(id > 0, 'packet identifier 0 [MQTT-2.3.1-1]')
        assert.ok(!inFlight.includes(id), `packet identifier ${id} is in flight already`)
        inFlight.push(id)
        arrived.add(String(one['payload']))
      }
      client.received.length = 0
    }
    const next = async (acknowledgements: number): Promise<void> => {
      if (inFlight.length === 0) {
        await hear(client, `a message after ${arrived.size} of 200`, ({ cmd }) => cmd === 'publish')
      }
      await inTime(client.ping(), `no PINGRESP after ${acknowledgements} acknowledgements`)
      collect()
    }
    for (let acknowledgements = 0; arrived.size < 200 || inFlight.length > 0; acknowledgements++) {
      await next(acknowledgements)
      if (acknowledgements === 100) {
        // The client comes back: what is in flight keeps its identifiers, and what is new must get others.
        await client.drop()
        inFlight.length = 0
        client = await mute(broker, 'client', { clean: false })
        continue
      }
      const acknowledged = pick(inFlight)
      if (acknowledged === undefined) continue
      inFlight.splice(inFlight.indexOf(acknowledged), 1)
      client.send({ cmd: 'puback', messageId: acknowledged })
    }
    assert.equal(arrived.size, 200)
  })
}

for (const qos of [1, 2] as const) {
  test(`at most 64 messages of QoS ${qos} are in flight, and the rest follow as they are acknowledged`, async (t) => {
    const broker = await aBroker(t)
    const publisher = await reader(broker, 'publisher')
    const client = await mute(broker, 'client')
    await client.subscribe('t', qos)
    publisher.write(burst('t', numbers(150), qos))
    await hearAnswer(publisher, qos === 1 ? 'puback' : 'pubcomp', 150)
    await client.ping()
    assert.deepEqual(client.messages, numbers(64))

    const complete = async (messageId: number): Promise<void> => {
      if (qos === 1) return client.send({ cmd: 'puback', messageId })
      client.send({ cmd: 'pubrec', messageId })
      await hearAnswer(client, 'pubrel', messageId)
      forget(client, ({ cmd }) => cmd === 'pubrel')
      client.send({ cmd: 'pubcomp', messageId })
    }
    for (let n = 0; n < 150; n++) {
      await hearCount(client, Math.min(150, 64 + n))
      await client.ping()
      assert.equal(messagesOf(client).length, Math.min(150, 64 + n))
      await complete(idsOf(messagesOf(client))[n] ?? 0)
    }
    assert.deepEqual(client.messages, numbers(150))
  })
}
