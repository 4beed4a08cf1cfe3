import type { Context } from 'koa'
import { RegistryError, type JournalCaller, type Registry } from '../../registry/index.ts'
import type { Asker } from './caller.ts'
import { Problem } from './problem.ts'
import type { HttpRoute } from './route.ts'

/** Who does something to his own account or session, or tries to. */
interface Act {
  readonly operation: string
  readonly kind: 'account' | 'setup-code'
  readonly name: string
}

/** What of the HTTP API the journal keeps beside operations: who comes and goes, and who was not let. */
export class Audit {
  readonly #attempts: Registry['attempts']
  readonly #journal: Pick<Registry['journal'], 'recordNow'>

  constructor({ attempts, journal }: Pick<Registry, 'attempts' | 'journal'>) {
    this.#attempts = attempts
    this.#journal = journal
  }

  /** Logs in, out, and so on; it is written down before the caller hears how it ended. */
  async act<T>(ctx: Context, { operation, kind, name }: Act, work: () => Promise<T>): Promise<T> {
    const caller = { kind, ...(name === '' ? {} : { name: name.slice(0, LONGEST_NAME) }), address: ctx.ip }
    const answer = await this.#watched(ctx, { kind: 'login', operation, caller }, work)
    const target = kind === 'setup-code' ? { target: caller.name } : {}
    await this.#journal.recordNow({ kind: 'operation', result: 'done', caller, operation, ...target })
    return answer
  }

  /** Whoever shows nothing has just not logged in yet, and a session ends for many reasons; a token that is wrong is news. */
  unknown<T>(ctx: Context, { name: operation }: HttpRoute, find: () => T): T {
    try {
      return find()
    } catch (error) {
      const caller = { kind: 'api-token', address: ctx.ip }
      if (ctx.get('Authorization') !== '') this.#refused(ctx, { kind: 'login', operation, caller }, error)
      throw error
    }
  }

  forbidden(ctx: Context, { name: operation }: HttpRoute, { caller }: Asker, check: () => void): void {
    try {
      check()
    } catch (error) {
      const { kind, name, address } = caller
      this.#refused(ctx, { kind: 'operation', operation, caller: { kind, name, address } }, error)
      throw error
    }
  }

  async #watched<T>(ctx: Context, asked: Asked, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#refused(ctx, asked, error)
      throw error
    }
  }

  #refused({ secure }: Context, asked: Asked, error: unknown): void {
    if (!(error instanceof Problem || error instanceof RegistryError)) return
    const retryAfter = error instanceof Problem ? Number(error.headers['Retry-After']) : error.retryAfterSeconds
    const refusal = {
      code: error.code,
      ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: Number(retryAfter) } : {}),
    }
    this.#attempts.adminRefused.emit({ ...asked, transport: secure ? 'https' : 'http', refusal })
  }
}

interface Asked {
  readonly kind: 'login' | 'operation'
  readonly operation: string
  readonly caller: JournalCaller
}

/** As all that comes from outside. */
const LONGEST_NAME = 256
