import type { Context } from 'koa'
import { includesRole, type Accounts, type Role } from '../../registry/index.ts'
import type { Caller } from '../operations/index.ts'
import { Problem } from './problem.ts'
import type { HttpRoute } from './route.ts'

/** Who asks, believed. */
export interface Asker {
  readonly caller: Exclude<Caller, { kind: 'shell' }>
  readonly role: Role
  /** Of an API token; an account may everything that its role may. */
  readonly scopes: readonly string[]
  readonly expiresAt: Date | undefined
  /** What the session is known by; absent with an API token. */
  readonly session: string | undefined
}

/** `__Host-` keeps other hosts and plain HTTP from setting it. Source: RFC 6265bis §4.1.3.2. */
const cookieName = ({ secure }: Context): string => (secure ? '__Host-mooring' : 'mooring')

/** Whoever shows a session or an API token that holds. @throws {Problem} `ERR_UNAUTHENTICATED`. */
export function askerOf(ctx: Context, accounts: Accounts): Asker {
  const asker = findAsker(ctx, accounts)
  if (asker !== undefined) return asker
  throw new Problem('ERR_UNAUTHENTICATED', 'Log in, or send an API token: Authorization: Bearer mooring_…', {
    'WWW-Authenticate': 'Bearer realm="mooring"',
  })
}

export function findAsker(ctx: Context, accounts: Accounts): Asker | undefined {
  const authorization = ctx.get('Authorization')
  // Whoever sends a token means it: a cookie that comes with it does not count.
  if (authorization !== '') return byApiToken(authorization, ctx.ip, accounts)
  const session = ctx.cookies.get(cookieName(ctx))
  return session === undefined ? undefined : bySession(session, ctx.ip, accounts)
}

function byApiToken(authorization: string, address: string, { apiTokens }: Accounts): Asker | undefined {
  const [, text] = /^bearer +(\S+)$/i.exec(authorization) ?? []
  const token = text === undefined ? undefined : apiTokens.find(text)
  if (token === undefined) return undefined
  const { name, role, scopes, expiresAt } = token
  return {
    caller: { kind: 'api-token', name, address },
    role,
    scopes,
    expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
    session: undefined,
  }
}

function bySession(token: string, address: string, accounts: Accounts): Asker | undefined {
  const session = accounts.sessions.find(token)
  const account = session === undefined ? undefined : accounts.find(session.account)
  if (session === undefined || account === undefined) return undefined
  return {
    caller: { kind: 'account', name: account.name, address },
    role: account.role,
    scopes: ['*'],
    expiresAt: accounts.sessions.expiryOf(session),
    session: token,
  }
}

/** @throws {Problem} `ERR_FORBIDDEN` when the role is not enough, or the scopes of an API token leave this out. */
export function checkMay({ role, scopes }: Asker, route: HttpRoute): void {
  const { access, path } = route
  if (access === 'public') return
  if (!includesRole(role, access)) {
    throw new Problem('ERR_FORBIDDEN', `This needs the role ${access}; yours is ${role}.`)
  }
  const noun = nounOf(path)
  const reading = access === 'viewer'
  const fits = (scope: string): boolean => {
    const [where = '', what] = scope.split(':')
    return (where === '*' || where === noun) && (what === undefined || reading)
  }
  if (!scopes.some(fits)) {
    throw new Problem('ERR_FORBIDDEN', `The scopes of this API token leave out ${noun}${reading ? ':read' : ''}.`)
  }
}

/** What a scope can be about: the first level of the path, without the kind of a file. */
export const nounOf = (path: string): string => path.split('/')[1]?.split('.')[0] ?? ''

/**
 * A page of another origin must not act with the cookie of this one. SameSite=Strict does not see ports, so browsers are
 * asked where the request comes from; programs say nothing and have no cookie to be misled with.
 *
 * @throws {Problem} `ERR_CROSS_SITE`. Source: Fetch Metadata Request Headers §2.3; RFC 6454 §7.
 */
export function checkSameOrigin(ctx: Context): void {
  const site = ctx.get('Sec-Fetch-Site')
  const origin = ctx.get('Origin')
  const isOwn =
    (site === '' || site === 'same-origin' || site === 'none') && (origin === '' || isHost(origin, ctx.host))
  if (!isOwn) throw new Problem('ERR_CROSS_SITE', 'Requests of other origins are refused.')
}

/** Without the scheme: a proxy in front may have taken TLS off. */
const isHost = (origin: string, host: string): boolean => URL.canParse(origin) && new URL(origin).host === host

export function setSessionCookie(ctx: Context, session: string): void {
  ctx.cookies.set(cookieName(ctx), session, COOKIE(ctx))
}

export function clearSessionCookie(ctx: Context): void {
  ctx.cookies.set(cookieName(ctx), null, COOKIE(ctx))
}

const COOKIE = ({ secure }: Context) =>
  ({ httpOnly: true, sameSite: 'strict', path: '/', secure, overwrite: true }) as const
