import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemCode } from '../storage/index.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import type { Session } from './session.ts'

/** More than any secret, and less than fills the memory when somebody pipes in a film. */
const MAX_CHARACTERS = 32 * 1024

/** A secret is never an argument: every user of a machine can read command lines. From a file, a person, or a pipe. */
export async function readSecret(session: Session, flag: string, file: string | undefined, question: string) {
  const { context, mayAsk } = session
  if (file !== undefined) return await secretOfFile(context, flag, file)
  if (context.stdinIsTTY && !mayAsk)
    throw usageError(`--no-input: ${question}?`, `Answer it with ${flag} FILE, or on stdin.`)
  const asked = await context.askSecret?.(question)
  return asked ?? withoutLineEnd(await readAll(context.stdin, 'what came from stdin is too long'))
}

export async function secretOfFile({ cwd }: Pick<CliContext, 'cwd'>, flag: string, file: string): Promise<string> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((error: unknown) => {
    throw usageError(`${flag} ${file} cannot be read: ${systemCode(error) ?? 'it is no file'}`)
  })
  return withoutLineEnd(text)
}

/** Editors and `echo` end a file with a newline that nobody means to type later. */
const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '')

/** More than any packet. */
const MAX_BYTES = 1024 * 1024

/**
 * What comes from stdin, as it is.
 *
 * @param other - what to give instead when nobody may be asked.
 */
export async function readBytes({ context, mayAsk, output }: Session, other: string): Promise<Buffer> {
  if (context.stdinIsTTY && !mayAsk)
    throw usageError('--no-input: nobody is asked what to send', `Give it as ${other}.`)
  if (context.stdinIsTTY) output.note('Type what to send, and end it with ^D.')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of context.stdin) {
    chunks.push(Buffer.from(chunk))
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw usageError(`what came from stdin is longer than ${MAX_BYTES} bytes`)
  }
  return Buffer.concat(chunks)
}

export async function readAll(input: AsyncIterable<string | Uint8Array>, tooLong: string): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    if (text.length > MAX_CHARACTERS) throw usageError(tooLong)
  }
  return text
}
