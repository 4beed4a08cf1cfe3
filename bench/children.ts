import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** A process of this run. Its output goes to a file, as a service's would: reading along would cost the load's core. */
export interface Child {
  readonly pid: number
  /** @throws {Error} with its last words when it ends first. */
  waitFor<T>(find: (output: string) => T | undefined, timeoutMs?: number): Promise<T>
  /** Asks it to end, forces it when it does not, and returns when it has ended. */
  stop(): Promise<void>
}

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  /** The cores it may use, all its threads. Anywhere when absent. */
  readonly cores?: readonly number[]
  readonly env?: Readonly<Record<string, string>>
}

const LONGEST_STOP_MS = 12_000
const LOOK_EVERY_MS = 5

const running = new Set<{ kill(signal: NodeJS.Signals): boolean }>()

/** For the end of the process, however it comes: nothing that was started outlives it. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** `taskset` replaces itself by the command, so that the process ID is the command's own. */
export const pinned = (
  cores: readonly number[] | undefined,
  command: string,
  args: readonly string[],
): [command: string, args: string[]] =>
  cores === undefined ? [command, [...args]] : ['taskset', ['-c', cores.join(','), command, ...args]]

export function startChild({ command, args, logFile, cores, env }: ChildOptions): Child {
  const log = openSync(logFile, 'w')
  const child = spawn(...pinned(cores, command, args), {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  })
  closeSync(log)
  running.add(child)
  let ended = false
  let failure: Error | undefined
  const end = new Promise<void>((resolve) => {
    const settle = (error?: Error): void => {
      ended = true
      failure = error
      running.delete(child)
      resolve()
    }
    child.once('exit', () => settle())
    child.once('error', settle)
  })
  const output = (): string => readFileSync(logFile, 'utf8')

  return {
    get pid() {
      return child.pid ?? 0
    },
    async waitFor(find, timeoutMs = 60_000) {
      const deadline = performance.now() + timeoutMs
      for (;;) {
        const found = find(output())
        if (found !== undefined) return found
        if (ended || performance.now() > deadline) {
          const why = failure?.message ?? (ended ? 'it ended' : 'it did not come up in time')
          throw new Error(`${command} ${args.join(' ')}: ${why}\n${output().slice(-2000)}`)
        }
        await delay(LOOK_EVERY_MS)
      }
    },
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_STOP_MS)
      await end
      clearTimeout(late)
    },
  }
}
