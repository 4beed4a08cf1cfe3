import { inspect } from 'node:util'
import { printable, RegistryError, type Log, type RegistryErrorCode } from '../registry/index.ts'
import { RequestError } from './errors.ts'
import { FloodGate } from './flood-gate.ts'

/** More tell the operator nothing new. */
const LINES_PER_SECOND = 20

const TOKEN_REFUSALS = new Set<string>([
  'ERR_REGISTRATION_TOKEN_INVALID',
  'ERR_TOKEN_REVOKED',
  'ERR_TOKEN_EXHAUSTED',
  'ERR_TOKEN_NOT_FOR_DEVICE',
] satisfies RegistryErrorCode[])

/** Where the request came from. Never its body. What the parser refused has no method and no path. */
export interface RequestFacts {
  readonly address: string
  readonly method?: string
  readonly path?: string
}

/** Refusals go to the log as news, by code; faults as errors, with their stack. A flood of either cannot hide the other. */
export function logOfErrors(log: Log): (error: unknown, facts: RequestFacts) => void {
  const refusals = new FloodGate(LINES_PER_SECOND, (held) =>
    log.info({ event: 'requests-refused', held }, 'More requests were refused than lines are written.'),
  )
  const faults = new FloodGate(LINES_PER_SECOND, (held) =>
    log.error({ event: 'requests-failed', held }, 'More requests failed than lines are written.'),
  )
  return (error, facts) => {
    if (error instanceof RegistryError || error instanceof RequestError) {
      if (!refusals.passes(error.code)) return
      log.info({ event: 'request-refused', code: error.code, ...reasonOf(error), ...facts }, error.message)
    } else if (faults.passes('fault')) {
      log.error({ event: 'request-failed', stack: stackOf(error), ...facts }, 'A request failed; the fault is ours.')
    }
  }
}

/** The operator may know why a token is refused; the device may not. Other causes may quote the body. */
function reasonOf(error: RegistryError | RequestError): { reason?: string } {
  if (!TOKEN_REFUSALS.has(error.code) || !(error.cause instanceof Error)) return {}
  return { reason: printable(error.cause.message) }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error)
  const own = error.stack ?? String(error)
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`
}
