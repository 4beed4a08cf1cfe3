import { accessSync, constants, statSync } from 'node:fs'
import { addressesCollide, formatListenAddress, isLoopback } from './listen-address.ts'
import { readFailure } from './problems.ts'
import type { Config } from './schema.ts'

/** How the checks speak of a setting. */
export interface Origins {
  /** Whether a value of its own was refused, so that nothing more can be said about the setting. */
  refused(path: string): boolean
  /** `file:line:column: listen.mqtts: ` and the like. */
  place(path: string): string
  /** Whether a certificate that is named must be there. */
  readonly needsCertificate: boolean
}

/** What settings must be to each other, and files to the settings that name them. */
export function checkTogether(config: Config, origins: Origins): { problems: string[]; warnings: string[] } {
  const { cert, key } = origins.needsCertificate ? config.tls : {}
  const files = [...fileProblems('tls.cert', cert, origins), ...fileProblems('tls.key', key, origins)]
  return {
    problems: [
      ...missingTls(config, origins),
      ...files,
      ...collisions(config, origins),
      ...missingWebhook(config, origins),
    ],
    warnings: idleTls(config, origins),
  }
}

function missingTls({ listen, tls }: Config, origins: Origins): string[] {
  const missing = (['cert', 'key'] as const).filter(
    (name) => tls[name] === undefined && !origins.refused(`tls.${name}`),
  )
  if (missing.length === 0) return []
  const names = missing.map((name) => `tls.${name}`)
  const alone = missing.length === 1
  const listeners = (['mqtts', 'https', 'admin'] as const).filter((name) => {
    const address = listen[name]
    return address !== undefined && (name !== 'admin' || !isLoopback(address.host))
  })
  const asking = listeners.map(
    (name) =>
      `${origins.place(`listen.${name}`)}TLS needs ${names.join(' and ')}; set ${alone ? 'it' : 'them'}, or this to off`,
  )
  if (asking.length > 0 || !alone) return asking
  const other = missing[0] === 'cert' ? 'tls.key' : 'tls.cert'
  return [`${origins.place(other)}it is of no use without ${names[0]}`]
}

function fileProblems(path: string, file: string | undefined, origins: Origins): string[] {
  if (file === undefined) return []
  try {
    if (statSync(file).isDirectory()) return [`${origins.place(path)}${file}: it is a folder`]
    accessSync(file, constants.R_OK)
    return []
  } catch (error) {
    return [`${origins.place(path)}${file}: ${readFailure(error)}`]
  }
}

function collisions({ listen }: Config, origins: Origins): string[] {
  const open = Object.entries(listen)
  return open.flatMap(([name, address], index) =>
    open
      .slice(0, index)
      .filter(([, earlier]) => addressesCollide(earlier, address))
      .map(
        ([other, earlier]) =>
          `${origins.place(`listen.${name}`)}${formatListenAddress(address)} is already taken by listen.${other} (${formatListenAddress(earlier)}); choose another port`,
      ),
  )
}

function missingWebhook({ registration }: Config, origins: Origins): string[] {
  if (registration.mode !== 'webhook') return []
  const missing = (['webhookUrl', 'webhookSecret'] as const).filter(
    (name) => registration[name] === undefined && !origins.refused(`registration.${name}`),
  )
  if (missing.length === 0) return []
  const names = missing.map((name) => `registration.${name}`).join(' and ')
  return [`${origins.place('registration.mode')}webhook needs ${names}`]
}

function idleTls({ listen, tls }: Config, origins: Origins): string[] {
  if (tls.cert === undefined || tls.key === undefined) return []
  if (listen.mqtts !== undefined || listen.https !== undefined) return []
  if (listen.admin !== undefined && !isLoopback(listen.admin.host)) return []
  return [`${origins.place('tls.cert')}no listener uses it; set listen.mqtts or listen.https`]
}
