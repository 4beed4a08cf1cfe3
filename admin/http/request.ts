import type { Context } from 'koa'
import getRawBody from 'raw-body'
import { z } from 'zod'
import { Problem } from './problem.ts'
import type { Match } from './route.ts'

export const MAX_BODY_BYTES = 1024 * 1024

/** Source: draft-ietf-httpapi-idempotency-key-header-07 §2.2: of high entropy, as answers are sealed with it. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{16,255}$/

/** What a request says, not yet believed: the parameters of its path with those of its query or the fields of its body. */
export async function requestOf(ctx: Context, { route, parameters }: Match): Promise<Record<string, unknown>> {
  const kinds = kindsOf(route.request)
  const inPath = Object.fromEntries(
    Object.entries(parameters).map(([name, text]) => [name, valueOf(decoded(text), kinds.get(name))]),
  )
  const inBody = route.method !== 'GET' && route.method !== 'DELETE'
  const others = inBody ? await bodyOf(ctx) : queryOf(ctx, route.request)
  const twice = Object.keys(inPath).find((name) => Object.hasOwn(others, name))
  if (twice !== undefined) throw malformed(`${twice} is a part of the path, and cannot be given again.`)
  return { ...others, ...inPath }
}

/** @returns undefined when the caller gave none. */
export function idempotencyKeyOf(ctx: Context): string | undefined {
  const key = ctx.get('Idempotency-Key')
  if (key === '') return undefined
  if (IDEMPOTENCY_KEY.test(key)) return key
  throw malformed('An Idempotency-Key has 16 to 255 visible ASCII characters; a random UUID is a good one.')
}

async function bodyOf(ctx: Context): Promise<Record<string, unknown>> {
  const text = await textOf(ctx)
  if (text === '') return {}
  if (!ctx.is('application/json')) {
    throw new Problem('ERR_MEDIA_TYPE_UNSUPPORTED', 'Send JSON, with Content-Type: application/json.')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('The body is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('The body is no JSON object.')
  return { ...value }
}

async function textOf(ctx: Context): Promise<string> {
  try {
    const length = ctx.req.headers['content-length'] ?? null
    return await getRawBody(ctx.req, { limit: MAX_BODY_BYTES, length, encoding: 'utf-8' })
  } catch (error) {
    // Source: raw-body, «Errors».
    const isTooLarge = error instanceof Error && 'type' in error && error.type === 'entity.too.large'
    if (!isTooLarge) throw malformed('The body broke off.')
    throw new Problem('ERR_BODY_TOO_LARGE', `A request may have at most ${MAX_BODY_BYTES} bytes.`)
  }
}

/** A query is text; what the schema expects to be a number, a truth value or a list is made one. */
function queryOf(ctx: Context, schema: z.ZodType): Record<string, unknown> {
  const kinds = kindsOf(schema)
  return Object.fromEntries(
    Object.entries(ctx.query).map(([name, given = '']) => {
      const texts = typeof given === 'string' ? [given] : given
      const kind = kinds.get(name)
      if (kind === 'array') return [name, texts]
      if (texts.length > 1) throw malformed(`${name} is given twice.`)
      return [name, valueOf(texts[0] ?? '', kind)]
    }),
  )
}

function valueOf(text: string, kind: string | undefined): unknown {
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if ((kind === 'integer' || kind === 'number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  return text
}

const schemaKinds = new WeakMap<z.ZodType, ReadonlyMap<string, string>>()

function kindsOf(schema: z.ZodType): ReadonlyMap<string, string> {
  const known = schemaKinds.get(schema)
  if (known !== undefined) return known
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const kinds = new Map(
    Object.entries(properties).flatMap(([name, property]) =>
      typeof property === 'object' && typeof property.type === 'string' ? [[name, property.type] as const] : [],
    ),
  )
  schemaKinds.set(schema, kinds)
  return kinds
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('The address cannot be read.')
  }
}

const malformed = (message: string): Problem => new Problem('ERR_REQUEST_MALFORMED', message)
