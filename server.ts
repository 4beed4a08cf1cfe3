import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createAdminHttp,
  createOperator,
  History,
  HistoryFile,
  listenAdmin,
  mayReach,
  openTails,
  setupUrl,
  type AdminHttp,
  type Operator,
  type OperatorChange,
  type OperatorParts,
  type PageFiles,
  type ServerStatus,
  type Totals,
} from './admin/index.ts'
import { adminUrls } from './admin-urls.ts'
import {
  createAdmission,
  createBroker,
  createWebSocketDoor,
  openTcpHandles,
  openTlsHandles,
  type Broker,
  listenTcp,
  listenTls,
  type Listener,
  type ListenAddress,
} from './broker/index.ts'
import { CertificateFiles } from './certificate-files.ts'
import { expiryOf } from './certificate-expiry.ts'
import { formatListenAddress, isLoopback, type Config, type LoadedConfig } from './config.ts'
import { countRegistrations, metricsPages, StoreWrites } from './metrics/index.ts'
import { openStore, retainedOf, type OpenStoreParts } from './open-store.ts'
import {
  createAdmissionWebhook,
  createRegistrationApp,
  jwksPage,
  listenHttp,
  type HttpListener,
  type ReadinessCheck,
  type RegistrationResult,
} from './registration/index.ts'
import { Signal, type Accounts, type Log } from './registry/index.ts'
import { runningServer } from './running-server.ts'
import { writeFileDurably, type Database } from './storage/index.ts'
import { Backups } from './upkeep/index.ts'

export interface ServerParts extends OpenStoreParts {
  readonly version: string
  /** The operator's page. Without it there is nothing at its addresses. */
  readonly page?: PageFiles
  /** Where the configuration comes from; absent when it was given whole. */
  readonly loaded?: LoadedConfig
}

export interface Server {
  /** Where the listeners are: a port 0 has become a number. */
  readonly addresses: Readonly<Partial<Record<keyof Config['listen'], ListenAddress>>>
  readonly dataFolderCreated: boolean
  readonly operator: Operator
  /** Reads the certificate again; nobody is disconnected. @returns false when it cannot be used and the old one stays. */
  reload(): Promise<boolean>
  /** How the first account of the admin API can be made, when there is none. */
  readonly setup: { readonly code: string; readonly urls: readonly string[] } | undefined
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
  const certificate = await openCertificate(config, log)
  const tls = certificate?.current
  const closing = new Closing()
  const reportFault = (error: unknown): void =>
    log.error({ event: 'listener-failed', error }, 'A listener of what happens failed.')
  try {
    const storeWrites = new StoreWrites()
    const watchWrites = storeWrites.watch.bind(storeWrites)
    const { preparedSecrets } = config.registration
    const { database, registry } = await openStore(config, { ...parts, watchWrites, preparedSecrets })
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

    const registrationEnded = new Signal<RegistrationResult>(reportFault)
    const registrations = countRegistrations(registrationEnded)
    const stats = (): Stats => statsOf(broker, registrations)
    const historyFile = new HistoryFile({ folder: config.data, write: writeFileDurably, log })
    const earlier = await historyFile.read()
    const history = new History(() => totalsOf(stats()), { earlier, keep: (steps) => historyFile.write(steps) })
    closing.add(() => history.stop())

    const backups = await Backups.open(database, parts.version)
    const operatorChanged = new Signal<OperatorChange>(reportFault)
    const urls = () => adminUrls(config, (name) => listeners.get(name)?.address)
    const readiness = (): ReadinessCheck[] => [
      { name: 'store', ...storeHealth(database) },
      { name: 'listeners', ok: !closing.begun },
    ]
    const tails = openTails((filter, heard) => broker.listen(filter, heard))
    const operatorParts: OperatorParts = {
      registry,
      presence: (deviceId) => broker.presenceOf(deviceId),
      backups,
      status: () => statusOf(config, parts.version, startedAt, listeners, broker.connectedClients()),
      readiness,
      adminUrls: urls,
      changed: operatorChanged,
      retained: retainedOf(database, (topics) => broker.forgetRetained(topics)),
      server: runningServer({
        config,
        loaded: parts.loaded,
        broker,
        history,
        database,
        accounts: registry.accounts,
        tails,
        certificate: () => certificate?.current.cert,
        reloadCertificate: () => certificate?.reload(),
      }),
    }
    const operator = createOperator(operatorParts)
    const adminSocket = await listenAdmin({ folder: config.data, operator, log })
    closing.add(() => adminSocket.close())

    const admission = createAdmission({
      limits: config.limits,
      busy: () => registry.loginBacklogMs() > BUSY_BACKLOG_MS,
      log,
    })
    const { accept, acceptBytes } = broker
    const { handshakeFailed, registrationEnded: attemptEnded } = registry.attempts
    const { listen } = config
    const { mqtt, mqtts, http, https } = listen
    const handles = await openTcpHandles()
    const tlsHandles = tls && (await openTlsHandles(handles))
    if (mqtt !== undefined) {
      listeners.set('mqtt', await listenTcp({ address: mqtt, admission, accept, acceptBytes, handles, log }))
    }
    if (mqtts !== undefined && tls !== undefined) {
      const listener = await listenTls({
        address: mqtts,
        tls,
        admission,
        accept,
        acceptBytes,
        tlsHandles,
        log,
        handshakeFailed,
      })
      certificate?.onChange((renewed) => listener.setCertificate(renewed))
      listeners.set('mqtts', listener)
    }

    const maxMessageBytes = config.mqtt.maxPacketBytes
    const webSockets = createWebSocketDoor({ admission, acceptBytes, log, maxMessageBytes, handles, tlsHandles })
    const metrics = metricsPages({
      access: config.metrics.access,
      storeWrites,
      sources: {
        version: parts.version,
        connectedClients: () => broker.connectedClients(),
        broker: () => broker.counters(),
        kept: () => broker.kept(),
        admission: () => admission.counters(),
        registrations: () => registrations,
        hashBacklogMs: () => registry.loginBacklogMs(),
        preparedSecrets: () => registry.preparedSecrets(),
        lastBackup: () => backups.lastSuccess,
        storeCommits: () => database.writer.commits,
        certificateExpiry: () => certificate && expiryOf(certificate.current.cert),
      },
    })
    const pages = [...metrics, jwksPage(registry)]
    const app = createRegistrationApp({ registry, readiness, log, registrationEnded, attemptEnded, pages }).callback()
    const adminHttp = createAdminHttp({
      registry,
      operator: operatorParts,
      news: {
        deviceRegistered: registry.deviceRegistered,
        deviceReturned: registry.deviceReturned,
        registrationEnded,
        clientConnected: broker.clientConnected,
        clientDisconnected: broker.clientDisconnected,
        operatorChanged,
        stats,
      },
      watchDevice: (deviceId, heard) => broker.watch(deviceId, heard),
      page: parts.page,
      version: parts.version,
      log,
    })
    const web = {
      app: listen.admin === undefined ? beside(adminHttp, app, config.admin.access) : app,
      onConnection: webSockets.connectionOpened.bind(webSockets),
      onUpgrade: webSockets.handleUpgrade.bind(webSockets),
      log,
      handshakeFailed,
      maxConnections: config.limits.connections,
    }
    closing.add(() => webSockets.close())
    if (http !== undefined) listeners.set('http', await listenHttp({ ...web, address: http }))
    if (https !== undefined && tls !== undefined) {
      const listener = await listenHttp({ ...web, address: https, tls })
      certificate?.onChange((renewed) => listener.setCertificate(renewed))
      listeners.set('https', listener)
    }
    if (listen.admin !== undefined) {
      const secure = tls !== undefined && !isLoopback(listen.admin.host) ? { tls } : {}
      const own = { app: adminHttp.answer, log, handshakeFailed, name: 'admin', ...secure }
      const listener = await listenHttp({ ...own, address: listen.admin })
      if ('tls' in secure) certificate?.onChange((renewed) => listener.setCertificate(renewed))
      listeners.set('admin', listener)
    }
    await furnishAccount(config, registry.accounts, log)
    certificate?.watch()
    closing.add(async () => certificate?.close())
    closing.add(async () => {
      adminHttp.close()
      tails.close()
      for (const listener of listeners.values()) listener.stopAccepting()
      admission.close()
    })

    return {
      addresses: Object.fromEntries([...listeners].map(([name, listener]) => [name, listener.address])),
      dataFolderCreated: database.created,
      operator,
      reload: async () => (await certificate?.reload()) ?? true,
      setup: setupOf(registry.accounts, urls()),
      close: () => closing.run(),
    }
  } catch (error) {
    await closing.run()
    throw error
  }
}

function storeHealth({ level, writer }: Database): Omit<ReadinessCheck, 'name'> {
  if (writer.failure !== undefined)
    return { ok: false, detail: writer.failure instanceof Error ? writer.failure.message : 'it cannot be written' }
  return level.status === 'open' ? { ok: true } : { ok: false, detail: `it is ${level.status}` }
}

type WebApp = (request: IncomingMessage, response: ServerResponse) => unknown

/** Whoever may not reach the admin API hears of it what `app` says of everything that is not there. */
const beside =
  (adminHttp: AdminHttp, app: WebApp, access: Config['admin']['access']): WebApp =>
  (request, response) => {
    const isAdmin = access !== 'off' && adminHttp.owns(request) && mayReach(request, access)
    return isAdmin ? adminHttp.answer(request, response) : app(request, response)
  }

/** The account that the configuration gives a password. */
async function furnishAccount({ admin }: Config, accounts: Accounts, log: Log): Promise<void> {
  const { account, password } = admin
  if (password === undefined) return
  const done = await accounts.furnish(account, password)
  if (done === 'created') log.info({ event: 'admin-account-created', account }, 'The configured account was made.')
  if (done === 'changed') {
    log.warn({ event: 'admin-password-set', account }, 'The account was given the password of the configuration.')
  }
}

function setupOf(accounts: Accounts, urls: readonly string[]): Server['setup'] {
  if (!accounts.isEmpty || urls.length === 0) return undefined
  const code = accounts.setupCode.make().code.reveal()
  return { code, urls: urls.map((url) => setupUrl(url, code)) }
}

type Stats = ReturnType<typeof statsOf>

/** Numbers for those who watch. */
function statsOf(
  broker: Pick<Broker, 'connectedClients' | 'counters'>,
  registrations: Readonly<Record<RegistrationResult, number>>,
) {
  const { messagesReceived, messagesSent, messagesDropped, logins, loginsRefused } = broker.counters()
  const { created, returned, ...refused } = registrations
  return {
    connectedClients: broker.connectedClients(),
    messagesReceived,
    messagesSent,
    messagesDropped,
    logins,
    loginsRefused: sum(loginsRefused),
    registrations: created + returned,
    registrationsRefused: sum(refused),
  }
}

const totalsOf = (stats: Stats): Totals => ({
  connected: stats.connectedClients,
  messagesIn: stats.messagesReceived,
  messagesOut: stats.messagesSent,
  registrations: stats.registrations,
  refused: stats.registrationsRefused,
})

const sum = (numbers: Readonly<Record<string, number>>): number =>
  Object.values(numbers).reduce((total, number) => total + number, 0)

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
async function openCertificate({ tls, listen }: Config, log: Log): Promise<CertificateFiles | undefined> {
  const { cert, key } = tls
  if (cert === undefined || key === undefined) return undefined
  const ownAdmin = listen.admin !== undefined && !isLoopback(listen.admin.host)
  if (listen.mqtts === undefined && listen.https === undefined && !ownAdmin) return undefined
  return await CertificateFiles.open({ cert, key }, log)
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
