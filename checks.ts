import { X509Certificate } from 'node:crypto'
import { readFile, stat, statfs } from 'node:fs/promises'
import { expiryOf } from './certificate-expiry.ts'
import { isLoopback, type Config } from './config.ts'

/** One thing that was looked at, for `mooring doctor` and for the page. */
export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warning' | 'error'
  readonly text: string
  /** What to do about it. */
  readonly hint?: string
}

const DAY_MS = 24 * 60 * 60 * 1000
/** Four times what the store needs to be opened anew (docs/limits.md). */
const LITTLE_DISK = 256 * 1024 * 1024
/** For sockets, files of the store and the program itself. */
const OTHER_FILES = 500

/** What can be looked at with the configuration alone. */
export async function configuredFindings(config: Config): Promise<Finding[]> {
  return [
    ...listenFindings(config),
    await dataFinding(config),
    await diskFinding(config),
    ...(await certificateFindings(config)),
  ]
}

function listenFindings({ listen }: Config): Finding[] {
  const device = (['mqtt', 'mqtts', 'http', 'https'] as const).filter((name) => listen[name] !== undefined)
  const reachable = device.filter((name) => !isLoopback(listen[name]?.host ?? ''))
  if (reachable.length === 0) {
    return [
      {
        check: 'listen',
        state: 'warning',
        text: 'every listener is on this machine only: devices elsewhere cannot connect',
        hint: 'set listen.mqtts and listen.https, or listen.mqtt and listen.http, to 0.0.0.0 and a port',
      },
    ]
  }
  const plain = reachable.filter((name) => name === 'mqtt' || name === 'http')
  if (plain.length === 0) return [{ check: 'listen', state: 'ok', text: `${reachable.join(', ')} in the network` }]
  return [
    {
      check: 'listen',
      state: 'warning',
      text: `${plain.join(' and ')} in the network without encryption: secrets can be read on the way`,
      hint: 'set tls.cert, tls.key, listen.mqtts and listen.https',
    },
  ]
}

async function dataFinding({ data }: Config): Promise<Finding> {
  const found = await stat(data).catch(() => undefined)
  if (found === undefined)
    return { check: 'data', state: 'warning', text: `${data}: not there yet`, hint: 'mooring serve' }
  const mode = found.mode & 0o777
  if ((mode & 0o077) === 0) return { check: 'data', state: 'ok', text: `${data}: for its owner alone` }
  const text = `${data} has mode ${mode.toString(8)}: other users of this machine can look into it`
  return { check: 'data', state: 'error', text, hint: `chmod 700 ${data}` }
}

async function diskFinding({ data }: Config): Promise<Finding> {
  const room = await statfs(data).catch(() => undefined)
  if (room === undefined) return { check: 'disk', state: 'ok', text: 'not looked at: there is no data folder yet' }
  const free = room.bavail * room.bsize
  const text = `${Math.round(free / 1024 / 1024)} MiB free`
  if (free > LITTLE_DISK) return { check: 'disk', state: 'ok', text }
  return { check: 'disk', state: 'error', text, hint: 'make room: a full disk ends every acknowledgement' }
}

async function certificateFindings({ tls }: Config): Promise<Finding[]> {
  if (tls.cert === undefined) return []
  const check = 'certificate'
  try {
    const pem = await readFile(tls.cert)
    const { validFrom } = new X509Certificate(pem)
    const expiry = new Date((expiryOf(pem) ?? 0) * 1000)
    const days = Math.floor((expiry.getTime() - Date.now()) / DAY_MS)
    if (Date.parse(validFrom) > Date.now()) {
      return [
        { check, state: 'error', text: `valid only from ${validFrom} on`, hint: 'look at the clock of this machine' },
      ]
    }
    const hint = `put a new one into ${tls.cert}: a running server takes it within seconds`
    if (days < 0) return [{ check, state: 'error', text: `expired on ${expiry.toISOString()}`, hint }]
    if (days < 14) return [{ check, state: 'warning', text: `expires in ${days} days`, hint }]
    return [{ check, state: 'ok', text: `valid for ${days} days` }]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [{ check, state: 'error', text: `${tls.cert}: ${why}` }]
  }
}

/** Of a running server, where the system tells. */
export async function fileFindings({ limits }: Pick<Config, 'limits'>, pid: number | 'self'): Promise<Finding[]> {
  const text = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '')
  const limit = Number(/^Max open files +(\d+)/m.exec(text)?.[1])
  if (!Number.isInteger(limit)) return []
  const needed = limits.connections + OTHER_FILES
  if (limit >= needed) return [{ check: 'files', state: 'ok', text: `${limit} may be open at a time` }]
  return [
    {
      check: 'files',
      state: 'warning',
      text: `${limit} may be open at a time, and ${limits.connections} connections (limits.connections) need ${needed}`,
      hint: `ulimit -n ${needed} before the start, or LimitNOFILE=${needed} in its unit`,
    },
  ]
}

/** Of a running server. */
export function accountFinding(isThereOne: boolean): Finding {
  if (isThereOne) return { check: 'admin', state: 'ok', text: 'the admin API has an account' }
  const hint = 'mooring admin create NAME, or: mooring admin setup-url'
  return { check: 'admin', state: 'warning', text: 'the admin API has no account yet', hint }
}
