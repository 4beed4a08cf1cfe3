import type { ChangeQueue } from '../change-queue.ts'
import { RegistryError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { RegistryDatabase } from '../store.ts'
import { checkName, type Role } from './account.ts'
import { digestOf, mintOpaque } from './opaque.ts'
import { ACCOUNT_ROOMS } from './rooms.ts'
import { commit, SmallRoom } from './small-room.ts'

/** What a program shows to the admin API. */
export interface ApiToken {
  readonly name: string
  /** As much as an account of this role may do, … */
  readonly role: Role
  /** … and only there: `*`, a noun of the API such as `devices`, or `devices:read`. */
  readonly scopes: readonly string[]
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** Never, when absent. */
  readonly expiresAt?: string
  /** Right to a few minutes; absent until it was used. */
  readonly lastUsedAt?: string
}

export interface ApiTokenRecord extends ApiToken {
  readonly digest: string
}

/** Says what it is where it turns up: in a scan for secrets, for example. */
const PREFIX = 'mooring_'
const SCOPE = /^(?:\*|[a-z][a-z0-9-]*)(?::read)?$/
const USED_EVERY_MS = 5 * 60 * 1000
const MAX_API_TOKENS = 1000

/** Their changes take turns: one that is used while it is revoked must not come back. */
export class ApiTokens {
  readonly #database: RegistryDatabase
  readonly #changes: ChangeQueue
  readonly #now: () => Date
  readonly #room: SmallRoom<ApiTokenRecord>

  constructor(database: RegistryDatabase, changes: ChangeQueue, now: () => Date) {
    this.#database = database
    this.#changes = changes
    this.#now = now
    this.#room = new SmallRoom(database, ACCOUNT_ROOMS.apiTokens)
  }

  open(): Promise<void> {
    return this.#room.open()
  }

  /** @throws {RegistryError} `ERR_CONFLICT` when the name is taken, `ERR_INPUT_INVALID`. */
  create(request: {
    name: string
    role: Role
    scopes: readonly string[]
    expiresInSeconds?: number
  }): Promise<{ token: Secret; record: ApiToken }> {
    return this.#changes.run(() => this.#create(request))
  }

  async #create({
    name,
    role,
    scopes,
    expiresInSeconds,
  }: Parameters<ApiTokens['create']>[0]): ReturnType<ApiTokens['create']> {
    checkName('An API token', name)
    this.#checkScopes(scopes)
    if (this.#room.get(name) !== undefined) {
      throw new RegistryError('ERR_CONFLICT', `An API token named ${name} exists already.`)
    }
    if (this.#room.size >= MAX_API_TOKENS) {
      throw new RegistryError('ERR_CONFLICT', `There are ${MAX_API_TOKENS} API tokens already; revoke one first.`)
    }
    const token = mintOpaque(PREFIX)
    const now = this.#now()
    const record: ApiTokenRecord = {
      name,
      role,
      scopes: [...new Set(scopes)],
      createdAt: now.toISOString(),
      ...(expiresInSeconds === undefined
        ? {}
        : { expiresAt: new Date(now.getTime() + expiresInSeconds * 1000).toISOString() }),
      digest: digestOf(token.reveal()),
    }
    await commit(this.#database, [this.#room.put(name, record)])
    return { token, record: shown(record) }
  }

  list(): ApiToken[] {
    return this.#room.values().map(shown)
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  revoke(name: string): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#room.get(name) === undefined) {
        throw new RegistryError('ERR_NOT_FOUND', `There is no API token ${JSON.stringify(name)}.`)
      }
      await commit(this.#database, [this.#room.delete(name)])
    })
  }

  /** The token that this text is, unless it has expired. */
  find(text: string): ApiToken | undefined {
    if (!text.startsWith(PREFIX)) return undefined
    const digest = digestOf(text)
    const record = this.#room.values().find((one) => one.digest === digest)
    return record === undefined || this.#hasExpired(record) ? undefined : shown(record)
  }

  async used(name: string): Promise<void> {
    if (!this.#isDue(name)) return
    await this.#changes.run(async () => {
      const record = this.#room.get(name)
      if (record === undefined || !this.#isDue(name)) return
      await commit(this.#database, [this.#room.put(name, { ...record, lastUsedAt: this.#now().toISOString() })])
    })
  }

  /** Whether its use has not been written down for a while. */
  #isDue(name: string): boolean {
    const record = this.#room.get(name)
    if (record === undefined) return false
    return record.lastUsedAt === undefined || this.#now().getTime() - Date.parse(record.lastUsedAt) >= USED_EVERY_MS
  }

  #hasExpired({ expiresAt }: ApiToken): boolean {
    return expiresAt !== undefined && this.#now() >= new Date(expiresAt)
  }

  #checkScopes(scopes: readonly string[]): void {
    const wrong = scopes.find((scope) => !SCOPE.test(scope))
    if (scopes.length > 0 && wrong === undefined) return
    const what = wrong === undefined ? 'An API token needs a scope' : `${JSON.stringify(wrong)} is no scope`
    throw new RegistryError('ERR_INPUT_INVALID', `${what}; take "*", or a noun such as "devices" or "devices:read".`)
  }
}

const shown = ({ digest: _digest, ...token }: ApiTokenRecord): ApiToken => token
