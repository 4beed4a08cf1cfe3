import Koa from 'koa'
import type { Context, Middleware } from 'koa'
import { printable, RegistryError, type Log } from '../registry/index.ts'
import { httpStatusFor, RequestError, requestStatusFor } from './errors.ts'
import { logOfErrors } from './error-log.ts'
import { headersOfEveryReply } from './headers.ts'
import { livez, readyz, type Readiness } from './health.ts'
import { lingerOverUnreadBody } from './linger.ts'
import { refusalBody, retryAfterOf } from './refusal.ts'
import { registerDevice, type RegisterDeviceParts } from './register-device.ts'

export interface RegistrationParts extends RegisterDeviceParts {
  readonly readiness: Readiness
  /** Beside what a device needs. */
  readonly pages?: readonly Page[]
}

/** What another room shows here, to be read only. Whoever may not read it is told that there is nothing. */
export interface Page {
  readonly path: string
  /** @param caller.forwarded - whether a proxy passed the request on; the address is then the proxy's. */
  mayRead(caller: { readonly address: string; readonly forwarded: boolean }): boolean
  /** @returns the text and its media type. */
  read(): Promise<{ readonly type: string; readonly text: string }>
}

/** What one path answers. `OPTIONS` belongs to the routes that a page of another origin may call. */
interface Route {
  readonly methods: ReadonlyMap<string, Middleware>
  readonly cors: boolean
  /** From whom the path is hidden. @defaultValue nobody */
  readonly hiddenFrom?: (ctx: Context) => boolean
}

const PREFLIGHT_MAX_AGE_SECONDS = '86400'

/**
 * The HTTP door: translates requests into calls of the registry, and what it throws into answers.
 *
 * One app serves plain and TLS listeners alike. Headers of proxies are not believed.
 */
export function createRegistrationApp({ readiness, pages = [], ...parts }: RegistrationParts): Koa {
  const { log } = parts
  const app = new Koa({ env: 'production', proxy: false })
  const routes = new Map<string, Route>([
    ...pages.map((page): [string, Route] => [page.path, routeOf(page)]),
    ['/api/register-device', { methods: new Map([['POST', registerDevice(parts)]]), cors: true }],
    ['/livez', { methods: readable(livez()), cors: false }],
    ['/readyz', { methods: readable(readyz(readiness, log)), cors: false }],
  ])
  // Koa tells of connections that broke while their answer was on its way; without a listener it would print them.
  app.on('error', (error: Error) =>
    log.debug({ event: 'http-connection-failed', reason: printable(error.message) }, 'A connection broke.'),
  )
  app.use(lingerOverUnreadBody)
  app.use(answerErrors(log))
  app.use((ctx, next) => answer(routes, ctx, next))
  return app
}

const readable = (read: Middleware): Route['methods'] =>
  new Map([
    ['GET', read],
    ['HEAD', read],
  ])

function routeOf(page: Page): Route {
  const show: Middleware = async (ctx) => {
    const { type, text } = await page.read()
    ctx.set('Content-Type', type)
    ctx.body = text
  }
  const hiddenFrom = (ctx: Context): boolean => !page.mayRead({ address: ctx.ip, forwarded: isForwarded(ctx) })
  return { methods: readable(show), cors: false, hiddenFrom }
}

/** Nobody is believed who says where a request came from, only that it came from elsewhere. */
const isForwarded = (ctx: Context): boolean =>
  ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => ctx.headers[name] !== undefined)

/** The refusal boundary: whatever is thrown below leaves here as an answer, and no secret with it. */
function answerErrors(log: Log): Middleware {
  const tell = logOfErrors(log)
  return async (ctx, next) => {
    // Looked up now: the address is gone from the socket once it is closed. A dual-stack listener maps IPv4 into IPv6.
    ctx.request.ip = ctx.ip.replace(/^::ffff:(?=\d+\.)/, '')
    ctx.set(headersOfEveryReply(ctx.secure))
    try {
      await next()
    } catch (error) {
      if (error instanceof RegistryError) refuse(ctx, httpStatusFor[error.code], error)
      else if (error instanceof RequestError) refuse(ctx, requestStatusFor[error.code], error)
      else {
        ctx.status = 500
        ctx.body = refusalBody(500, 'Internal error', 'ERR_INTERNAL')
      }
      tell(error, { method: ctx.method, path: printable(ctx.url.split('?', 1)[0] ?? ''), address: ctx.ip })
    }
  }
}

function refuse(ctx: Context, status: number, error: RegistryError | RequestError): void {
  const retryAfter = retryAfterOf(status, error)
  ctx.status = status
  ctx.body = refusalBody(status, error.message, error.code, retryAfter)
  if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter))
  if (error instanceof RequestError) ctx.set(error.headers)
}

async function answer(routes: ReadonlyMap<string, Route>, ctx: Context, next: Koa.Next): Promise<void> {
  // RFC 9112 §3.2: answered here, because Node's own answer lacks the headers of every reply.
  if (ctx.req.httpVersion === '1.1' && ctx.req.headers.host === undefined) {
    throw new RequestError('ERR_REQUEST_MALFORMED', 'The Host header is missing.')
  }
  const route = routes.get(pathOf(ctx))
  if (route === undefined || route.hiddenFrom?.(ctx) === true) {
    throw new RequestError('ERR_ROUTE_NOT_FOUND', 'There is nothing here.')
  }
  if (route.cors) ctx.set('Access-Control-Allow-Origin', '*')

  const handle = route.methods.get(ctx.method)
  if (handle !== undefined) return await handle(ctx, next)
  const allowed = [...route.methods.keys(), ...(route.cors ? ['OPTIONS'] : [])].join(', ')
  if (route.cors && ctx.method === 'OPTIONS') return answerOptions(ctx, allowed)
  throw new RequestError('ERR_METHOD_NOT_ALLOWED', `Use ${allowed} here.`, { headers: { Allow: allowed } })
}

/** Also with a slash at its end: a redirect to the path without it would turn a device's POST into a GET. */
function pathOf(ctx: Context): string {
  try {
    return ctx.path.replace(/(?<=.)\/$/, '')
  } catch (cause) {
    throw new RequestError('ERR_REQUEST_MALFORMED', 'The address cannot be read.', { cause })
  }
}

function answerOptions(ctx: Context, allowed: string): void {
  ctx.set({
    Allow: allowed,
    'Access-Control-Allow-Methods': allowed,
    'Access-Control-Allow-Headers': 'Content-Type',
    'Access-Control-Max-Age': PREFLIGHT_MAX_AGE_SECONDS,
  })
  // Koa takes Content-Type off a 204, and the contract promises it on every reply.
  ctx.respond = false
  ctx.res.writeHead(204).end()
}
