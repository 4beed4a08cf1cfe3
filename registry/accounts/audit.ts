import type { Findings } from '../../storage/index.ts'
import { hasShape, listOf, oneOf, optional, parseStored, text, time, type Shape, type ShapeOf } from '../stored-json.ts'
import { ROLES, type Account } from './account.ts'
import type { ApiTokenRecord } from './api-tokens.ts'
import type { Replay } from './replays.ts'
import { ACCOUNT_ROOMS as rooms } from './rooms.ts'
import type { AdminSession } from './sessions.ts'

const role = oneOf(ROLES)

const ACCOUNT: ShapeOf<Account> = { name: text, role, passwordHash: text, createdAt: time, passwordChangedAt: time }
const SESSION: ShapeOf<AdminSession> = { account: text, createdAt: time, lastSeenAt: time, address: text }
const API_TOKEN: ShapeOf<ApiTokenRecord> = {
  name: text,
  role,
  scopes: listOf(text),
  createdAt: time,
  expiresAt: optional(time),
  lastUsedAt: optional(time),
  digest: text,
}
const REPLAY: ShapeOf<Replay> = { at: time, mark: text, sealed: optional(text) }

interface Kind {
  readonly what: string
  readonly shape: Shape
  /** Whether it says its key itself. */
  readonly isNamed: boolean
}

const KINDS: ReadonlyMap<string, Kind> = new Map([
  [rooms.accounts, { what: 'an account', shape: ACCOUNT, isNamed: true }],
  [rooms.sessions, { what: 'a session', shape: SESSION, isNamed: false }],
  [rooms.apiTokens, { what: 'an API token', shape: API_TOKEN, isNamed: true }],
  [rooms.replays, { what: 'an answer to give again', shape: REPLAY, isNamed: false }],
])

/**
 * Looks at who administers Mooring: is each record what it should be, and has each session an account? One that cannot
 * be read is dropped: nobody gets in by it.
 */
export class AccountsAudit {
  readonly #findings: Findings
  readonly #accounts = new Set<string>()
  readonly #sessions: (readonly [digest: string, account: string])[] = []

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @returns whether the record is in one of these rooms. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    const kind = KINDS.get(room)
    if (kind === undefined) return false
    const record = parseStored(value)
    const name = key.toString()
    if (!hasShape(record, kind.shape) || (kind.isNamed && record['name'] !== name)) {
      this.#findings.drop(room, key, `is not ${kind.what}`)
    } else if (room === rooms.accounts) this.#accounts.add(name)
    else if (room === rooms.sessions) this.#sessions.push([name, String(record['account'])])
    return true
  }

  /** Once every record was seen. */
  conclude(): void {
    for (const [digest, account] of this.#sessions) {
      if (this.#accounts.has(account)) continue
      this.#findings.drop(rooms.sessions, Buffer.from(digest), `is of the account ${account}, which is not there`)
    }
  }
}
