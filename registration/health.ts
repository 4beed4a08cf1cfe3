import type { Context, Middleware } from 'koa'
import type { Log } from '../registry/index.ts'

/** One thing that must be in order before the process can serve. */
export interface ReadinessCheck {
  readonly name: string
  readonly ok: boolean
  /** Why not, for the log. The endpoint is open to everyone and withholds it. */
  readonly detail?: string
}

export type Readiness = () => readonly ReadinessCheck[] | Promise<readonly ReadinessCheck[]>

/** A check that hangs is a check that failed. */
const CHECK_TIMEOUT_MS = 5000

/** GET /livez: the event loop turns. A supervisor restarts the process when no answer comes. */
export const livez = (): Middleware => (ctx) => answer(ctx, 'livez', [{ name: 'event-loop', ok: true }])

/** GET /readyz: whether to send traffic here. `?verbose` lists the checks, as Kubernetes does. */
export function readyz(readiness: Readiness, log: Log): Middleware {
  let failing = ''
  return async (ctx) => {
    const checks = await settled(readiness)
    const failed = checks.filter((check) => !check.ok)
    const now = failed.map(({ name, detail }) => `${name}: ${detail ?? 'no detail'}`).join('; ')
    if (now !== failing) {
      failing = now
      if (now === '') log.info({ event: 'ready' }, 'All readiness checks pass again.')
      else log.warn({ event: 'not-ready', failing: now }, 'A readiness check fails.')
    }
    answer(ctx, 'readyz', checks)
  }
}

/** The checks, or one failed check when they cannot be had. */
async function settled(readiness: Readiness): Promise<readonly ReadinessCheck[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS)
  })
  try {
    return await Promise.race([readiness(), late])
  } catch (error) {
    return [{ name: 'checks', ok: false, detail: error instanceof Error ? error.message : String(error) }]
  } finally {
    clearTimeout(timer)
  }
}

function answer(ctx: Context, name: string, checks: readonly ReadinessCheck[]): void {
  const passed = checks.every((check) => check.ok)
  ctx.status = passed ? 200 : 503
  if (!('verbose' in ctx.query)) {
    ctx.body = { status: passed ? 'ok' : 'failing' }
    return
  }
  const lines = checks.map((check) => (check.ok ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`))
  ctx.set('Content-Type', 'text/plain; charset=utf-8')
  ctx.body = [...lines, `${name} check ${passed ? 'passed' : 'failed'}`, ''].join('\n')
}
