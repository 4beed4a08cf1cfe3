import type { ChangeQueue } from '../change-queue.ts'
import type { RegistryDatabase } from '../store.ts'
import type { Secret } from '../secret.ts'
import { digestOf, mintOpaque } from './opaque.ts'
import { ACCOUNT_ROOMS } from './rooms.ts'
import { commit, SmallRoom, type Change } from './small-room.ts'

/** Somebody who logged in with a password. */
export interface AdminSession {
  readonly account: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** Right to a few minutes. */
  readonly lastSeenAt: string
  /** From where it was opened. */
  readonly address: string
}

const HOUR_MS = 60 * 60 * 1000
/** A session that nobody uses for so long ends. */
const IDLE_MS = 12 * HOUR_MS
/** And every one after so long. */
const LONGEST_MS = 7 * 24 * HOUR_MS
/** How often use is written down: not at every request, which would be a write to the disk. */
const SEEN_EVERY_MS = 5 * 60 * 1000
/** One more ends the oldest. */
const MAX_SESSIONS_OF_ACCOUNT = 20

/**
 * Sessions of accounts, under the digests of what their holders show. Their changes take turns with those of accounts: one
 * that is used while it ends must not come back.
 */
export class AdminSessions {
  readonly #database: RegistryDatabase
  readonly #changes: ChangeQueue
  readonly #now: () => Date
  readonly #room: SmallRoom<AdminSession>

  constructor(database: RegistryDatabase, changes: ChangeQueue, now: () => Date) {
    this.#database = database
    this.#changes = changes
    this.#now = now
    this.#room = new SmallRoom(database, ACCOUNT_ROOMS.sessions)
  }

  open(): Promise<void> {
    return this.#room.open()
  }

  /** In the turn of the account. @returns what its holder shows from now on. */
  async begin(account: string, address: string): Promise<Secret> {
    const token = mintOpaque()
    const now = this.#now().toISOString()
    const session: AdminSession = { account, createdAt: now, lastSeenAt: now, address }
    const change = this.#room.put(digestOf(token.reveal()), session)
    await commit(this.#database, [...this.#outdated(account), change])
    return token
  }

  /** The session that `token` belongs to, as long as it lives. */
  find(token: string): AdminSession | undefined {
    const session = this.#room.get(digestOf(token))
    return session === undefined || this.#isOver(session) ? undefined : session
  }

  /** Puts off its end. */
  async seen(token: string): Promise<void> {
    const digest = digestOf(token)
    if (!this.#isDue(digest)) return
    await this.#changes.run(async () => {
      const session = this.#room.get(digest)
      if (session === undefined || !this.#isDue(digest)) return
      await commit(this.#database, [this.#room.put(digest, { ...session, lastSeenAt: this.#now().toISOString() })])
    })
  }

  async end(token: string): Promise<void> {
    await this.#changes.run(() => commit(this.#database, [this.#room.delete(digestOf(token))]))
  }

  /** In the turn of the account: what ends every session of it, except the one that `kept` belongs to. */
  endOf(account: string, kept?: string): Change[] {
    const keptDigest = kept === undefined ? undefined : digestOf(kept)
    return this.#room
      .entries()
      .filter(([digest, session]) => session.account === account && digest !== keptDigest)
      .map(([digest]) => this.#room.delete(digest))
  }

  /** When the session ends by itself if it is not used again. */
  expiryOf({ createdAt, lastSeenAt }: AdminSession): Date {
    return new Date(Math.min(Date.parse(createdAt) + LONGEST_MS, Date.parse(lastSeenAt) + IDLE_MS))
  }

  /** Whether its use has not been written down for a while. */
  #isDue(digest: string): boolean {
    const session = this.#room.get(digest)
    return session !== undefined && this.#now().getTime() - Date.parse(session.lastSeenAt) >= SEEN_EVERY_MS
  }

  #isOver(session: AdminSession): boolean {
    return this.#now() >= this.expiryOf(session)
  }

  /** Those that are over, and the oldest of an account that has as many as it may. */
  #outdated(account: string): Change[] {
    const entries = this.#room.entries()
    const over = entries.filter(([, session]) => this.#isOver(session))
    const surplus = entries
      .filter(([, session]) => session.account === account && !this.#isOver(session))
      .toSorted(([, one], [, other]) => other.createdAt.localeCompare(one.createdAt))
      .slice(MAX_SESSIONS_OF_ACCOUNT - 1)
    return [...over, ...surplus].map(([digest]) => this.#room.delete(digest))
  }
}
