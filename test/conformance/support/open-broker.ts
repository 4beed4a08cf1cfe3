import { createAedes } from '../../../broker/aedes.ts'
import type { AedesBroker, AedesHooks } from '../../../broker/aedes-internals.d.ts'
import { NodeStream } from '../../../broker/byte-stream.ts'
import { Connection } from '../../../broker/connection.ts'
import { BrokerContext } from '../../../broker/context.ts'
import { DEFAULT_LIMITS } from '../../../broker/limits.ts'
import { peerOf } from '../../../broker/peer.ts'
import { brokerIdOf, DurablePersistence } from '../../../broker/persistence/index.ts'
import { publishWill } from '../../../broker/publish-will.ts'
import { Router } from '../../../broker/router.ts'
import { Wills } from '../../../broker/wills.ts'
import { memoryLog } from '../../support/log.ts'
import { memoryDatabase } from '../../support/registry.ts'

const SOMEBODY = {
  kind: 'service',
  accessKey: 'k',
  name: 'k',
  rules: { publish: ['#'], subscribe: ['#'], deny: [] },
} as const

/** Aedes with our connections and whatever hooks a test has: as broker.ts puts it together, without the registry. */
export async function openBroker(
  hooks: AedesHooks<Connection>,
  connectTimeoutMs = 60_000,
): Promise<AedesBroker<Connection>> {
  const database = memoryDatabase()
  await database.level.open()
  const log = memoryLog()
  const router = new Router()
  const persistence = new DurablePersistence({ database, options: {}, log })
  const id = brokerIdOf(1)
  const aedes = await createAedes<Connection>({
    id,
    persistence,
    router,
    log,
    connectTimeoutMs,
    connect: (stream, request) => new Connection(context, new NodeStream(stream), peerOf(stream), request),
    hooks: {
      ...hooks,
      authenticate(client, userName, password, done) {
        // Wills are kept of those alone who are known.
        client.principal = SOMEBODY
        hooks.authenticate(client, userName, password, done)
      },
    },
  })
  const context = new BrokerContext({
    broker: aedes,
    router,
    persistence,
    wills: new Wills({
      database,
      brokerId: id,
      acl: { mayPublish: () => true },
      publish: (message, client) => publishWill(aedes, message, client),
      log,
    }),
    throttle: undefined,
    limits: DEFAULT_LIMITS,
    reports: { dropping: () => {}, throttled: () => {} },
  })
  aedes.on('closed', () => context.close())
  return aedes
}
