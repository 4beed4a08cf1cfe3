import { createHmac } from 'node:crypto'
import {
  RegistryError,
  undecided,
  type Admitted,
  type AdmissionRequest,
  type AdmissionWebhook,
  type Log,
  type Secret,
} from '../registry/index.ts'
import { CircuitBreaker } from './circuit-breaker.ts'

export type WebhookFallback = 'retry' | 'refuse' | 'admit'

export interface WebhookParts {
  readonly url: string
  /** Key of the signature. */
  readonly secret: Secret
  /** What a device is told when the webhook cannot be asked. */
  readonly fallback: WebhookFallback
  readonly log: Log
  /** For the whole exchange. @defaultValue 3_000 */
  readonly timeoutMs?: number
  readonly breaker?: CircuitBreaker
}

const TIMEOUT_MS = 3_000
/** Many times an answer; a guard against something else that answers there. */
const MAX_ANSWER_BYTES = 16 * 1024
/** More than these wait for an answer at a time, and the webhook is what is slow. */
const MAX_UNDER_WAY = 64

/**
 * Asks the operator's own endpoint whether a device may register. The request is a POST of JSON, signed:
 * `Mooring-Signature: t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`. The answer is 200 with
 * `{"admit": true}` or `{"admit": false}`; anything else is none. Redirects are not followed.
 *
 * Source: docs/registration.md.
 */
export function createAdmissionWebhook(parts: WebhookParts): AdmissionWebhook {
  const { url, fallback, log, timeoutMs = TIMEOUT_MS, breaker = new CircuitBreaker() } = parts
  let underWay = 0

  async function ask(request: AdmissionRequest): Promise<boolean> {
    if (underWay >= MAX_UNDER_WAY) throw new Error(`${MAX_UNDER_WAY} questions are under way already`)
    underWay++
    try {
      return await breaker.call(() => exchange(url, signed(request, parts.secret), timeoutMs))
    } finally {
      underWay--
    }
  }

  return {
    async decide(request) {
      let admit: boolean
      try {
        admit = await ask(request)
      } catch (error) {
        log.warn({ event: 'webhook-failed', fallback, error }, 'The registration webhook gave no answer.')
        return answerWithout(fallback, error)
      }
      if (!admit) throw refused()
      return ADMITTED
    },
  }
}

const ADMITTED: Admitted = { tags: [] }

const refused = (): RegistryError => new RegistryError('ERR_REGISTRATION_REFUSED', 'Registration was refused.')

function answerWithout(fallback: WebhookFallback, cause: unknown): Admitted {
  if (fallback === 'admit') return ADMITTED
  throw fallback === 'refuse' ? refused() : undecided(cause)
}

interface SignedBody {
  readonly body: string
  readonly signature: string
}

function signed({ manufacturerId, tokenId, address, now }: AdmissionRequest, secret: Secret): SignedBody {
  const body = JSON.stringify({ manufacturerId, ...(tokenId === undefined ? {} : { tokenId }), address })
  const seconds = Math.floor(now.getTime() / 1000)
  const mac = createHmac('sha256', secret.reveal()).update(`${seconds}.${body}`).digest('hex')
  return { body, signature: `t=${seconds},v1=${mac}` }
}

async function exchange(url: string, { body, signature }: SignedBody, timeoutMs: number): Promise<boolean> {
  const deadline = AbortSignal.timeout(timeoutMs)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Mooring-Signature': signature },
    body,
    redirect: 'error',
    signal: deadline,
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`it answered with status ${response.status}`)
  }
  const answer: unknown = JSON.parse(await textOf(response))
  if (typeof answer === 'object' && answer !== null && 'admit' in answer && typeof answer.admit === 'boolean') {
    return answer.admit
  }
  throw new Error('its answer does not say admit: true or admit: false')
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
