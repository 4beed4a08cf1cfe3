import { readFileSync } from 'node:fs'

/**
 * Resident memory of a process in MB of 1,000,000 bytes: now, at its most, and without pages of files, which the kernel
 * takes back when it wants (LevelDB maps its tables). Source: proc(5), `/proc/pid/status`.
 */
export function memoryOf(pid: number): { rss: number; peak: number; own: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6
  return { rss: megabytes('VmRSS'), peak: megabytes('VmHWM'), own: megabytes('RssAnon') }
}
