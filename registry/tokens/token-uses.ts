import type { DeviceId } from '../device.ts'
import { RegistryError, type RegistryErrorCode } from '../errors.ts'
import type { WriteOperation } from '../../storage/index.ts'
import { HourlyWindow } from './hourly-window.ts'
import type { TokenStore } from './token-store.ts'
import type { TokenRecord } from './token.ts'

/** One use of a token, that of the one who asked for it until it is kept or given back. */
export interface TokenUse {
  /** Written with the device, in the same batch. */
  operationsFor(deviceId: DeviceId, address: string): { put: WriteOperation; undo: WriteOperation }
  /** The device is not there, for certain. */
  giveBack(): void
}

interface Account {
  /** Spent, or about to be. */
  uses: number
  lastUsedAt: Date | undefined
  readonly lastHour: HourlyWindow
}

/** What was refused since this process started. */
export interface Refusals {
  readonly count: number
  readonly lastAt?: string
  readonly lastCode?: RegistryErrorCode
}

/** More than the hour that is counted. */
const LATELY_MS = 2 * 3_600_000

/**
 * What each token has spent. Read from the store when a token is first used after a start, kept in memory from then on;
 * the hour of `registrationsPerHour` comes from there too, since the ID of a device tells when it was made.
 */
export class TokenUses {
  readonly #store: TokenStore
  readonly #settleUnsure: () => Promise<void>
  readonly #now: () => Date
  readonly #elapsedMs: () => number
  readonly #accounts = new Map<string, Promise<Account>>()
  readonly #refusals = new Map<string, Refusals>()

  constructor(parts: {
    readonly store: TokenStore
    /** Takes out what failed writes may have left; the uses of these are then given back. */
    readonly settleUnsure: () => Promise<void>
    readonly now: () => Date
    /** Of a clock that never goes back. */
    readonly elapsedMs: () => number
  }) {
    this.#store = parts.store
    this.#settleUnsure = parts.settleUnsure
    this.#now = parts.now
    this.#elapsedMs = parts.elapsedMs
  }

  /**
   * Reserves one use.
   *
   * @throws {RegistryError} `ERR_TOKEN_EXHAUSTED`, `ERR_RATE_LIMITED`, `ERR_STORE_UNAVAILABLE`.
   */
  async reserve(token: TokenRecord, now: Date): Promise<TokenUse> {
    const { id, maxRegistrations = Infinity, registrationsPerHour = Infinity } = token
    const account = await this.#accountOf(id)
    if (account.uses >= maxRegistrations) await this.#settleUnsure()
    if (account.uses >= maxRegistrations) {
      throw new RegistryError('ERR_TOKEN_EXHAUSTED', 'Invalid registration token', {
        cause: new Error(`its ${maxRegistrations} registrations are used up`),
      })
    }
    const elapsed = this.#elapsedMs()
    if (account.lastHour.count(elapsed) >= registrationsPerHour) {
      throw new RegistryError('ERR_RATE_LIMITED', 'Too many registrations with this token. Try again later.', {
        retryAfterSeconds: account.lastHour.secondsToNext(elapsed),
      })
    }
    return this.#take(id, account, now, elapsed)
  }

  #take(id: string, account: Account, now: Date, elapsed: number): TokenUse {
    const before = account.lastUsedAt
    account.uses++
    account.lastHour.add(elapsed)
    account.lastUsedAt = now
    return {
      operationsFor: (deviceId, address) => ({
        put: this.#store.use(id, deviceId, address),
        undo: this.#store.unuse(id, deviceId),
      }),
      giveBack: () => {
        account.uses--
        account.lastHour.remove(elapsed)
        if (account.lastUsedAt === now) account.lastUsedAt = before
      },
    }
  }

  refused(tokenId: string, code: RegistryErrorCode, now: Date): void {
    const count = (this.#refusals.get(tokenId)?.count ?? 0) + 1
    this.#refusals.set(tokenId, { count, lastAt: now.toISOString(), lastCode: code })
  }

  refusalsOf(tokenId: string): Refusals {
    return this.#refusals.get(tokenId) ?? { count: 0 }
  }

  /** @throws {RegistryError} `ERR_STORE_UNAVAILABLE`. */
  async usesOf(tokenId: string): Promise<{ uses: number; lastUsedAt: Date | undefined }> {
    const { uses, lastUsedAt } = await this.#accountOf(tokenId)
    return { uses, lastUsedAt }
  }

  #accountOf(tokenId: string): Promise<Account> {
    const known = this.#accounts.get(tokenId)
    if (known !== undefined) return known
    const account = this.#count(tokenId)
    this.#accounts.set(tokenId, account)
    return account
  }

  /** Nobody spends a use of the token meanwhile: everyone waits for this. */
  async #count(tokenId: string): Promise<Account> {
    const account: Account = { uses: 0, lastUsedAt: undefined, lastHour: new HourlyWindow() }
    try {
      const now = this.#now().getTime()
      const elapsed = this.#elapsedMs()
      for await (const { at } of this.#store.devicesOf(tokenId)) {
        account.uses++
        account.lastUsedAt = at
        // One from the future was made before the clock was set back: it counts as made now.
        const ageMs = Math.max(now - at.getTime(), 0)
        if (ageMs < LATELY_MS) account.lastHour.add(elapsed - ageMs)
      }
      return account
    } catch (cause) {
      this.#accounts.delete(tokenId)
      throw new RegistryError('ERR_STORE_UNAVAILABLE', 'The store cannot be read at present. Try again later.', {
        cause,
      })
    }
  }
}
