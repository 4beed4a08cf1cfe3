import { CommanderError } from 'commander'
import { AdminError, type AdminErrorReason } from '../admin/index.ts'
import { ConfigError } from '../config.ts'
import { RegistryError, type RegistryErrorCode } from '../registry/index.ts'
import { StorageError } from '../storage/index.ts'
import { jsonLine, printableLines, type Output } from './output.ts'

/** Public API: scripts rely on the numbers. */
export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  conflict: 5,
  invalidConfig: 6,
  unreachable: 7,
} as const

/** Why a command ended without its answer: what, why and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number
  readonly code: string
  readonly hint: string | undefined

  constructor(exitCode: number, code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.exitCode = exitCode
    this.code = code
    this.hint = options.hint
  }
}

export const usageError = (message: string, hint?: string): CliError =>
  new CliError(ExitCode.usage, 'ERR_USAGE', message, hint === undefined ? {} : { hint })

interface Failure {
  readonly exitCode: number
  readonly code: string
  /** Each is a line of its own. */
  readonly messages: readonly string[]
  readonly hint: string | undefined
}

/**
 * Says why a command failed, on stderr.
 *
 * @param command - the words of the command that was asked, such as `device get`.
 * @returns the exit code.
 */
export function reportFailure(
  error: unknown,
  command: string,
  parts: { output: Output; json: boolean; stderr: { write(text: string): unknown } },
): number {
  const { exitCode, code, messages, hint } = failureOf(error, command)
  if (parts.json) {
    const message = messages.join('\n')
    parts.stderr.write(`${jsonLine({ error: { code, message, ...(hint === undefined ? {} : { hint }) } })}\n`)
    return exitCode
  }
  const label = parts.output.styledError('red', 'error:')
  for (const message of messages) parts.stderr.write(`${label} ${indented(printableLines(message))}\n`)
  if (hint !== undefined) parts.stderr.write(`       ${indented(printableLines(hint))}\n`)
  if (code === 'ERR_FAILED' && error instanceof Error) parts.output.detail(printableLines(error.stack ?? ''))
  return exitCode
}

const indented = (text: string): string => text.replaceAll('\n', '\n       ')

function failureOf(error: unknown, command: string): Failure {
  if (error instanceof CliError) {
    const { exitCode, code, message, hint } = error
    return { exitCode, code, messages: [message], hint }
  }
  if (error instanceof CommanderError) return usageFailure(error, command)
  if (error instanceof ConfigError) return configFailure(error)
  if (error instanceof RegistryError) {
    const { code, message } = error
    return { exitCode: exitCodeOf[code], code, messages: [message], hint: hintFor(code, command) }
  }
  if (error instanceof AdminError) {
    return { exitCode: exitCodeOfAdmin[error.reason], code: 'ERR_ADMIN', messages: [error.message], hint: undefined }
  }
  if (error instanceof StorageError) {
    const [what = '', ...wayOut] = error.message.split('\n')
    const exitCode = error.code === 'ERR_FOLDER_IN_USE' ? ExitCode.conflict : ExitCode.failure
    return { exitCode, code: error.code, messages: [what], hint: wayOut.join('\n') }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { exitCode: ExitCode.failure, code: 'ERR_FAILED', messages: [message], hint: undefined }
}

const exitCodeOf = {
  ERR_MANUFACTURER_ID_MISSING: ExitCode.usage,
  ERR_REGISTRATION_TOKEN_INVALID: ExitCode.refused,
  ERR_DEVICE_ALREADY_REGISTERED: ExitCode.conflict,
  ERR_TOKEN_REVOKED: ExitCode.refused,
  ERR_TOKEN_EXHAUSTED: ExitCode.refused,
  ERR_TOKEN_NOT_FOR_DEVICE: ExitCode.refused,
  ERR_RATE_LIMITED: ExitCode.failure,
  ERR_NOT_IN_ALLOW_LIST: ExitCode.refused,
  ERR_APPROVAL_PENDING: ExitCode.refused,
  ERR_REGISTRATION_REFUSED: ExitCode.refused,
  ERR_ADMISSION_UNDECIDED: ExitCode.failure,
  ERR_CREDENTIALS_INVALID: ExitCode.refused,
  ERR_NOT_FOUND: ExitCode.notFound,
  ERR_CONFLICT: ExitCode.conflict,
  ERR_INPUT_INVALID: ExitCode.usage,
  ERR_BUSY: ExitCode.failure,
  ERR_STORE_UNAVAILABLE: ExitCode.failure,
} as const satisfies Record<RegistryErrorCode, number>

const exitCodeOfAdmin = {
  denied: ExitCode.refused,
  unreachable: ExitCode.unreachable,
  failed: ExitCode.failure,
} as const satisfies Record<AdminErrorReason, number>

const LISTED = new Set(['device', 'key', 'token', 'signing-key', 'admin', 'apitoken'])

function hintFor(code: RegistryErrorCode, command: string): string | undefined {
  const group = command.split(' ')[0]
  if (code === 'ERR_NOT_FOUND' && LISTED.has(group ?? '')) return `What there is: mooring ${group} list`
  if (code === 'ERR_CONFLICT' && command === 'key create') return 'Take another name, or first: mooring key delete NAME'
  if (code === 'ERR_BUSY') return 'Try again in a few seconds.'
  if (code === 'ERR_STORE_UNAVAILABLE')
    return 'Look at the log of the server for the reason; a full disk is the usual one.'
  return undefined
}

/** Commander writes `error: <what>`, and its suggestion on a line of its own. */
function usageFailure(error: CommanderError, command: string): Failure {
  const [what = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n')
  const help = `See: ${['mooring', command, '--help'].filter((word) => word !== '').join(' ')}`
  return {
    exitCode: ExitCode.usage,
    code: 'ERR_USAGE',
    messages: [[what, ...suggestion].join(' ')],
    hint: help,
  }
}

function configFailure({ problems }: ConfigError): Failure {
  const count = problems.length === 1 ? '1 error' : `${problems.length} errors`
  return {
    exitCode: ExitCode.invalidConfig,
    code: 'ERR_CONFIG_INVALID',
    messages: problems,
    hint: `${count}. Nothing was started or changed.`,
  }
}
