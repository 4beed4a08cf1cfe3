import type { Context } from 'koa'
import getRawBody from 'raw-body'
import { RequestError } from './errors.ts'

/** Ten times what an honest device sends. Source: docs/contract.md §1. */
export const MAX_BODY_BYTES = 16 * 1024

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** The fields of a request body. A Map has no prototype that a field could reach. */
export interface Body {
  readonly fields: ReadonlyMap<string, unknown>
  /** Why two readers might see different fields in this body; undefined when they cannot. */
  readonly ambiguity: string | undefined
}

/**
 * Reads the body once, whole, and never more than `MAX_BODY_BYTES` of it.
 *
 * @throws {RequestError} `ERR_MEDIA_TYPE_UNSUPPORTED`, `ERR_BODY_TOO_LARGE`, `ERR_BODY_INCOMPLETE`, `ERR_BODY_MALFORMED`.
 */
export async function readBody(ctx: Context): Promise<Body> {
  const type = mediaTypeOf(ctx)
  const text = decodeUtf8(await readBytes(ctx))
  return type === JSON_TYPE ? parseJson(text) : parseForm(text)
}

/** Decided by the headers alone, so that a body nobody can read is never asked for. */
function mediaTypeOf(ctx: Context): string {
  const { request } = ctx
  // What nearly every device sends needs no parser.
  if (ctx.req.headers['content-type'] === JSON_TYPE && ctx.req.headers['content-encoding'] === undefined) {
    return JSON_TYPE
  }
  const type = [JSON_TYPE, FORM_TYPE].find((known) => known === request.type.trim().toLowerCase())
  if (type === undefined) {
    throw new RequestError('ERR_MEDIA_TYPE_UNSUPPORTED', `Content-Type must be ${JSON_TYPE} or ${FORM_TYPE}.`)
  }
  if (!/^(utf-?8)?$/i.test(request.charset)) {
    throw new RequestError('ERR_MEDIA_TYPE_UNSUPPORTED', 'The charset of Content-Type must be utf-8.')
  }
  if (!/^(identity)?$/i.test(ctx.get('Content-Encoding').trim())) {
    // RFC 9110 §15.5.16: the header tells the client that the coding was the problem.
    throw new RequestError('ERR_MEDIA_TYPE_UNSUPPORTED', 'The body must not be compressed.', {
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
  return type
}

async function readBytes(ctx: Context): Promise<Buffer> {
  try {
    return await getRawBody(ctx.req, { limit: MAX_BODY_BYTES, length: ctx.get('Content-Length') || null })
  } catch (cause) {
    if (cause instanceof Error && 'type' in cause && cause.type === 'entity.too.large') {
      throw new RequestError('ERR_BODY_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`, { cause })
    }
    throw new RequestError('ERR_BODY_INCOMPLETE', 'The body ended early.', { cause })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodeUtf8(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new RequestError('ERR_BODY_MALFORMED', 'The body is not UTF-8.', { cause })
  }
}

/** @throws {RequestError} `ERR_BODY_MALFORMED`. */
export function parseJson(text: string): Body {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new RequestError('ERR_BODY_MALFORMED', 'The body is not JSON.', { cause })
  }
  // JSON that is not an object is JSON all the same: it has no fields, and the first field that is missed says so.
  const fields = value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : []
  return { fields: new Map(fields), ambiguity: ambiguityOf(topLevelNames(text)) }
}

/**
 * The names of the outermost object in the order they appear, repeated ones too; `JSON.parse` keeps only the last.
 *
 * @param text - valid JSON, which is why so small a scanner is enough.
 */
function topLevelNames(text: string): string[] {
  const names: string[] = []
  let depth = 0
  for (const [token, name] of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/g)) {
    if (name !== undefined) {
      if (depth === 1) names.push(String(JSON.parse(name)))
    } else if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
  }
  return names
}

/** Source: https://url.spec.whatwg.org/#urlencoded-parsing, but bytes that are not UTF-8 are refused, not replaced. */
export function parseForm(text: string): Body {
  const pairs = text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): [string, string] => {
      const end = pair.includes('=') ? pair.indexOf('=') : pair.length
      return [decodeFormText(pair.slice(0, end)), decodeFormText(pair.slice(end + 1))]
    })
  return { fields: new Map(pairs), ambiguity: ambiguityOf(pairs.map(([name]) => name)) }
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new RequestError('ERR_BODY_MALFORMED', 'The body is not a URL-encoded form.', { cause })
  }
}

function ambiguityOf(names: readonly string[]): string | undefined {
  if (new Set(names).size < names.length) return 'The body has a field more than once.'
  if (names.includes('__proto__')) return 'The body has a field named __proto__.'
  return undefined
}
