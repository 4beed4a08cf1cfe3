import type { StoreLevel } from '../../storage/index.ts'
import type { Journal } from './journal.ts'
import { hex, readText, restIn, rooms, sessionIn } from './layout.ts'
import type { Sessions } from './sessions.ts'
import type { StoredSession } from './stored-session.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Packet ids of messages of QoS 2 that clients have begun to send and not released: a second message with the same id is
 * the same message [MQTT-4.3.3-2]. The id is all that is needed of it.
 */
export class ReceivedIds {
  readonly #journal: Journal
  readonly #sessions: Sessions
  readonly #byClient = new Map<string, Set<number>>()

  constructor(journal: Journal, sessions: Sessions) {
    this.#journal = journal
    this.#sessions = sessions
  }

  has(clientId: string, messageId: number): boolean {
    return this.#byClient.get(clientId)?.has(messageId) === true
  }

  /** @returns whether there is something to commit: not for a session that nobody keeps. */
  add(clientId: string, messageId: number): boolean {
    let ids = this.#byClient.get(clientId)
    if (ids === undefined) this.#byClient.set(clientId, (ids = new Set()))
    ids.add(messageId)
    const session = this.#sessions.get(clientId)
    if (session !== undefined) this.#journal.put(keyOf(session, messageId), NOTHING)
    return session !== undefined
  }

  /** @returns whether there is something to commit. */
  delete(clientId: string, messageId: number): boolean {
    if (this.#byClient.get(clientId)?.delete(messageId) !== true) return false
    const session = this.#sessions.get(clientId)
    if (session !== undefined) this.#journal.del(keyOf(session, messageId))
    return session !== undefined
  }

  /** @returns whether there is something to commit. */
  clear(clientId: string): boolean {
    const ids = this.#byClient.get(clientId)
    const session = this.#sessions.get(clientId)
    this.#byClient.delete(clientId)
    if (session === undefined || ids === undefined) return false
    for (const id of ids) this.#journal.del(keyOf(session, id))
    return ids.size > 0
  }

  async load(level: StoreLevel): Promise<void> {
    await readText(level, rooms.inbound, (key) => {
      const session = this.#sessions.byNumber(sessionIn(key))
      if (session === undefined) return
      const ids = this.#byClient.get(session.clientId) ?? new Set()
      this.#byClient.set(session.clientId, ids.add(Number.parseInt(restIn(key), 16)))
    })
  }
}

const keyOf = ({ number }: StoredSession, messageId: number): Buffer =>
  rooms.inbound.ofSession(number, hex(messageId, 4))
