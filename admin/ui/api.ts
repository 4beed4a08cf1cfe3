import { routes } from 'virtual:operations'
import type { OperationName, Operator } from '../operations/index.ts'

export const PREFIX = '/admin/v1'

/** What the server refused, or could not do. Source: docs/admin-api.md, «Answers». */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, code: string, detail: string, retryAfterSeconds?: number) {
    super(detail)
    this.status = status
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export type Request<N extends OperationName> = NonNullable<Parameters<Operator[N]>[0]>
export type Answer<N extends OperationName> = Awaited<ReturnType<Operator[N]>>

/** Called when an answer says that nobody is logged in any more. */
let whenLoggedOut: (() => void) | undefined

export const onLoggedOut = (listener: () => void): void => {
  whenLoggedOut = listener
}

/** Asks an operation by its name; where it is stands in the table that the server is made from. */
export async function ask<N extends OperationName>(
  name: N,
  ...[request]: Record<string, never> extends Request<N> ? [request?: Request<N>] : [request: Request<N>]
): Promise<Answer<N>> {
  const [method = 'GET', path = '/'] = (routes[name] ?? '').split(' ')
  // The answer is of the shape that the same table gives on the server.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await send(method, path, { ...request })) as Answer<N>
}

/** @param fields - those that the path names go there, the others into the query or the body. */
export async function send(method: string, path: string, fields: Record<string, unknown> = {}): Promise<unknown> {
  const { url, body } = placed(method, path, fields)
  const response = await fetch(url, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  }).catch(() => {
    throw new Problem(0, 'unreachable', 'The server cannot be reached.')
  })
  const answer = parsed(await response.text())
  if (response.ok) return answer
  const { code = '', detail = `The server answered ${response.status}.` }: { code?: string; detail?: string } =
    Object(answer)
  if (code === 'ERR_UNAUTHENTICATED') whenLoggedOut?.()
  const retryAfter = Number(response.headers.get('Retry-After') ?? NaN)
  throw new Problem(response.status, code, detail, Number.isFinite(retryAfter) ? retryAfter : undefined)
}

function placed(method: string, path: string, fields: Record<string, unknown>): { url: string; body?: string } {
  const rest = new Map(Object.entries(fields).filter(([, value]) => value !== undefined))
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = String(rest.get(name))
    rest.delete(name)
    return encodeURIComponent(value)
  })
  const url = `${PREFIX}${filled}`
  if (method !== 'GET' && method !== 'DELETE') return { url, body: JSON.stringify(Object.fromEntries(rest)) }
  if (rest.size === 0) return { url }
  return { url: `${url}?${new URLSearchParams(Array.from(rest, ([name, value]) => [name, String(value)]))}` }
}

/** A proxy in between may answer with a page of its own. */
function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
