import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa, { type Context } from 'koa'
import { printable, type Log, type Registry } from '../../registry/index.ts'
import type { OperatorParts } from '../operations/index.ts'
import { Attempts } from './attempts.ts'
import { askerOf, checkMay, checkSameOrigin, findAsker, type Asker } from './caller.ts'
import { Events, type NewsSources } from './events.ts'
import { deviceCsvRoute } from './device-csv.ts'
import { operationRoutes } from './operation-routes.ts'
import { ownRoutes } from './own-routes.ts'
import { Page, type PageFiles } from './page.ts'
import { faultDetails, Problem, refusalOf } from './problem.ts'
import { Audit } from './audit.ts'
import { idempotencyKeyOf, requestOf } from './request.ts'
import { PREFIX, Routes, type HttpRoute, type Match } from './route.ts'
import { streamRoutes } from './stream-routes.ts'
import { Tails, type WatchDevice } from './tails.ts'

export interface AdminHttpParts {
  readonly registry: Pick<Registry, 'accounts' | 'attempts' | 'devices' | 'journal'>
  readonly operator: OperatorParts
  readonly news: NewsSources
  readonly watchDevice: WatchDevice
  /** The operator's page. Without it there is nothing at its addresses. */
  readonly page: PageFiles | undefined
  readonly version: string
  readonly log: Log
}

export interface AdminHttp {
  /** Whether the admin API or the page answers a request. */
  owns(request: IncomingMessage): boolean
  readonly answer: (request: IncomingMessage, response: ServerResponse) => unknown
  /** Ends the streams of events, which would go on for ever. */
  close(): void
}

const OPENAPI = '/openapi.json'

/**
 * The admin API over HTTP: every operation of the table as a route, and what only HTTP needs beside them; and the page that
 * is made from it. One app serves plain and TLS listeners alike. Headers of proxies are not believed.
 */
export function createAdminHttp(parts: AdminHttpParts): AdminHttp {
  const { registry, operator, news, watchDevice, page: files, version, log } = parts
  const page = files && new Page(files)
  const { accounts } = registry
  const audit = new Audit(registry)
  const events = new Events(news, log)
  const tails = new Tails(watchDevice, log)
  const routes = new Routes([
    ...ownRoutes({ accounts, attempts: new Attempts(), audit }),
    ...streamRoutes({ registry, events, tails, isKnown: (ctx) => findAsker(ctx, accounts) !== undefined }),
    deviceCsvRoute(operator, log),
    ...operationRoutes(operator),
  ])
  // Made when it is first asked for: what makes it takes longer to load than the rest of this room.
  let document: Promise<string> | undefined
  const makeDocument = async (): Promise<string> => {
    const { openApiDocument } = await import('./openapi.ts')
    return JSON.stringify(openApiDocument(routes.all, version))
  }

  const app = new Koa({ env: 'production', proxy: false })
  // Koa tells of connections that broke while their answer was on its way; without a listener it would print them.
  app.on('error', (error: Error) =>
    log.debug({ event: 'http-connection-failed', reason: printable(error.message) }, 'A connection broke.'),
  )
  app.use(async (ctx) => {
    ctx.request.ip = ctx.ip.replace(/^::ffff:(?=\d+\.)/, '')
    ctx.set(headersOfEveryReply(ctx.secure))
    try {
      await answer(ctx)
    } catch (error) {
      refuse(ctx, error, log)
    }
  })

  async function answer(ctx: Context): Promise<void> {
    const path = pathOf(ctx.req)
    if (path === OPENAPI && isReading(ctx.req)) {
      ctx.type = 'application/json'
      ctx.body = await (document ??= makeDocument())
      return
    }
    if (isReading(ctx.req) && page?.owns(path) === true) return await page.answer(ctx, path)
    const { route, match } = routeOf(ctx)
    const asker = route.access === 'public' ? undefined : audit.unknown(ctx, route, () => askerOf(ctx, accounts))
    if (asker?.caller.kind !== 'api-token') checkSameOrigin(ctx)
    if (asker !== undefined) {
      audit.forbidden(ctx, route, asker, () => checkMay(asker, route))
      await noteUse(asker)
    }
    const result = await handled(ctx, match, asker)
    if (ctx.respond === false) return
    if (result === undefined) ctx.status = 204
    else ctx.body = result
  }

  function routeOf(ctx: Context): { route: HttpRoute; match: Match } {
    const path = pathOf(ctx.req)
    const here = path.startsWith(`${PREFIX}/`) ? routes.at(path.slice(PREFIX.length)) : new Map<string, Match>()
    if (here.size === 0) throw new Problem('ERR_ROUTE_NOT_FOUND', 'There is nothing here.')
    const match = here.get(ctx.method)
    if (match !== undefined) return { route: match.route, match }
    const allowed = [...here.keys()].join(', ')
    throw new Problem('ERR_METHOD_NOT_ALLOWED', `Use ${allowed} here.`, { Allow: allowed })
  }

  async function handled(ctx: Context, match: Match, asker: Asker | undefined): Promise<unknown> {
    const { route } = match
    const request = await requestOf(ctx, match)
    const key = route.idempotencyKey ? idempotencyKeyOf(ctx) : undefined
    if (key === undefined || asker === undefined) return await route.handle(request, ctx, asker)
    const { kind, name } = asker.caller
    const asked = { caller: `${kind} ${name}`, key, request: JSON.stringify([route.name, request]) }
    const found = await accounts.replays.once(asked, () => route.handle(request, ctx, asker))
    if (found.kind === 'reused') {
      throw new Problem('ERR_IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key came with another request before.')
    }
    if (found.kind === 'unknown') {
      throw new Problem(
        'ERR_IDEMPOTENCY_OUTCOME_UNKNOWN',
        'The server stopped in the midst of this request. Look whether it was done, then ask with another key.',
      )
    }
    return found.answer
  }

  /** Who uses a session or a token puts off its end; that it could not be written down is no reason to refuse him. */
  async function noteUse({ session, caller }: Asker): Promise<void> {
    try {
      if (session !== undefined) await accounts.sessions.seen(session)
      else await accounts.apiTokens.used(caller.name)
    } catch (error) {
      log.warn({ event: 'admin-use-not-noted', error }, 'The use of a session or an API token could not be noted.')
    }
  }

  return {
    owns: (request) => {
      const path = pathOf(request)
      if (path === OPENAPI || path === PREFIX || path.startsWith(`${PREFIX}/`)) return true
      return isReading(request) && page?.owns(path) === true
    },
    answer: app.callback(),
    close: () => {
      events.close()
      tails.close()
    },
  }
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? ''

const isReading = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD'

const headersOfEveryReply = (secure: boolean): Readonly<Record<string, string>> => ({
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  ...(secure && { 'Strict-Transport-Security': 'max-age=31536000' }),
})

/** The refusal boundary: whatever is thrown leaves here as a problem, and no secret with it. */
function refuse(ctx: Context, error: unknown, log: Log): void {
  const refusal = refusalOf(error)
  const details = refusal?.details ?? faultDetails()
  const facts = { method: ctx.method, path: printable(ctx.path), address: ctx.ip, code: details.code }
  if (refusal === undefined) log.error({ event: 'admin-fault', ...facts, error }, 'An admin request failed.')
  else log.info({ event: 'admin-refused', ...facts }, details.detail)
  ctx.status = details.status
  ctx.set(refusal?.headers ?? {})
  // What is left of a body is not worth reading on.
  if (!ctx.req.complete) ctx.set('Connection', 'close')
  ctx.type = 'application/problem+json'
  ctx.body = JSON.stringify(details)
}
