import { RegistryError } from '../registry/index.ts'
import { RequestError } from './errors.ts'

/** Long enough for a queue to drain, short enough for a device that was just switched on. */
const RETRY_AFTER_SECONDS = 5

const NOT_THE_REQUESTS_FAULT = new Set([408, 429, 500, 503])

/** What programs read beside the sentence for people: whether the same request may succeed later, and what time it is. */
export interface RefusalBody {
  readonly error: string
  readonly code: string
  readonly retryable: boolean
  /** ISO 8601, UTC, for devices without a clock. */
  readonly serverTime: string
}

export const refusalBody = (status: number, error: string, code: string, retryAfter?: number): RefusalBody => ({
  error,
  code,
  retryable: retryAfter !== undefined || NOT_THE_REQUESTS_FAULT.has(status),
  serverTime: new Date().toISOString(),
})

/** Seconds, for `Retry-After`; undefined when no such header belongs to the answer. Source: RFC 9110 §10.2.3. */
export function retryAfterOf(status: number, error: unknown): number | undefined {
  if (error instanceof RequestError) return undefined
  const own = error instanceof RegistryError ? error.retryAfterSeconds : undefined
  return own ?? (status === 503 || status === 429 ? RETRY_AFTER_SECONDS : undefined)
}
