import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import type { Machine } from './report.ts'

/** Where the broker runs, all its threads, and where what drives it runs. */
export interface Cores {
  readonly broker: number
  readonly load: number
}

/** `0-2,5` → 0, 1, 2, 5. Source: Linux, Documentation/admin-guide/cputopology. */
export const parseCpuList = (text: string): number[] =>
  text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first = Number.NaN, last = first] = part.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    })

/** @throws {Error} with fewer than two cores: a broker that shares its core with its load is not measured. */
export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'utf8')
  const [broker, load] = parseCpuList(/^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '')
  if (broker === undefined || load === undefined) throw new Error('The measurements need two cores.')
  return { broker, load }
}

const MOSQUITTO = '/usr/sbin/mosquitto'

/** Debian's package is asked for; another build would be another contestant. */
export const findMosquitto = (): string | undefined => (existsSync(MOSQUITTO) ? MOSQUITTO : undefined)

export function describeMachine(): Machine {
  const mosquitto = findMosquitto()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.versions.node,
    mosquitto: mosquitto === undefined ? 'missing' : mosquittoVersion(mosquitto),
  }
}

function mosquittoVersion(path: string): string {
  // Its exit code says nothing: help is code 1 in 2.0.
  try {
    return versionIn(execFileSync(path, ['-h'], { encoding: 'utf8' }))
  } catch (error) {
    return versionIn(error instanceof Error && 'stdout' in error ? String(error.stdout) : '')
  }
}

const versionIn = (help: string): string => /version (\S+)/.exec(help)?.[1] ?? 'unknown'
