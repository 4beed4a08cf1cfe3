import { readFile } from 'node:fs/promises'
import { createOperator, listenAdmin, type Operator, type ServerStatus } from './admin/index.ts'
import {
  createAdmission,
  createBroker,
  createWebSocketDoor,
  listenTcp,
  listenTls,
  type Listener,
  type ListenAddress,
} from './broker/index.ts'
import { ConfigError, formatListenAddress, type Config } from './config.ts'
import { countRegistrations, metricsPages, StoreWrites } from './metrics/index.ts'
import { openStore, type OpenStoreParts } from './open-store.ts'
import {
  createAdmissionWebhook,
  createRegistrationApp,
  listenHttp,
  type HttpListener,
  type ReadinessCheck,
  type RegistrationResult,
} from './registration/index.ts'
import { Signal } from './registry/index.ts'

export interface ServerParts extends OpenStoreParts {
  readonly version: string
}

export interface Server {
  /** Where the listeners are: a port 0 has become a number. */
  readonly addresses: Readonly<Partial<Record<keyof Config['listen'], ListenAddress>>>
  readonly dataFolderCreated: boolean
  readonly operator: Operator
  /** Stops accepting, lets what has begun finish, writes what waits, and closes the store. Resolves within the grace time and a little. */
  close(): Promise<void>
}

/** New CONNECTs stay unread while a login would have to wait longer than this for its hash: one that was read is answered in time. */
const BUSY_BACKLOG_MS = 500

/**
 * The only file that knows every part. Opens inwards-out, closes outwards-in; when one part does not open, those that
 * were open are closed again.
 */
export async function startServer(config: Config, parts: ServerParts): Promise<Server> {
  const { log } = parts
  const startedAt = new Date()
  const tls = await readCertificate(config)
  const closing = new Closing()
  try {
    const storeWrites = new StoreWrites()
    const watchWrites = storeWrites.watch.bind(storeWrites)
    const { database, registry } = await openStore(config, { ...parts, watchWrites })
    closing.add(() => database.close())
    closing.add(() => registry.close())
    database.writer.onHealth((error) => {
      if (error === undefined) log.info({ event: 'store-mended' }, 'The store can be written again.')
      else
        log.error(
          { event: 'store-failing', error },
          'The store cannot be written; nothing is acknowledged until it can.',
        )
    })

    const { webhookUrl, webhookSecret, webhookFallback } = config.registration
    if (webhookUrl !== undefined && webhookSecret !== undefined) {
      registry.admission.askThrough(
        createAdmissionWebhook({ url: webhookUrl, secret: webhookSecret, fallback: webhookFallback, log }),
      )
    }

    const listeners = new Map<keyof Config['listen'], Listener | HttpListener>()
    closing.add(() => Promise.all([...listeners.values()].map((listener) => listener.close(config.shutdown.graceMs))))

    const broker = await createBroker({
      registry,
      database,
      attempts: registry.attempts,
      options: { ...config.mqtt, persistence: config.storage.persistence },
      log,
    })
    closing.add(() => broker.close())

    const operator = createOperator({
      registry,
      status: () => statusOf(config, parts.version, startedAt, listeners, broker.connectedClients()),
    })
    const admin = await listenAdmin({ folder: config.data, operator, log })
    closing.add(() => admin.close())

    const admission = createAdmission({
      limits: config.limits,
      busy: () => registry.loginBacklogMs() > BUSY_BACKLOG_MS,
      log,
    })
    const { accept } = broker
    const { handshakeFailed, registrationEnded: attemptEnded } = registry.attempts
    const { mqtt, mqtts, http, https } = config.listen
    if (mqtt !== undefined) listeners.set('mqtt', await listenTcp({ address: mqtt, admission, accept, log }))
    if (mqtts !== undefined && tls !== undefined) {
      listeners.set('mqtts', await listenTls({ address: mqtts, tls, admission, accept, log, handshakeFailed }))
    }

    const webSockets = createWebSocketDoor({ admission, accept, log, maxMessageBytes: config.mqtt.maxPacketBytes })
    const readiness = (): ReadinessCheck[] => [
      { name: 'store', ok: database.level.status === 'open' && database.writer.failure === undefined },
      { name: 'listeners', ok: !closing.begun },
    ]
    const registrationEnded = new Signal<RegistrationResult>((error) =>
      log.error({ event: 'listener-failed', error }, 'A listener of the registration failed.'),
    )
    const registrations = countRegistrations(registrationEnded)
    const pages = metricsPages({
      access: config.metrics.access,
      storeWrites,
      sources: {
        version: parts.version,
        connectedClients: () => broker.connectedClients(),
        broker: () => broker.counters(),
        admission: () => admission.counters(),
        registrations: () => registrations,
        hashBacklogMs: () => registry.loginBacklogMs(),
        storeCommits: () => database.writer.commits,
        certificate: () => tls?.cert,
      },
    })
    const app = createRegistrationApp({ registry, readiness, log, registrationEnded, attemptEnded, pages }).callback()
    const web = {
      app,
      onConnection: webSockets.connectionOpened.bind(webSockets),
      onUpgrade: webSockets.handleUpgrade.bind(webSockets),
      log,
      handshakeFailed,
      maxConnections: config.limits.connections,
    }
    closing.add(() => webSockets.close())
    if (http !== undefined) listeners.set('http', await listenHttp({ ...web, address: http }))
    if (https !== undefined && tls !== undefined) {
      listeners.set('https', await listenHttp({ ...web, address: https, tls }))
    }
    closing.add(async () => {
      for (const listener of listeners.values()) listener.stopAccepting()
      admission.close()
    })

    return {
      addresses: Object.fromEntries([...listeners].map(([name, listener]) => [name, listener.address])),
      dataFolderCreated: database.created,
      operator,
      close: () => closing.run(),
    }
  } catch (error) {
    await closing.run()
    throw error
  }
}

/** What must be closed, in the opposite order of opening. One that fails does not keep the others open. */
class Closing {
  readonly #steps: (() => Promise<unknown>)[] = []
  #run: Promise<void> | undefined

  get begun(): boolean {
    return this.#run !== undefined
  }

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step)
  }

  run(): Promise<void> {
    this.#run ??= this.#closeAll()
    return this.#run
  }

  async #closeAll(): Promise<void> {
    const faults: unknown[] = []
    for (const step of this.#steps.toReversed()) {
      try {
        await step()
      } catch (error) {
        faults.push(error)
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, 'Something did not close.')
  }
}

/** Read before the store is opened, so that a certificate that is missing costs nothing. */
async function readCertificate({ tls, listen }: Config): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (tls.cert === undefined || tls.key === undefined) return undefined
  if (listen.mqtts === undefined && listen.https === undefined) return undefined
  return { cert: await readPem('tls.cert', tls.cert), key: await readPem('tls.key', tls.key) }
}

async function readPem(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError([`${setting}: ${path} cannot be read: ${reason}`])
  }
}

function statusOf(
  config: Config,
  version: string,
  startedAt: Date,
  listeners: ReadonlyMap<string, { readonly address: ListenAddress }>,
  connectedClients: number,
): ServerStatus {
  return {
    version,
    node: process.versions.node,
    pid: process.pid,
    startedAt: startedAt.toISOString(),
    uptimeSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    data: config.data,
    connectedClients,
    listeners: Object.fromEntries([...listeners].map(([name, { address }]) => [name, formatListenAddress(address)])),
  }
}
