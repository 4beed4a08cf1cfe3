import { spawn } from 'node:child_process'
import type { TestContext } from 'node:test'

/** A program of its own process. Lines are those of stdout and stderr together, in the order they arrived. */
export interface Child {
  readonly lines: readonly string[]
  /** The first (or nth) line, past or to come, that matches; rejects when the process ends or 15 s pass without it. */
  line(pattern: RegExp, nth?: number): Promise<string>
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  signal(signal: NodeJS.Signals): void
  /** SIGTERM, then its exit code. */
  stop(): Promise<number | NodeJS.Signals>
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

const LINE_DEADLINE_MS = 15_000

/** Starts `command`; it is killed at the latest when the test ends. It sees PATH, HOME and `env`, nothing else of ours. */
export function startChild(
  t: TestContext,
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Child {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const news = (): void => {
    for (const look of waiting) look()
  }

  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      news()
    })
    stream.on('end', () => {
      if (rest !== '') lines.push(rest)
    })
  }

  let end: number | NodeJS.Signals | undefined
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      end = code ?? signal ?? -1
      news()
      resolve(end)
    })
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })

  const line = (pattern: RegExp, nth = 1): Promise<string> =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        waiting.delete(look)
        clearTimeout(deadline)
        act()
      }
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${why} without a line that matches ${pattern}:\n${lines.join('\n')}`)))
      const deadline = setTimeout(() => fail(`${LINE_DEADLINE_MS} ms passed`), LINE_DEADLINE_MS)
      const look = (): void => {
        const found = lines.filter((candidate) => pattern.test(candidate))[nth - 1]
        if (found !== undefined) settle(() => resolve(found))
        else if (end !== undefined) fail(`${command} ended (${end})`)
      }
      waiting.add(look)
      look()
    })

  return {
    lines,
    line,
    ended,
    signal: (signal) => void child.kill(signal),
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}
