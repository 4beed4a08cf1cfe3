import type { Log } from '../registry/index.ts'
import type { BrokerContext } from './context.ts'
import { forget } from './login.ts'

const SWEEP_MS = 60_000

/** Ends sessions whose clients have been away for longer than sessions are kept. */
export class ExpiringSessions {
  readonly #context: BrokerContext
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  /** How many have ended. */
  ended = 0

  constructor(context: BrokerContext, log: Log) {
    this.#context = context
    this.#log = log
    this.sweep()
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS).unref()
  }

  sweep(): void {
    const { persistence, logins } = this.#context
    // In line with logins under the same id: one that comes first keeps its session.
    for (const clientId of persistence.expiredSessions()) logins.queue(clientId, () => this.#end(clientId))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #end(clientId: string): Promise<void> {
    const session = this.#context.sessions.get(clientId)
    if (session === undefined || !this.#context.persistence.isExpired(clientId)) return
    this.ended += 1
    try {
      await forget(this.#context, session)
    } catch (error) {
      this.#log.error({ event: 'storage-failed', error }, 'A session that has expired could not be removed.')
    }
  }
}
