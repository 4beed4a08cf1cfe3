import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** A running registration endpoint, whatever implements it. */
export interface RegistrationDoor {
  /** `http://127.0.0.1:49152` or `https://…`, without a path. */
  readonly baseUrl: string
  /** PEM of the authority that the client trusts, when the URL is https. */
  readonly ca?: string
  readonly secret: string
  readonly issuer: string
  /** Of all devices that exist now, in any order. */
  manufacturerIds(): Promise<readonly string[]>
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export const ROUTE = '/api/register-device'
export const JSON_BODY = { 'Content-Type': 'application/json' }
export const FORM_BODY = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** One request over a connection of its own. Checks the headers that every reply carries. */
export async function ask(door: Pick<RegistrationDoor, 'baseUrl' | 'ca'>, asked: Asked = {}): Promise<Reply> {
  const { method = 'POST', path = ROUTE, headers = JSON_BODY, body } = asked
  const url = new URL(door.baseUrl)
  const secure = url.protocol === 'https:'
  const chunked = body === undefined || 'Transfer-Encoding' in headers
  const length = chunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  const options = { method, path, headers: { ...length, ...headers }, agent: false, ca: door.ca }
  const reply = await new Promise<Reply>((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    request.once('error', reject)
    request.end(body)
  })
  if (path.startsWith(ROUTE)) assertHeaders(reply.headers, secure)
  return reply
}

/** Source: docs/contract.md §1. */
export function assertHeaders(headers: IncomingHttpHeaders, secure: boolean): void {
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  if (secure) assert.match(headers['strict-transport-security'] ?? '', /^max-age=\d{8}/)
  else assert.equal(headers['strict-transport-security'], undefined)
}

type Json = Readonly<Record<string, unknown>>

export const jsonOf = (reply: Reply): Json => {
  const value: unknown = JSON.parse(reply.text)
  assert.ok(value !== null && typeof value === 'object')
  return { ...value }
}
