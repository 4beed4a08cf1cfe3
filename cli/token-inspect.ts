import { usageError } from './failure.ts'
import { fields, printableLines } from './output.ts'
import { readAll } from './secret-input.ts'
import type { Session } from './session.ts'

/** The text of a token, given or from stdin. */
export async function tokenText({ context }: Session, given: string): Promise<string> {
  const text = given === '-' ? await readAll(context.stdin, 'what came from stdin is too long to be a token') : given
  return text.trim()
}

/** What a token says, whoever signed it and whether it holds. Source: RFC 7515 §7.1. */
export async function inspectToken(session: Session, given: string): Promise<void> {
  const [header, payload, signature, ...more] = (await tokenText(session, given)).split('.')
  if (signature === undefined || more.length > 0)
    throw usageError('this is not a JWT: three parts with a full stop between')
  const answer = { header: decoded(header, 'header'), payload: decoded(payload, 'payload') }
  session.output.answer(answer, () =>
    [
      printableLines(JSON.stringify(answer.header, null, 2)),
      printableLines(JSON.stringify(answer.payload, null, 2)),
      '',
      describeTimes(answer.payload),
    ].join('\n'),
  )
  session.output.note('Nothing of it was checked: mooring token verify says whether it holds.')
}

function decoded(part: string | undefined, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {}
  throw usageError(`the ${what} of this token is no JSON object`)
}

export function describeTimes({ iat, nbf, exp }: Readonly<Record<string, unknown>>): string {
  return fields([
    ['issued', readable(iat) ?? 'not said'],
    ...(nbf === undefined ? [] : [['not before', readable(nbf) ?? 'not said'] as const]),
    ['expires', readable(exp) ?? 'never'],
  ])
}

/** Why a text cannot be a registration token that says where to register; undefined when it can. Nothing of it is believed. */
export function tokenProblem(text: string): string | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return 'this is not a JWT'
  try {
    const { url } = decoded(text.split('.')[1], 'payload')
    return typeof url === 'string' ? undefined : 'it does not say where to register (url)'
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be read'
  }
}

/** `NumericDate` as ISO 8601. Source: RFC 7519 §2. */
function readable(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number') return undefined
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString()
}
