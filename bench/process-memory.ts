import { readFileSync } from 'node:fs'

/** Resident memory of a process in MB of 1,000,000 bytes: now, and at its most. Source: proc(5), `/proc/pid/status`. */
export function memoryOf(pid: number): { rss: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6
  return { rss: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}
