import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hearAnswer, hearMessage, publish, reader } from '../conformance/support/clients.ts'
import { aBroker } from './support/broker.ts'
import { FakeRegistry, deviceIdOf, keyOfDevice } from './support/door.ts'
import { topicOf } from './support/wire.ts'

/** What becomes of a connection when an operator takes something from its device. */

function quarantine(): FakeRegistry {
  const registry = new FakeRegistry()
  registry.devices.set(1, { quarantined: true })
  return registry
}

for (const qos of [0, 1, 2] as const) {
  test(`what a quarantined device publishes with QoS ${qos} is answered, and reaches nobody`, async (t) => {
    const broker = await aBroker(t, { registry: quarantine() })
    const hearing = await reader(broker, 'everything')
    await hearing.subscribe('#', 2)
    const device = await broker.device(1)
    for (const [id, topic] of [topicOf(1, 'state'), topicOf(1, 'command'), 'plant/a'].entries()) {
      device.send({ cmd: 'publish', topic, payload: 'unheard', qos, retain: true, dup: false, messageId: id + 1 })
      if (qos > 0) await hearAnswer(device, qos === 1 ? 'puback' : 'pubrec', id + 1)
      if (qos === 2) {
        device.send({ cmd: 'pubrel', messageId: id + 1 })
        await hearAnswer(device, 'pubcomp', id + 1)
      }
    }
    await device.ping()
    await publish(await broker.device(2), topicOf(2, 'state'), 'heard', {})
    await hearMessage(hearing, 'heard')
    assert.deepEqual(hearing.messages, ['heard'])

    const later = await reader(broker, 'later')
    await later.subscribe('#', 0)
    await later.ping()
    assert.deepEqual(later.messages, [], 'nothing of it was retained')
  })
}

test('a quarantined device subscribes to its commands and to nothing else', async (t) => {
  const broker = await aBroker(t, { registry: quarantine() })
  const device = await broker.device(1)
  assert.deepEqual(
    await device.subscribe([topicOf(1, 'command'), topicOf(1, 'state'), topicOf(1, '#'), '#'], 0),
    [0, 128, 128, 128],
  )
  const operator = await reader(broker, 'operator')
  await publish(operator, topicOf(1, 'state'), 'not this', {})
  await publish(operator, topicOf(1, 'command'), 'a command', {})
  await hearMessage(device, 'a command')
  assert.deepEqual(device.messages, ['a command'])
})

const will = (n: number) => ({
  will: { topic: topicOf(n, 'state'), payload: Buffer.from(`will ${n}`), qos: 0, retain: false } as const,
})

test('a quarantined device gets in with a will, and the will is not published', async (t) => {
  const broker = await aBroker(t, { registry: quarantine() })
  const hearing = await reader(broker, 'everything')
  await hearing.subscribe('#', 2)
  const [quarantined, other] = [await broker.device(1, will(1)), await broker.device(2, will(2))]
  await quarantined.ping()
  quarantined.stream.destroy()
  await quarantined.closed
  other.stream.destroy()
  await hearMessage(hearing, 'will 2')
  assert.deepEqual(hearing.messages, ['will 2'])
})

test('when an overlap ends, the connection with the old secret closes and the one with the new secret stays', async (t) => {
  const registry = new FakeRegistry()
  registry.devices.set(2, { secretVersion: 1 })
  const broker = await aBroker(t, { registry })
  const [old, renewed] = [await broker.device(1), await broker.device(2)]
  for (const n of [1, 2]) registry.accessRevoked.emit({ accessKey: keyOfDevice(n), secretsBefore: 1 })
  await old.closed
  await renewed.ping()
})

test('the broker knows who is connected, since when and where from, and who was', async (t) => {
  const broker = await aBroker(t)
  const began = new Date().toISOString()
  assert.equal(broker.presenceOf(deviceIdOf(1)), undefined)
  const device = await broker.device(1)
  const present = broker.presenceOf(deviceIdOf(1))
  assert.ok(present?.connected && present.since >= began)
  device.stream.destroy()
  await device.closed
  await new Promise(setImmediate)
  const gone = broker.presenceOf(deviceIdOf(1))
  assert.ok(gone !== undefined && !gone.connected && gone.since >= present.since)
  await broker.device(1)
  assert.equal(broker.presenceOf(deviceIdOf(1))?.connected, true)
})
