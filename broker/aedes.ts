import { Aedes } from 'aedes'
import type { Duplex } from 'node:stream'
import type { Log } from '../registry/index.ts'
import type { AedesBroker, AedesClient, AedesHooks, AedesPersistence } from './aedes-internals.d.ts'
import type { Router } from './router.ts'

export interface AedesParts<Client extends AedesClient> {
  /** Sorts queued messages of earlier starts before later ones: a number of fixed width. */
  readonly id: string
  readonly persistence: AedesPersistence
  readonly router: Router
  readonly hooks: AedesHooks<Client>
  /** Makes a client of a stream. */
  readonly connect: (stream: Duplex, request?: unknown) => Client
  readonly connectTimeoutMs: number
  readonly log: Log
}

/** What Aedes and the connections tell of every client that comes, goes, subscribes or unsubscribes. */
const NEWS = ['new/clients', 'disconnect/clients', 'new/subscribes', 'new/unsubscribes'] as const

/**
 * Builds the one Aedes of this process: the only place that knows how it is put together. Its connection class and its
 * `mq` are ours; its publish pipeline, its events, its cluster handling and its contract with the persistence stay.
 */
export async function createAedes<Client extends AedesClient>(parts: AedesParts<Client>): Promise<AedesBroker<Client>> {
  const { id, persistence, router, hooks, connect, connectTimeoutMs, log } = parts
  const options = {
    ...hooks,
    id,
    persistence,
    mq: router,
    connectTimeout: connectTimeoutMs,
    // Ours are configurable and stand before these (limits.ts).
    maxTopicLevels: 100,
    maxClientsIdLength: 65_535,
  }
  // The package's types know half of this; aedes-internals.d.ts and its contract test vouch for the rest.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const aedes = (await Aedes.createBroker(options as never)) as unknown as AedesBroker<Client>
  aedes.on('error', (error: unknown) => log.error({ event: 'broker-fault', error }, 'The broker reported a fault.'))
  aedes.handle = connect

  skipUnheardNews(aedes, router)
  return aedes
}

/** The pipeline for news that nobody listens to would be the dearest part of a login. */
function skipUnheardNews<Client extends AedesClient>(aedes: AedesBroker<Client>, router: Router): void {
  // Aedes listens itself, for what other brokers say.
  const ownListeners = new Map<string, number>()
  for (const news of NEWS) {
    const topic = `$SYS/${aedes.id}/${news}`
    ownListeners.set(topic, router.match(topic).listeners.length)
  }
  const isHeard = (topic: string, own: number): boolean => {
    const { listeners, sessions } = router.match(topic)
    return listeners.length > own || sessions.length > 0
  }
  const publish = aedes.publish.bind(aedes)
  aedes.publish = (message, client, done) => {
    const own = ownListeners.get(message.topic)
    if (own === undefined || isHeard(message.topic, own)) return publish(message, client, done)
    const answer = typeof client === 'function' ? client : done
    answer?.(null)
  }
}
