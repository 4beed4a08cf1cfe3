import assert from 'node:assert/strict'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { createAdmission } from '../../broker/admission.ts'
import { listenTcp } from '../../broker/listeners.ts'
import { slowDatabase } from '../conformance/support/slow-database.ts'
import { memoryLog } from '../support/log.ts'
import { aBroker, type TestBroker } from './support/broker.ts'
import { asDevice, asService, WireClient } from './support/wire.ts'
import { openTcpHandles } from '../../broker/tcp-stream.ts'
import { LIMITS } from './door-support/connections.ts'
import { deviceIdOf, FakeRegistry } from './support/door.ts'

// All clients of plain TCP are read into one buffer. What of one of them has to wait must not become what another says.

async function onTcp(t: TestContext, broker: TestBroker): Promise<() => WireClient> {
  const log = memoryLog()
  const admission = createAdmission({ limits: LIMITS, busy: () => false, log })
  const { accept, acceptBytes } = broker
  const listener = await listenTcp({
    address: { host: '127.0.0.1', port: 0 },
    admission,
    accept,
    acceptBytes,
    handles: await openTcpHandles(),
    log,
  })
  t.after(async () => {
    admission.close()
    await listener.close()
  })
  return () => {
    const socket = net.connect(listener.address.port, '127.0.0.1')
    t.after(() => socket.destroy())
    return new WireClient(socket)
  }
}

const reportOf = (n: number): string => `losant/${deviceIdOf(n)}/state`

for (const { what, qos, retain, clean } of [
  { what: 'of QoS 1 that is being stored', qos: 1, retain: false, clean: false },
  { what: 'of QoS 2 that is being stored', qos: 2, retain: false, clean: false },
  { what: 'that is being retained', qos: 0, retain: true, clean: true },
  { what: 'that waits behind one that is being retained', qos: 0, retain: false, clean: true },
] as const) {
  test(`a message ${what} stays as it was while other clients are read`, { timeout: 20_000 }, async (t) => {
    const broker = await aBroker(t, { database: slowDatabase() })
    broker.registry.addService('s')
    const dial = await onTcp(t, broker)
    const [subscriber, sender, noise] = [dial(), dial(), dial()]
    await subscriber.login(asService('s', { clean }))
    await subscriber.subscribe(reportOf(1), qos)
    await sender.login(asDevice(1))
    await noise.login(asDevice(2))
    const expected: string[] = []
    for (let round = 1; round <= 20; round += 1) {
      const payload = `${round} `.padEnd(200, 's')
      expected.push(payload)
      sender.stream.cork()
      if (what.includes('behind')) sender.publish(`${reportOf(1)}/kept`, 'kept', { retain: true })
      sender.publish(reportOf(1), payload, { qos, retain, messageId: round })
      sender.stream.uncork()
      noise.publish(reportOf(2), 'n'.repeat(4_000))
      await Promise.all([noise.ping(), subscriber.hearMessage(payload)])
    }
    assert.deepEqual(subscriber.messages, expected)
  })
}

test(
  'what follows a login in the same segment stays as it was while others are read',
  { timeout: 20_000 },
  async (t) => {
    let decide: (() => void) | undefined
    const decided = new Promise<void>((resolve) => (decide = resolve))
    const registry = new FakeRegistry()
    registry.addService('s')
    const broker = await aBroker(t, {
      registry,
      authenticate: async (presented) => {
        if (presented.clientId === deviceIdOf(1)) await decided
        return await registry.authenticate(presented)
      },
    })
    const dial = await onTcp(t, broker)
    const [subscriber, sender, noise] = [dial(), dial(), dial()]
    await subscriber.login(asService('s'))
    await subscriber.subscribe(reportOf(1))
    await noise.login(asDevice(2))
    sender.stream.cork()
    const answered = sender.login(asDevice(1))
    sender.publish(reportOf(1), 'right behind CONNECT')
    sender.stream.uncork()
    for (let round = 0; round < 3; round += 1) {
      noise.publish(reportOf(2), 'n'.repeat(4_000))
      await noise.ping()
    }
    decide?.()
    await answered
    await subscriber.hearMessage('right behind CONNECT')
  },
)
