import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aBroker } from './support/broker.ts'
import { deviceIdOf } from './support/door.ts'

interface Seen {
  readonly topic: string
  readonly text: string
  readonly qos: number
}

const sight = () => {
  const seen: Seen[] = []
  let more: (() => void) | undefined
  return {
    seen,
    watcher: ({ topic, payload, qos }: { topic: string; payload: Buffer; qos: number }): void => {
      seen.push({ topic, text: payload.toString(), qos })
      more?.()
    },
    until: async (count: number): Promise<void> => {
      while (seen.length < count) await new Promise<void>((resolve) => (more = resolve))
    },
  }
}

const stateOf = (n: number): string => `losant/${deviceIdOf(n)}/state`

test('what a device may not publish, and what others publish, is not seen', async (t) => {
  const broker = await aBroker(t)
  const { seen, watcher, until } = sight()
  broker.watch(deviceIdOf(1), watcher)
  const [one, two] = [await broker.device(1), await broker.device(2)]
  two.publish(stateOf(2), 'of another')
  one.publish(stateOf(1), 'own')
  await until(1)
  one.publish(stateOf(2), 'not allowed')
  await one.closed
  assert.deepEqual(seen, [{ topic: stateOf(1), text: 'own', qos: 0 }])
})

test('a device is seen whether it was connected before or comes later, at every QoS and again when it comes back', async (t) => {
  const broker = await aBroker(t)
  const before = await broker.device(1)
  const { seen, watcher, until } = sight()
  broker.watch(deviceIdOf(1), watcher)
  for (const qos of [0, 1, 2] as const) before.publish(stateOf(1), `${qos}`, { qos, messageId: qos + 1 })
  await until(3)
  const after = await broker.device(1)
  after.publish(stateOf(1), 'again')
  await until(4)
  assert.deepEqual(
    seen.map(({ text, qos }) => [text, qos]),
    [
      ['0', 0],
      ['1', 1],
      ['2', 2],
      ['again', 0],
    ],
  )
})

test('who looks away sees no more, and the others still do', async (t) => {
  const broker = await aBroker(t)
  const device = await broker.device(1)
  const [first, second] = [sight(), sight()]
  const stop = broker.watch(deviceIdOf(1), first.watcher)
  broker.watch(deviceIdOf(1), second.watcher)
  device.publish(stateOf(1), 'both')
  await second.until(1)
  stop()
  device.publish(stateOf(1), 'one')
  await second.until(2)
  assert.deepEqual([first.seen.length, second.seen.length], [1, 2])
})

test('a watcher that throws is reported, and the message goes on', async (t) => {
  const broker = await aBroker(t)
  const device = await broker.device(1)
  broker.watch(deviceIdOf(1), () => {
    throw new Error('a fault of the page')
  })
  const { watcher, until } = sight()
  broker.watch(deviceIdOf(1), watcher)
  device.publish(stateOf(1), 'x')
  await until(1)
  assert.ok(broker.log.lines.some(({ event }) => event === 'listener-failed'))
})

const commandOf = (n: number): string => `losant/${deviceIdOf(n)}/command`

test('a command that is longer than a packet may be is refused', async (t) => {
  const broker = await aBroker(t)
  await assert.rejects(broker.sendCommand(deviceIdOf(1), Buffer.alloc(262_144)), { code: 'ERR_INPUT_INVALID' })
  const most = 262_144 - Buffer.byteLength(commandOf(1)) - 9
  await broker.sendCommand(deviceIdOf(1), Buffer.alloc(most))
  await assert.rejects(broker.sendCommand(deviceIdOf(1), Buffer.alloc(most + 1)), { code: 'ERR_INPUT_INVALID' })
})

test('it is said what became of a command', async (t) => {
  const broker = await aBroker(t)
  const send = () => broker.sendCommand(deviceIdOf(1), Buffer.from('{}'))
  const topic = commandOf(1)
  assert.deepEqual(await send(), { topic, sent: 0, queued: 0, device: 'unheard' })
  const device = await broker.device(1, { clean: true })
  // Not subscribed yet, and it will not be lost.
  assert.deepEqual(await send(), { topic, sent: 1, queued: 0, device: 'sent' })
  await device.subscribe(topic, 0)
  const service = await broker.service('dashboard')
  await service.subscribe('losant/+/command', 0)
  assert.deepEqual(await send(), { topic, sent: 2, queued: 0, device: 'sent' })
})

test('a command waits on the disk for a device that is away and keeps its session', async (t) => {
  const broker = await aBroker(t)
  const device = await broker.device(1, { clean: false })
  await device.subscribe(commandOf(1), 1)
  await device.disconnect()
  assert.deepEqual(await broker.sendCommand(deviceIdOf(1), Buffer.from('wake up')), {
    topic: commandOf(1),
    sent: 0,
    queued: 1,
    device: 'queued',
  })
  assert.equal(broker.kept().queuedMessages, 1)
  const back = await broker.device(1, { clean: false })
  await back.hearMessage('wake up')
})

test('a command is not called queued when the queue of the device is full', async (t) => {
  const broker = await aBroker(t, { options: { persistence: { maxQueueMessages: 2 } } })
  const device = await broker.device(1, { clean: false })
  await device.subscribe(commandOf(1), 1)
  await device.disconnect()
  const send = () => broker.sendCommand(deviceIdOf(1), Buffer.from('{}'))
  for (let room = 2; room > 0; room--) assert.equal((await send()).device, 'queued')
  assert.deepEqual(await send(), { topic: commandOf(1), sent: 0, queued: 0, device: 'full' })
  const back = await broker.device(1, { clean: false })
  for (let room = 2; room > 0; room--) await back.hearMessage('{}')
})
