import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

/** What the fake does with one request: answers, hangs up, or never says anything. */
export type Answer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'hang up'
  | 'silence'

export interface FakeRegistration {
  readonly url: string
  readonly requests: readonly {
    readonly body: unknown
    readonly contentType: string | undefined
    readonly atMs: number
  }[]
  /** Resolves when this many requests have been read. */
  received(count: number): Promise<void>
}

export const credentials = {
  deviceId: '0123456789abcdef01234567',
  accessKey: '8d3b4c1e-6f0a-4b57-9c37-2f6f0d1f9a01',
  accessSecret: 'f'.repeat(64),
}

export const granted: Answer = { status: 200, body: JSON.stringify(credentials) }

/** Answers each request with the next of `answers`, the last one for ever; an answer may wait for something first. */
export async function aFakeRegistration(
  t: TestContext,
  answers: readonly (Answer | (() => Promise<Answer>))[],
): Promise<FakeRegistration> {
  const requests: { body: unknown; contentType: string | undefined; atMs: number }[] = []
  const waiting = new Set<() => void>()

  const server = createServer((request, response) => void answer(request, response))
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const next = answers[Math.min(requests.length, answers.length - 1)] ?? 'silence'
    requests.push({ body: JSON.parse(body), contentType: request.headers['content-type'], atMs: performance.now() })
    for (const look of waiting) look()
    const chosen = typeof next === 'function' ? await next() : next
    if (chosen === 'silence') return
    if (chosen === 'hang up') request.socket.destroy()
    else response.writeHead(chosen.status, { connection: 'close', ...chosen.headers }).end(chosen.body)
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/register-device`,
    requests,
    received: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (requests.length >= count) resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

/** A token as a device sees it: only the server can tell that nobody signed it. */
export const aToken = (payload: unknown): string =>
  `${tokenPart({ alg: 'HS256', typ: 'JWT' })}.${tokenPart(payload)}.c2lnbmF0dXJl`

const tokenPart = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
