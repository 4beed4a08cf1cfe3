import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { pinned } from './children.ts'

/** Runs a program to its end. @throws {Error} with what it said when it fails. @returns its standard output. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly cores?: readonly number[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const child = spawn(...pinned(options.cores, command, args), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  const [code, output, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (code === 0) return output
  throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${complaints.slice(-2000)}`)
}
