import type { TestContext } from 'node:test'
import { createBroker, type Broker, type BrokerOptions, type BrokerParts } from '../../../broker/broker.ts'
import { memoryLog } from '../../support/log.ts'
import { memoryDatabase } from '../../support/registry.ts'
import { FakeRegistry } from './door.ts'
import { asDevice, asService, dial, type WireClient } from './wire.ts'

export const LIMITS = {
  maxConnectPacketBytes: 16_384,
  maxPacketBytes: 262_144,
  maxSubscriptionsPerPacket: 100,
  maxWriteBufferBytes: 1_048_576,
  // What the protocol has room for.
  maxTopicBytes: 65_535,
} as const satisfies BrokerOptions

export interface TestBroker extends Broker {
  readonly registry: FakeRegistry
  readonly log: ReturnType<typeof memoryLog>
  readonly database: BrokerParts['database']
  /** Device `n`, logged in. */
  device(n: number, connect?: Parameters<typeof asDevice>[1]): Promise<WireClient>
  /** A service key, added when the name is new and logged in. It may do everything unless it was added before. */
  service(name: string, connect?: Parameters<typeof asService>[1]): Promise<WireClient>
}

/** A broker over memory and a registry that knows every device, closed with the test. */
export async function aBroker(
  t: Pick<TestContext, 'after'>,
  {
    options = {},
    registry = new FakeRegistry(),
    database = memoryDatabase(),
    authenticate = registry.authenticate.bind(registry),
  }: {
    options?: Partial<BrokerOptions>
    registry?: FakeRegistry
    database?: BrokerParts['database']
    authenticate?: FakeRegistry['authenticate']
  } = {},
): Promise<TestBroker> {
  const log = memoryLog()
  const { acl, accessRevoked } = registry
  const broker = await createBroker({
    registry: { acl, accessRevoked, authenticate },
    database,
    options: { ...LIMITS, ...options },
    log,
  })
  t.after(() => broker.close())
  return {
    ...broker,
    registry,
    log,
    database,
    device: async (n, connect) => {
      const client = dial(broker)
      await client.login(asDevice(n, connect))
      return client
    },
    service: async (name, connect) => {
      if (!registry.knows(name)) registry.addService(name)
      const client = dial(broker)
      await client.login(asService(name, connect))
      return client
    },
  }
}
