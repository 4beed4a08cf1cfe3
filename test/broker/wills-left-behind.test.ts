import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hearMessage, mute, reader } from '../conformance/support/clients.ts'
import { memoryDatabase } from '../support/registry.ts'
import { aBroker } from './support/broker.ts'
import { FakeRegistry } from './support/door.ts'

const willTo = (topic: string, payload: string) => ({
  will: { topic, payload: Buffer.from(payload), qos: 1 as const, retain: false },
})

test('one will that may no longer be published does not keep back those of others whom a killed process left', async (t) => {
  const database = memoryDatabase()
  // Never closed before the end, so that to the next one it is a process that was killed.
  const killed = await aBroker(t, { database })
  // In this order they are looked at.
  await mute(killed, 'back', willTo('wills', 'will of one who is back'))
  for (const n of [1, 2, 3]) await mute(killed, `owner-${n}`, willTo(n === 1 ? 'forbidden' : 'wills', `will ${n}`))

  const registry = new FakeRegistry()
  for (const name of ['heir', 'back']) registry.addService(name)
  t.mock.method(registry.acl, 'mayPublish', (_who: unknown, topic: string) => topic !== 'forbidden')
  const broker = await aBroker(t, {
    database: memoryDatabase(database.level, 2),
    registry,
    options: { willDelayMs: 300 },
  })
  const heir = await reader(broker, 'heir')
  await heir.subscribe('#', 1)
  await mute(broker, 'back')
  await hearMessage(heir, 'will 2')
  await hearMessage(heir, 'will 3')
  assert.deepEqual(heir.messages.toSorted(), ['will 2', 'will 3'])
  const refused = broker.log.lines.filter(({ event }) => event === 'will-refused')
  assert.deepEqual(
    refused.map(({ clientId }) => clientId),
    ['owner-1-software'],
  )
})
