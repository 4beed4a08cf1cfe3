import type { Context } from 'koa'
import { z } from 'zod'
import { RegistryError, ROLES, Secret, type Accounts } from '../../registry/index.ts'
import { believed } from '../operations/index.ts'
import type { Attempts } from './attempts.ts'
import { clearSessionCookie, setSessionCookie, type Asker } from './caller.ts'
import { Problem } from './problem.ts'
import type { Audit } from './audit.ts'
import type { HttpRoute } from './route.ts'

const me = z
  .object({
    kind: z.enum(['account', 'api-token']),
    name: z.string(),
    role: z.enum(ROLES),
    scopes: z.array(z.string()).readonly(),
    expiresAt: z.iso.datetime().exactOptional().meta({ description: 'When the session or token ends by itself.' }),
  })
  .meta({ id: 'Me' })

const login = z.strictObject({ name: z.string(), password: z.string() })
const setup = z.strictObject({ code: z.string(), name: z.string(), password: z.string() })
const newPassword = z.strictObject({ current: z.string(), password: z.string() })
const nothing = z.strictObject({})

/** What only makes sense over HTTP: to log in and out, and whoever one is. */
export function ownRoutes(parts: { accounts: Accounts; attempts: Attempts; audit: Audit }): HttpRoute[] {
  const { accounts, attempts, audit } = parts
  const begin = async (ctx: Context, name: string, password: string): Promise<unknown> => {
    const { account, token } = await accounts.logIn({ name, password: new Secret(password), address: ctx.ip })
    setSessionCookie(ctx, token.reveal())
    return { kind: 'account', name: account.name, role: account.role, scopes: ['*'] }
  }
  return [
    route({
      method: 'POST',
      path: '/login',
      name: 'logIn',
      access: 'public',
      request: login,
      answer: me,
      summary: 'Begin a session. The answer sets the cookie that it is known by.',
      async handle(given, ctx) {
        const { name, password } = parsed(login, given)
        return await audit.act(ctx, { operation: 'logIn', kind: 'account', name }, () =>
          attempts.count(name, ctx.ip, () => refusing(() => begin(ctx, name, password))),
        )
      },
    }),
    route({
      method: 'POST',
      path: '/logout',
      name: 'logOut',
      access: 'viewer',
      request: nothing,
      summary: 'End the session.',
      async handle(_given, ctx, asker) {
        const session = sessionOf(asker)
        const name = asker?.caller.name ?? ''
        await audit.act(ctx, { operation: 'logOut', kind: 'account', name }, () => accounts.sessions.end(session))
        clearSessionCookie(ctx)
      },
    }),
    route({
      method: 'GET',
      path: '/me',
      name: 'showMe',
      access: 'viewer',
      request: nothing,
      answer: me,
      summary: 'Show who asks, and what he may.',
      async handle(_given, _ctx, asker) {
        if (asker === undefined) throw new Error('reached without a caller')
        const { caller, role, scopes, expiresAt } = asker
        const { kind, name } = caller
        return { kind, name, role, scopes, ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }) }
      },
    }),
    route({
      method: 'POST',
      path: '/me/password',
      name: 'changeMyPassword',
      access: 'viewer',
      request: newPassword,
      summary: 'Change one’s own password. Every other session of the account ends.',
      async handle(given, ctx, asker) {
        const { current, password } = parsed(newPassword, given)
        const session = sessionOf(asker)
        const name = asker?.caller.name ?? ''
        await audit.act(ctx, { operation: 'changeMyPassword', kind: 'account', name }, async () => {
          await attempts.count(name, ctx.ip, () => refusing(() => accounts.verify(name, new Secret(current))))
          await accounts.setPassword(name, password, session)
        })
      },
    }),
    route({
      method: 'GET',
      path: '/setup',
      name: 'showSetup',
      access: 'public',
      request: nothing,
      answer: z.object({
        needed: z.boolean().meta({ description: 'Whether there is no account yet.' }),
        open: z.boolean().meta({ description: 'Whether a setup code is good at present.' }),
      }),
      summary: 'Say whether the first account is still to be made.',
      handle: async () => ({ needed: accounts.isEmpty, open: accounts.setupCode.isOpen }),
    }),
    route({
      method: 'POST',
      path: '/setup',
      name: 'setUp',
      access: 'public',
      request: setup,
      answer: me,
      summary: 'Make an account with the role admin for a setup code, and begin a session of it.',
      async handle(given, ctx) {
        const request = parsed(setup, given)
        const { name } = request
        return await audit.act(ctx, { operation: 'setUp', kind: 'setup-code', name }, async () => {
          await attempts.count('', ctx.ip, () => refusing(() => accounts.setUp(request)))
          return await begin(ctx, name, request.password)
        })
      },
    }),
  ]
}

const route = (parts: Omit<HttpRoute, 'idempotencyKey'>): HttpRoute => ({ ...parts, idempotencyKey: false })

const parsed = <Q extends z.ZodType>(request: Q, given: unknown): z.output<Q> => believed({ request }, given)

/** Whoever may not in is not somebody who may not do this. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'ERR_CREDENTIALS_INVALID') {
      throw new Problem('ERR_LOGIN_REFUSED', error.message)
    }
    throw error
  }
}

function sessionOf(asker: Asker | undefined): string {
  if (asker?.session !== undefined) return asker.session
  throw new Problem('ERR_FORBIDDEN', 'This is for accounts; an API token has neither session nor password.')
}
