import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** A program under measurement. */
export interface Program {
  readonly pid: number
  /** From its start to the line that says that it serves. */
  readonly startMs: number
  /** That line, parsed. */
  readonly serving: Record<string, unknown>
  stop(): Promise<void>
}

const run = promisify(execFile)
const START_DEADLINE_MS = 60_000

/** Starts `node <args>` and waits for a line of JSON for which `serves` is true. */
export async function start(
  args: readonly string[],
  serves: (line: Record<string, unknown>) => boolean,
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const from = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  const serving = await lineOf(child, serves)
  const startMs = performance.now() - from
  return {
    pid: child.pid ?? 0,
    startMs,
    serving,
    async stop() {
      const ended = once(child, 'close')
      child.kill('SIGTERM')
      await ended
    },
  }
}

function lineOf(
  child: ChildProcess,
  fits: (line: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('the program did not say that it serves'))
    }, START_DEADLINE_MS)
    child.once('close', (code) => reject(new Error(`the program ended with ${code}`)))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = text.startsWith('{') ? parse(text) : {}
      if (!fits(line)) return
      clearTimeout(late)
      resolve(line)
    })
  })
}

/** Runs a load generator of bench/load and gives back what it reports. */
export async function load(
  program: 'regload' | 'mqttload',
  ...args: readonly string[]
): Promise<Record<string, unknown>> {
  const json = program === 'mqttload' ? ['--json'] : []
  const { stdout } = await run(`bench/load/${program}`, [...args, ...json], { maxBuffer: 16 * 1024 * 1024 })
  return parse(stdout.trim().split('\n').at(-1) ?? '')
}

/** Runs a command of the product. */
export async function mooring(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['dist/main.js', ...args])
  return stdout.trim()
}

export async function make(): Promise<void> {
  await run('make', ['-s', '-C', 'bench/load'])
}

const parse = (text: string): Record<string, unknown> => Object(JSON.parse(text))
