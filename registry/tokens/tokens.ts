import { ChangeQueue } from '../change-queue.ts'
import type { JWTPayload } from 'jose'
import { errors as joseErrors } from 'jose'
import { randomBytes } from 'node:crypto'
import type { RegistrationMode } from '../admission/index.ts'
import type { Tag } from '../device.ts'
import { invalid, RegistryError } from '../errors.ts'
import { normalised, type Normalisation } from '../manufacturer-id.ts'
import type { Recipe } from '../recipe.ts'
import { MAX_TOKEN_BYTES, type RegistrationTokens, type TokenClaims } from '../registration-token.ts'
import { globMatches } from './glob.ts'
import { liesIn } from '../networks.ts'
import type { Refusals, TokenUse, TokenUses } from './token-uses.ts'
import type { TokenDevice, TokenStore } from './token-store.ts'
import {
  checkTerms,
  isOwnTokenId,
  isTokenName,
  LEGACY,
  legacyRecord,
  type ComingBack,
  type TokenRecord,
  type TokenTerms,
} from './token.ts'

export interface TokensParts {
  readonly store: TokenStore
  readonly uses: TokenUses
  readonly jwts: RegistrationTokens
  /** What a device starts with whose token does not say. */
  readonly recipe: Recipe
  /** Those that a token can name. */
  readonly recipes: readonly Recipe[]
  /** How manufacturer IDs are compared. */
  readonly normalisation: Normalisation
  readonly now: () => Date
}

/** A token that a device showed, verified; what it permits to this device. */
export interface Permission {
  readonly tokenId: string
  readonly recipe: Recipe
  readonly tags: readonly Tag[]
  /** Of the token; undefined as the configuration has it. */
  readonly mode: RegistrationMode | undefined
  readonly comingBack: ComingBack
  /** @throws {RegistryError} `ERR_TOKEN_EXHAUSTED`, `ERR_RATE_LIMITED`, `ERR_STORE_UNAVAILABLE`. */
  spend(): Promise<TokenUse>
}

/** A record and what became of it. */
export interface TokenReport extends TokenRecord {
  readonly state: 'valid' | 'revoked' | 'expired' | 'exhausted'
  readonly uses: number
  /** ISO 8601, UTC; to the second when it was before this process started. */
  readonly lastUsedAt?: string
  readonly refusals: Refusals
}

/** A limit of null is taken away. */
export type ChangedLimits = Readonly<Partial<Record<'maxRegistrations' | 'registrationsPerHour', number | null>>>

/** Registration tokens by name: the records behind what is flashed into devices. */
export class Tokens {
  readonly #parts: TokensParts
  readonly #records = new Map<string, TokenRecord>([[LEGACY, legacyRecord()]])
  readonly #changes = new ChangeQueue()

  constructor(parts: TokensParts) {
    this.#parts = parts
  }

  /** Resolves when reads can be answered. */
  async open(): Promise<void> {
    for (const record of await this.#parts.store.open()) this.#records.set(record.id, record)
  }

  /**
   * Signs a token and keeps its terms. The token is shown here and never again.
   *
   * @param request.name - its ID when absent.
   * @throws {RegistryError} `ERR_CONFLICT` when the name is taken, `ERR_INPUT_INVALID`.
   */
  create(
    request: TokenClaims & { name?: string; terms?: TokenTerms },
  ): Promise<{ token: string; payload: JWTPayload; record: TokenRecord }> {
    const { name, terms = {}, ...claims } = request
    return this.#changes.run(async () => {
      const { jwts, store, now } = this.#parts
      const id = `tok_${randomBytes(8).toString('hex')}`
      if (name !== undefined) this.#checkName(name)
      checkTerms(terms, (recipe) => this.#recipeNamed(recipe) !== undefined)
      const createdAt = now()
      const { token, kid } = await jwts.issue(claims, id, createdAt)
      // A device would be refused with it, and nobody would look for the reason here.
      if (token.length > MAX_TOKEN_BYTES) {
        throw invalid(`The token would have ${token.length} bytes; devices may send at most ${MAX_TOKEN_BYTES}.`)
      }
      const payload = await jwts.verify(token, createdAt)
      const expiry = payload.exp === undefined ? {} : { expiresAt: new Date(payload.exp * 1000).toISOString() }
      const record: TokenRecord = {
        ...terms,
        id,
        name: name ?? id,
        createdAt: createdAt.toISOString(),
        signingKey: kid,
        ...expiry,
      }
      await store.put(record)
      this.#records.set(id, record)
      return { token, payload, record }
    })
  }

  /** In no order; what became of each costs more to say, and is asked with {@link get}. */
  get records(): TokenRecord[] {
    return [...this.#records.values()]
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  async get(idOrName: string): Promise<TokenReport> {
    return await this.#report(this.#find(idOrName))
  }

  /** Refuses it from the next request on. The devices it made stay. */
  revoke(idOrName: string): Promise<TokenReport> {
    const revokedAt = this.#parts.now().toISOString()
    return this.#update(idOrName, (record) => (record.revokedAt === undefined ? { ...record, revokedAt } : record))
  }

  /** Opens `legacy` again. What was revoked otherwise may be in wrong hands, and stays revoked. */
  reopen(idOrName: string): Promise<TokenReport> {
    return this.#update(idOrName, (record) => {
      if (record.id !== LEGACY) throw new RegistryError('ERR_CONFLICT', `A revoked token stays so: make a new one.`)
      const { revokedAt: _revokedAt, ...open } = record
      return open
    })
  }

  /** Other limits for a token that is in the field; they hold from the next request on. */
  limit(idOrName: string, limits: ChangedLimits): Promise<TokenReport> {
    return this.#update(idOrName, (record) => {
      const { maxRegistrations, registrationsPerHour, ...rest } = record
      const wanted = { maxRegistrations, registrationsPerHour, ...limits }
      const changed: TokenRecord = { ...rest, ...onlyNumbers(wanted) }
      checkTerms(changed, () => true)
      return changed
    })
  }

  /** The devices that a token made, deleted ones too, in the order they registered. */
  devicesOf(idOrName: string): AsyncGenerator<TokenDevice> {
    return this.#parts.store.devicesOf(this.#find(idOrName).id)
  }

  /**
   * What a token permits to a device that shows it.
   *
   * @throws {RegistryError} `ERR_REGISTRATION_TOKEN_INVALID`, `ERR_TOKEN_REVOKED`, `ERR_TOKEN_NOT_FOR_DEVICE`; the
   * message never says why, the `cause` does.
   */
  async permit(shown: { token: unknown; manufacturerId: string; address: string; now: Date }): Promise<Permission> {
    const { token, manufacturerId, address, now } = shown
    const record = this.#recordOf(await this.#verified(token, now))
    try {
      checkScope(record, [manufacturerId, normalised(manufacturerId, this.#parts.normalisation)], address)
    } catch (error) {
      throw this.#counted(record.id, error, now)
    }
    const recipe = this.recipeOf(record)
    if (recipe === undefined) throw new Error(`the recipe ${record.recipe} of token ${record.id} is gone`)
    return {
      tokenId: record.id,
      recipe,
      tags: record.tags ?? [],
      mode: record.mode,
      comingBack: record.comingBack ?? recipe.comingBack ?? 'never',
      spend: async () => {
        try {
          // The limits of this moment: an operator may have changed them.
          return await this.#parts.uses.reserve(this.#records.get(record.id) ?? record, now)
        } catch (error) {
          throw this.#counted(record.id, error, now)
        }
      },
    }
  }

  /** What a device starts with; undefined when there is none of that name. */
  recipeOf({ recipe: name }: { readonly recipe?: string | undefined }): Recipe | undefined {
    return name === undefined ? this.#parts.recipe : this.#recipeNamed(name)
  }

  /** @throws {RegistryError} `ERR_REGISTRATION_TOKEN_INVALID` with a message for the operator that says why. */
  async verify(token: string): Promise<JWTPayload> {
    const { jwts, now } = this.#parts
    try {
      const payload = await jwts.verify(token, now())
      const record = this.#recordOf(payload)
      checkNotRevoked(record)
      const { uses, maxRegistrations = Infinity } = await this.#report(record)
      if (uses >= maxRegistrations) throw new Error(`its ${maxRegistrations} registrations are used up`)
      return payload
    } catch (cause) {
      throw new RegistryError('ERR_REGISTRATION_TOKEN_INVALID', jwts.explain(token, cause), { cause })
    }
  }

  async #verified(token: unknown, now: Date): Promise<JWTPayload> {
    try {
      return await this.#parts.jwts.verify(token, now)
    } catch (error) {
      const cause = error instanceof RegistryError ? error.cause : undefined
      // Its signature holds, so that its `jti` may be believed.
      if (cause instanceof joseErrors.JWTExpired) this.#counted(cause.payload.jti ?? LEGACY, error, now)
      throw error
    }
  }

  /** A `jti` that is not of our form was given elsewhere. */
  #recordOf({ jti }: JWTPayload): TokenRecord {
    const record = this.#records.get(jti ?? LEGACY)
    if (record !== undefined) return record
    if (jti !== undefined && isOwnTokenId(jti)) {
      throw refusal('ERR_REGISTRATION_TOKEN_INVALID', `there is no record of ${jti}`)
    }
    return this.#records.get(LEGACY) ?? legacyRecord()
  }

  #counted(tokenId: string, error: unknown, now: Date): unknown {
    if (error instanceof RegistryError && this.#records.has(tokenId)) {
      this.#parts.uses.refused(tokenId, error.code, now)
    }
    return error
  }

  async #report(record: TokenRecord): Promise<TokenReport> {
    const { uses, now } = this.#parts
    const { uses: spent, lastUsedAt } = await uses.usesOf(record.id)
    return {
      ...record,
      state: stateOf(record, spent, now()),
      uses: spent,
      ...(lastUsedAt === undefined ? {} : { lastUsedAt: lastUsedAt.toISOString() }),
      refusals: uses.refusalsOf(record.id),
    }
  }

  #checkName(name: string): void {
    if (!isTokenName(name)) throw invalid('The name of a token has 1–64 letters, digits, ".", "_" or "-".')
    if (isOwnTokenId(name)) throw invalid('The name of a token cannot look like the ID of one.')
    for (const record of this.#records.values()) {
      if (record.name === name) throw new RegistryError('ERR_CONFLICT', `A token named ${name} exists already.`)
    }
  }

  #find(idOrName: string): TokenRecord {
    const byId = this.#records.get(idOrName)
    if (byId !== undefined) return byId
    for (const record of this.#records.values()) if (record.name === idOrName) return record
    throw new RegistryError('ERR_NOT_FOUND', `There is no token ${JSON.stringify(idOrName)}.`)
  }

  #recipeNamed(name: string): Recipe | undefined {
    return [this.#parts.recipe, ...this.#parts.recipes].find((recipe) => recipe.name === name)
  }

  #update(idOrName: string, change: (record: TokenRecord) => TokenRecord): Promise<TokenReport> {
    return this.#changes.run(async () => {
      const record = this.#find(idOrName)
      const changed = change(record)
      if (changed !== record) await this.#parts.store.put(changed)
      this.#records.set(changed.id, changed)
      return await this.#report(changed)
    })
  }
}

/** The message that every device knows; the reason is for the log of this process. */
const refusal = (
  code: 'ERR_REGISTRATION_TOKEN_INVALID' | 'ERR_TOKEN_REVOKED' | 'ERR_TOKEN_NOT_FOR_DEVICE',
  reason: string,
): RegistryError => new RegistryError(code, 'Invalid registration token', { cause: new Error(reason) })

function checkNotRevoked({ id, revokedAt }: TokenRecord): void {
  if (revokedAt !== undefined) throw refusal('ERR_TOKEN_REVOKED', `${id} was revoked at ${revokedAt}`)
}

/** @param names - the manufacturer ID, in every form in which it can be meant. */
function checkScope(record: TokenRecord, names: readonly string[], address: string): void {
  checkNotRevoked(record)
  const { id, networks, manufacturerIds } = record
  if (networks !== undefined && networks.length > 0 && !liesIn(networks, address)) {
    throw refusal('ERR_TOKEN_NOT_FOR_DEVICE', `${id} holds in ${networks.join(', ')} only`)
  }
  if (manufacturerIds !== undefined && manufacturerIds.length > 0) {
    if (manufacturerIds.some((glob) => names.some((name) => globMatches(glob, name)))) return
    throw refusal('ERR_TOKEN_NOT_FOR_DEVICE', `${id} is for the manufacturer IDs ${manufacturerIds.join(', ')} only`)
  }
}

function stateOf(
  { revokedAt, expiresAt, maxRegistrations }: TokenRecord,
  uses: number,
  now: Date,
): TokenReport['state'] {
  if (revokedAt !== undefined) return 'revoked'
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now.getTime()) return 'expired'
  return maxRegistrations !== undefined && uses >= maxRegistrations ? 'exhausted' : 'valid'
}

function onlyNumbers(limits: Readonly<Record<string, number | null | undefined>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(limits).flatMap(([name, limit]) => (typeof limit === 'number' ? [[name, limit]] : [])),
  )
}
