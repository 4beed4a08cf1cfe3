import { X509Certificate } from 'node:crypto'
import type { EffectiveSetting, History, RunningServer, ServerFacts, TopicTails } from './admin/index.ts'
import type { Broker } from './broker/index.ts'
import { expiryOf } from './certificate-expiry.ts'
import { accountFinding, configuredFindings, fileFindings, type Finding } from './checks.ts'
import type { Config, LoadedConfig } from './config.ts'
import { RegistryError } from './registry/index.ts'
import { diskUse, type Database, type DiskUse } from './storage/index.ts'

export interface RunningServerParts {
  readonly config: Config
  /** Where the configuration comes from; absent when it was given whole. */
  readonly loaded: LoadedConfig | undefined
  readonly broker: Pick<Broker, 'counters' | 'publish' | 'sendCommand'>
  readonly tails: TopicTails
  readonly history: History
  readonly database: Pick<Database, 'writer'>
  readonly accounts: { list(): readonly unknown[] }
  /** PEM, chain first; undefined without TLS. */
  readonly certificate: () => string | Buffer | undefined
  /** Reads it again. @returns false when it cannot be used and the one before stays; undefined without TLS. */
  readonly reloadCertificate: () => Promise<boolean> | undefined
}

/** A store has some hundred files: they are not looked at for every page that is opened. */
const DISK_USE_GOOD_MS = 10_000

/** The server, as the page shows it as a whole. */
export function runningServer(parts: RunningServerParts): RunningServer {
  const { config, loaded, broker, history, certificate } = parts
  let seen: { readonly at: number; readonly disk: Promise<DiskUse> } | undefined
  const disk = (): Promise<DiskUse> => {
    const now = performance.now()
    if (seen === undefined || now - seen.at > DISK_USE_GOOD_MS) seen = { at: now, disk: diskUse(config.data) }
    return seen.disk
  }
  return {
    async facts() {
      const { messagesReceived, messagesSent, messagesDropped } = broker.counters()
      return {
        topicRoot: config.mqtt.topicRoot,
        registrationsOfDay: history.registrationsOfDay(),
        messages: { received: messagesReceived, sent: messagesSent, dropped: messagesDropped },
        disk: await disk(),
        certificate: certificateOf(certificate()),
        checks: await checksOf(parts),
      }
    },
    historyOf: (span) => history.of(span),
    publish: (message) => broker.publish(message),
    tails: parts.tails,
    async reloadCertificate() {
      if ((await parts.reloadCertificate()) !== false) return certificateOf(certificate())
      const message = 'The certificate cannot be used, and the one before stays: do its files belong together?'
      throw new RegistryError('ERR_CONFLICT', message)
    },
    settings: () => Array.from(loaded?.sources ?? [], ([path, origin]) => settingOf(path, origin)),
    sendCommand: (deviceId, payload) => broker.sendCommand(deviceId, payload),
  }
}

async function checksOf({ config, loaded, database, accounts }: RunningServerParts): Promise<Finding[]> {
  const { failure } = database.writer
  return [
    ...(loaded?.warnings ?? []).map((text): Finding => ({ check: 'config', state: 'warning', text })),
    failure === undefined
      ? { check: 'store', state: 'ok', text: 'what is acknowledged is on the disk' }
      : {
          check: 'store',
          state: 'error',
          text: 'it cannot be written, and nothing is acknowledged until it can',
          hint: 'look at the log, and at the disk',
        },
    ...(await configuredFindings(config)),
    ...(await fileFindings(config, 'self')),
    accountFinding(accounts.list().length > 0),
  ]
}

function certificateOf(pem: string | Buffer | undefined): ServerFacts['certificate'] {
  if (pem === undefined) return undefined
  const { subject, validTo } = new X509Certificate(pem)
  const notAfter = new Date((expiryOf(pem) ?? Date.parse(validTo) / 1000) * 1000).toISOString()
  return { subject: subject.replaceAll('\n', ', '), notAfter }
}

function settingOf(path: string, { value, source, detail }: { value: string; source: string; detail: string }) {
  const setting: EffectiveSetting = {
    path,
    source,
    ...(value === '' ? {} : { value: withoutCredentials(value) }),
    ...(detail === '' ? {} : { detail }),
  }
  return setting
}

/** An address may hold a password, or a token in its query. */
function withoutCredentials(value: string): string {
  if (!/^https?:/i.test(value) || !URL.canParse(value)) return value
  const url = new URL(value)
  const isOpen = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return isOpen ? value : `${url.origin}${url.pathname} (and what is not shown)`
}
