import { isIP } from 'node:net'
import { z } from 'zod'
import { RegistryError, type Secret } from '../registry/index.ts'
import { AdminError } from './admin-error.ts'
import type { OperationName, Operator } from './operations/index.ts'
import { operationNamed, operatorOf } from './operator.ts'
import { isRefusalCode } from './refusal-status.ts'

const PREFIX = '/admin/v1'
const ANSWER_MS = 30_000

const problem = z.object({ code: z.string(), detail: z.string() })

/**
 * The operator surface of a server that is reached over HTTP, with an API token.
 *
 * @throws {AdminError} `denied` when the token would cross a network in the clear.
 */
export function operatorOverHttp(server: URL, token: Secret): Operator {
  if (server.protocol !== 'https:' && !isLoopback(server.hostname)) {
    throw new AdminError('denied', `${server.origin} is not HTTPS: everyone on the way could read the API token.`)
  }
  return operatorOf((name, request) => send(server, token, name, Object(request)))
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))

async function send(
  server: URL,
  token: Secret,
  name: OperationName,
  request: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const { route, answerMs = ANSWER_MS } = operationNamed(name)
  const { url, rest } = addressOf(server, route.path, request)
  const inQuery = route.method === 'GET' || route.method === 'DELETE'
  if (inQuery) for (const [field, value] of Object.entries(rest)) url.searchParams.append(field, String(value))
  let status: number
  let text: string
  try {
    const response = await fetch(url, {
      method: route.method,
      headers: { Authorization: `Bearer ${token.reveal()}`, 'Content-Type': 'application/json' },
      ...(inQuery ? {} : { body: JSON.stringify(rest) }),
      // The token is for this server and no other.
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    })
    status = response.status
    text = await response.text()
  } catch (cause) {
    throw new AdminError('unreachable', `${server.origin} cannot be reached (${reasonOf(cause)}).`, { cause })
  }
  const answer = parsed(text)
  if (status === 204) return undefined
  if (status === 200 && answer !== undefined) return answer
  throw errorOf(server, status, answer)
}

/** What is in the path is not in the rest. */
function addressOf(server: URL, path: string, request: Readonly<Record<string, unknown>>) {
  const rest = { ...request }
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, field: string) => {
    const text = String(rest[field])
    delete rest[field]
    return encodeURIComponent(text)
  })
  return { url: new URL(`${server.pathname.replace(/\/$/, '')}${PREFIX}${filled}`, server), rest }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function errorOf({ origin }: URL, status: number, answer: unknown): Error {
  const { success, data } = problem.safeParse(answer)
  if (!success) return new AdminError('failed', `${origin} answered with status ${status}; is the admin API there?`)
  const { code, detail } = data
  if (isRefusalCode(code)) return new RegistryError(code, detail)
  return new AdminError(status === 401 || status === 403 ? 'denied' : 'failed', `${origin}: ${detail}`)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  if (error.name === 'TimeoutError') return 'no answer in time'
  const { cause } = error
  return cause instanceof Error ? cause.message : error.message
}
