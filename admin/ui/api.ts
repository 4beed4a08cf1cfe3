import { routes } from 'virtual:operations'
import type { OperationName, Operator } from '../operations/index.ts'

const PREFIX = '/admin/v1'

/** What the server refused, or could not do. Source: docs/admin-api.md, «Answers». */
export class Problem extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }
}

type Parameters<N extends OperationName> = NonNullable<globalThis.Parameters<Operator[N]>[0]>
export type Answer<N extends OperationName> = Awaited<ReturnType<Operator[N]>>

/** Asks an operation by its name; where it is stands in the table that the server is made from. */
export async function ask<N extends OperationName>(
  name: N,
  ...[request]: Record<string, never> extends Parameters<N> ? [request?: Parameters<N>] : [request: Parameters<N>]
): Promise<Answer<N>> {
  const [method = 'GET', path = '/'] = (routes[name] ?? '').split(' ')
  return (await send(method, path, { ...request })) as Answer<N>
}

/** @param fields - those that the path names go there, the others into the query or the body. */
export async function send(method: string, path: string, fields: Record<string, unknown> = {}): Promise<unknown> {
  const rest = new Map(Object.entries(fields).filter(([, value]) => value !== undefined))
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = String(rest.get(name))
    rest.delete(name)
    return encodeURIComponent(value)
  })
  const inQuery = method === 'GET' || method === 'DELETE'
  const query = inQuery && rest.size > 0 ? `?${new URLSearchParams(Array.from(rest, ([k, v]) => [k, String(v)]))}` : ''
  const response = await fetch(`${PREFIX}${filled}${query}`, {
    method,
    headers: {
      ...(inQuery ? {} : { 'Content-Type': 'application/json' }),
      ...(method === 'POST' ? { 'Idempotency-Key': newKey() } : {}),
    },
    ...(inQuery ? {} : { body: JSON.stringify(Object.fromEntries(rest)) }),
  }).catch(() => {
    throw new Problem(0, 'unreachable', 'The server cannot be reached.')
  })
  const text = await response.text()
  const answer: unknown = text === '' ? undefined : JSON.parse(text)
  if (response.ok) return answer
  const { code = '', detail = '' } = (answer ?? {}) as { code?: string; detail?: string }
  throw new Problem(response.status, code, detail === '' ? `The server answered ${response.status}.` : detail)
}

/** 128 random bits. `crypto.randomUUID` is for https and localhost alone. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
