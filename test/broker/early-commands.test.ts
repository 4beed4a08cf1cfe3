import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Deliver, Message } from '../../broker/aedes-internals.d.ts'
import type { Connection } from '../../broker/connection.ts'
import { EARLY_COMMANDS, EarlyCommands } from '../../broker/early-commands.ts'
import { TICK_MS, TimerWheel } from '../../broker/timer-wheel.ts'

const TOPIC = 'losant/d1/command'

/** A device between its CONNACK and its SUBSCRIBE, and a clock that the test moves. */
function aWaitingDevice(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const listeners = new Set<Deliver>()
  const heard: Pick<Message, 'topic' | 'qos'>[] = []
  // Of a connection only this is used.
  const connection = {
    publish: ({ topic, qos }: Message, done: () => void) => (heard.push({ topic, qos }), done()),
  } as unknown as Connection
  const early = new EarlyCommands(
    {
      subscribe: (_topic, deliver) => void listeners.add(deliver),
      unsubscribe: (_topic, deliver) => void listeners.delete(deliver),
    },
    new TimerWheel(),
  )
  early.hold(connection, TOPIC)
  const send = (more: Partial<Message> = {}): void => {
    const message = { topic: TOPIC, payload: Buffer.from('{}'), qos: 1, retain: false, ...more } as const
    for (const deliver of listeners)
      deliver({ cmd: 'publish', dup: false, brokerId: null, brokerCounter: 0, ...message }, () => {})
  }
  return {
    early,
    connection,
    heard,
    send,
    subscribe: (qos: number) => early.deliver(connection, [{ topic: TOPIC, qos }]),
  }
}

test('what came more than ten seconds before the SUBSCRIBE is not delivered, and nothing is held any more', (t) => {
  const { early, connection, heard, send, subscribe } = aWaitingDevice(t)
  send()
  t.mock.timers.tick(EARLY_COMMANDS.milliseconds + 2 * TICK_MS)
  assert.equal(early.hasRoomFor(connection), false)
  send()
  subscribe(1)
  assert.deepEqual(heard, [])
})

test('what came within ten seconds is delivered once, at the lower QoS of the two', (t) => {
  const { heard, send, subscribe } = aWaitingDevice(t)
  send()
  send({ qos: 0 })
  t.mock.timers.tick(EARLY_COMMANDS.milliseconds)
  subscribe(1)
  subscribe(1)
  assert.deepEqual(heard, [
    { topic: TOPIC, qos: 1 },
    { topic: TOPIC, qos: 0 },
  ])
})

test('a refused SUBSCRIBE gets nothing, and the next one what waits', (t) => {
  const { heard, send, subscribe } = aWaitingDevice(t)
  send()
  subscribe(0x80)
  assert.deepEqual(heard, [])
  subscribe(0)
  assert.deepEqual(heard, [{ topic: TOPIC, qos: 0 }])
})

test('retained messages, and more than there is room for, are not held', (t) => {
  const { early, connection, heard, send, subscribe } = aWaitingDevice(t)
  send({ retain: true })
  for (let sent = 0; sent <= EARLY_COMMANDS.messages; sent++) send()
  assert.equal(early.hasRoomFor(connection), false)
  subscribe(1)
  assert.equal(heard.length, EARLY_COMMANDS.messages)
})
