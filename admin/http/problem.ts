import { RegistryError } from '../../registry/index.ts'
import { statusOf } from '../refusal-status.ts'

/** Refusals that only HTTP knows. */
export const problemStatus = {
  ERR_REQUEST_MALFORMED: 400,
  ERR_UNAUTHENTICATED: 401,
  ERR_LOGIN_REFUSED: 401,
  ERR_FORBIDDEN: 403,
  ERR_CROSS_SITE: 403,
  ERR_ROUTE_NOT_FOUND: 404,
  ERR_METHOD_NOT_ALLOWED: 405,
  ERR_IDEMPOTENCY_OUTCOME_UNKNOWN: 409,
  ERR_BODY_TOO_LARGE: 413,
  ERR_MEDIA_TYPE_UNSUPPORTED: 415,
  ERR_IDEMPOTENCY_KEY_REUSED: 422,
  ERR_TOO_MANY_ATTEMPTS: 429,
  ERR_TOO_MANY_STREAMS: 503,
} as const

export type ProblemCode = keyof typeof problemStatus

/** What is wrong with a request before it becomes a question for the registry. The message is safe to show. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.headers = headers
  }
}

/** The body of a refusal. Source: RFC 9457 §3.1. */
export interface ProblemDetails {
  /** Stable: programs may compare it. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The same as in `type`, as the command line and the registration endpoint say it. */
  readonly code: string
}

const RETRY_AFTER_SECONDS = 5

/** @returns undefined when the fault is ours, and nobody's to know. */
export function refusalOf(error: unknown): { details: ProblemDetails; headers: Record<string, string> } | undefined {
  if (error instanceof Problem) {
    const status = problemStatus[error.code]
    return { details: detailsOf(error.code, status, error.message), headers: { ...error.headers } }
  }
  if (!(error instanceof RegistryError)) return undefined
  const status = statusOf[error.code]
  const seconds = error.retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_SECONDS : undefined)
  const headers = seconds === undefined ? {} : { 'Retry-After': `${seconds}` }
  return { details: detailsOf(error.code, status, error.message), headers }
}

export const faultDetails = (): ProblemDetails => detailsOf('ERR_INTERNAL', 500, 'The server failed; its log says why.')

function detailsOf(code: string, status: number, detail: string): ProblemDetails {
  const words = code.replace(/^ERR_/, '').toLowerCase().replaceAll('_', ' ')
  const title = words.charAt(0).toUpperCase() + words.slice(1)
  return { type: `urn:mooring:problem:${words.replaceAll(' ', '-')}`, title, status, detail, code }
}
