import type { Log } from '../registry/index.ts'

const QUIET_MS = 10_000

/** Why a connection was ended before it had logged in, and what the operator reads about it. */
const REFUSALS = {
  connections: 'Connections were refused: as many are open as limits.connections allows.',
  'per-address': 'Connections were refused: one address holds as many as limits.perAddress allows.',
  'waiting-room': 'Connections were refused: more are waiting to be let in than limits.waitingRoom allows.',
  waited: 'Connections were ended: they had waited too long to be let in. The server is overloaded.',
  deadline: 'Connections were ended: they had not logged in within limits.connectDeadlineMs.',
  silent: 'Connections were ended: they said nothing while limits.notLoggedIn was reached and others were waiting.',
} as const

export type RefusalReason = keyof typeof REFUSALS

/** Counts refusals, and tells the operator at once and then at most every 10 s for each reason: a flood must not become a flood of lines. */
export class Refusals {
  readonly #log: Log
  readonly #totals: Record<RefusalReason, number> = {
    connections: 0,
    'per-address': 0,
    'waiting-room': 0,
    waited: 0,
    deadline: 0,
    silent: 0,
  }
  readonly #quiet = new Map<RefusalReason, { untold: number; lastAddress: string; timer: NodeJS.Timeout }>()

  constructor(log: Log) {
    this.#log = log
  }

  get totals(): Readonly<Record<RefusalReason, number>> {
    return { ...this.#totals }
  }

  count(reason: RefusalReason, address: string): void {
    this.#totals[reason] += 1
    const quiet = this.#quiet.get(reason)
    if (quiet === undefined) {
      this.#tell(reason, 1, address)
      const timer = setTimeout(() => this.#endQuiet(reason), QUIET_MS).unref()
      this.#quiet.set(reason, { untold: 0, lastAddress: address, timer })
    } else {
      quiet.untold += 1
      quiet.lastAddress = address
    }
  }

  /** Tells what is untold. */
  close(): void {
    for (const [reason, { untold, lastAddress, timer }] of this.#quiet) {
      clearTimeout(timer)
      if (untold > 0) this.#tell(reason, untold, lastAddress)
    }
    this.#quiet.clear()
  }

  #endQuiet(reason: RefusalReason): void {
    const quiet = this.#quiet.get(reason)
    if (quiet === undefined) return
    if (quiet.untold === 0) {
      this.#quiet.delete(reason)
      return
    }
    this.#tell(reason, quiet.untold, quiet.lastAddress)
    quiet.untold = 0
    quiet.timer = setTimeout(() => this.#endQuiet(reason), QUIET_MS).unref()
  }

  #tell(reason: RefusalReason, count: number, lastAddress: string): void {
    // Whatever is on the Internet is visited by strangers who say nothing; that is no reason to warn.
    const level = reason === 'deadline' ? 'info' : 'warn'
    this.#log[level]({ event: 'connections-refused', reason, count, lastAddress }, REFUSALS[reason])
  }
}
