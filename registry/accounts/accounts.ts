import { ChangeQueue } from '../change-queue.ts'
import type { Credentials } from '../credentials.ts'
import { RegistryError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { RegistryDatabase } from '../store.ts'
import { checkName, chosenPassword, type Account, type Role } from './account.ts'
import { ApiTokens } from './api-tokens.ts'
import { Replays } from './replays.ts'
import { AdminSessions } from './sessions.ts'
import { SetupCode } from './setup-code.ts'
import { ACCOUNT_ROOMS } from './rooms.ts'
import { commit, SmallRoom } from './small-room.ts'

export interface AccountsParts {
  readonly database: RegistryDatabase
  readonly passwords: Pick<Credentials, 'hashChosen' | 'verifyChosen'>
  readonly now: () => Date
}

const MAX_ACCOUNTS = 1000

/** Who administers Mooring over HTTP: people with accounts and sessions, programs with API tokens. */
export class Accounts {
  readonly sessions: AdminSessions
  readonly apiTokens: ApiTokens
  readonly setupCode: SetupCode
  /** Answers that are given again to whoever asks the same again. */
  readonly replays: Replays

  readonly #database: RegistryDatabase
  readonly #passwords: AccountsParts['passwords']
  readonly #now: () => Date
  readonly #accounts: SmallRoom<Account>
  readonly #changes = new ChangeQueue()

  private constructor({ database, passwords, now }: AccountsParts) {
    this.sessions = new AdminSessions(database, this.#changes, now)
    this.apiTokens = new ApiTokens(database, this.#changes, now)
    this.setupCode = new SetupCode(now)
    this.replays = new Replays(database, now)
    this.#database = database
    this.#passwords = passwords
    this.#now = now
    this.#accounts = new SmallRoom(database, ACCOUNT_ROOMS.accounts)
  }

  static async open(parts: AccountsParts): Promise<Accounts> {
    const accounts = new Accounts(parts)
    const { sessions, apiTokens, replays } = accounts
    await Promise.all([accounts.#accounts.open(), sessions.open(), apiTokens.open(), replays.open()])
    return accounts
  }

  get isEmpty(): boolean {
    return this.#accounts.size === 0
  }

  /** By their names. */
  list(): Account[] {
    return this.#accounts.values().toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  find(name: string): Account | undefined {
    return this.#accounts.get(name)
  }

  /** @throws {RegistryError} `ERR_CONFLICT` when the name is taken, `ERR_INPUT_INVALID`. */
  create(request: { name: string; password: string; role: Role }): Promise<Account> {
    return this.#changes.run(() => this.#create(request))
  }

  /** The account that a setup code is good for. @throws {RegistryError} `ERR_CREDENTIALS_INVALID` and those of `create`. */
  setUp(request: { code: string; name: string; password: string }): Promise<Account> {
    return this.#changes.run(async () => {
      const { code, name, password } = request
      if (!this.setupCode.isRight(code)) {
        throw new RegistryError(
          'ERR_CREDENTIALS_INVALID',
          'This setup code is not, or no longer, good. Get another one with: mooring admin setup-url',
        )
      }
      const account = await this.#create({ name, password, role: 'admin' })
      this.setupCode.close()
      return account
    })
  }

  /**
   * Ends the sessions of the account.
   *
   * @param keptSession - except this one.
   * @throws {RegistryError} `ERR_NOT_FOUND`, `ERR_INPUT_INVALID`.
   */
  setPassword(name: string, password: string, keptSession?: string): Promise<Account> {
    return this.#changes.run(async () => {
      const account = this.#known(name)
      const passwordHash = await this.#passwords.hashChosen(chosenPassword(password))
      return await this.#update({ ...account, passwordHash, passwordChangedAt: this.#now().toISOString() }, keptSession)
    })
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`; `ERR_CONFLICT` when nobody would be left with the role admin. */
  setRole(name: string, role: Role): Promise<Account> {
    return this.#changes.run(async () => {
      const account = this.#known(name)
      if (role !== 'admin') this.#checkNotLast(account)
      return await this.#update({ ...account, role })
    })
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`; `ERR_CONFLICT` when nobody would be left with the role admin. */
  remove(name: string): Promise<Account> {
    return this.#changes.run(async () => {
      const account = this.#known(name)
      this.#checkNotLast(account)
      await commit(this.#database, [this.#accounts.delete(name), ...this.sessions.endOf(name)])
      return account
    })
  }

  /**
   * What the configuration says: the account is made when it is missing, and has this password afterwards.
   *
   * @returns what had to be done.
   */
  async furnish(name: string, password: Secret): Promise<'created' | 'changed' | 'unchanged'> {
    const account = this.#accounts.get(name)
    if (account === undefined) {
      await this.create({ name, password: password.reveal(), role: 'admin' })
      return 'created'
    }
    if (await this.#passwords.verifyChosen(account.passwordHash, password)) return 'unchanged'
    await this.setPassword(name, password.reveal())
    return 'changed'
  }

  /**
   * Begins a session. An unknown name costs and says the same as a wrong password.
   *
   * @throws {RegistryError} `ERR_CREDENTIALS_INVALID`; `ERR_BUSY` when the caller should come again.
   */
  async logIn(request: {
    name: string
    password: Secret
    address: string
  }): Promise<{ account: Account; token: Secret }> {
    const { name, password, address } = request
    const { passwordHash } = await this.verify(name, password)
    return await this.#changes.run(async () => {
      // In the turn of those who change passwords and end sessions: what was right a moment ago may not be now.
      const account = this.#accounts.get(name)
      if (account?.passwordHash !== passwordHash) throw loginRefused()
      return { account, token: await this.sessions.begin(name, address) }
    })
  }

  /** @throws as `logIn` does. */
  async verify(name: string, password: Secret): Promise<Account> {
    const asked = this.#accounts.get(name)
    const isRight = await this.#passwords.verifyChosen(asked?.passwordHash, password)
    // The record may have changed meanwhile.
    const account = this.#accounts.get(name)
    if (!isRight || account === undefined || account.passwordHash !== asked?.passwordHash) {
      throw loginRefused()
    }
    return account
  }

  async #create({ name, password, role }: { name: string; password: string; role: Role }): Promise<Account> {
    checkName('An account', name)
    if (this.#accounts.get(name) !== undefined) {
      throw new RegistryError('ERR_CONFLICT', `An account named ${name} exists already.`)
    }
    if (this.#accounts.size >= MAX_ACCOUNTS) {
      throw new RegistryError('ERR_CONFLICT', `There are ${MAX_ACCOUNTS} accounts already; remove one first.`)
    }
    const passwordHash = await this.#passwords.hashChosen(chosenPassword(password))
    const now = this.#now().toISOString()
    const account: Account = { name, role, passwordHash, createdAt: now, passwordChangedAt: now }
    await commit(this.#database, [this.#accounts.put(name, account)])
    return account
  }

  async #update(account: Account, keptSession?: string): Promise<Account> {
    const { name } = account
    await commit(this.#database, [this.#accounts.put(name, account), ...this.sessions.endOf(name, keptSession)])
    return account
  }

  #known(name: string): Account {
    const account = this.#accounts.get(name)
    if (account !== undefined) return account
    throw new RegistryError('ERR_NOT_FOUND', `There is no account ${JSON.stringify(name)}.`)
  }

  #checkNotLast({ name, role }: Account): void {
    const others = this.list().filter((account) => account.role === 'admin' && account.name !== name)
    if (role !== 'admin' || others.length > 0) return
    throw new RegistryError('ERR_CONFLICT', `${name} is the last account with the role admin; make another one first.`)
  }
}

const loginRefused = (): RegistryError =>
  new RegistryError('ERR_CREDENTIALS_INVALID', 'Unknown name or wrong password.')
