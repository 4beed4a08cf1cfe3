import { argon2id, hash, verify } from 'argon2'
import { mintAccessSecret, type AccessKey } from './access-key.ts'
import type { HashGate } from './hash-gate.ts'
import { standBack } from './hash-threads.ts'
import { PreparedSecrets, surroundingsOf, type HashedSecret, type Surroundings } from './prepared-secrets.ts'
import type { Principal } from './principal.ts'
import { randomSalt } from './random-text.ts'
import type { Secret } from './secret.ts'
import { VerifiedSecrets } from './verified-secrets.ts'

/**
 * 256 random bits cannot be guessed at any speed, so hashing protects them by being one-way, not by being slow.
 * docs/adr/0002 explains. `memoryCost` is in KiB.
 */
const GENERATED = { type: argon2id, memoryCost: 1024, timeCost: 1, parallelism: 1 } as const

/** For secrets that a person chose or brought along. Source: OWASP Password Storage Cheat Sheet, argon2id. */
const CHOSEN = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Source: RFC 9106 §3.1. */
const SALT_BYTES = 16

export const REMEMBERED_SECRETS = 100_000

/** A start has better things to do, and the threads of V8 then work as hard as those that hash. */
const STAND_BACK_AFTER_MS = 1_000

/** Hashes access secrets and checks them. argon2 is reached through this file alone. */
export class Credentials {
  readonly #gate: HashGate
  readonly #verified: VerifiedSecrets
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #unknownKeyHash: Promise<string>
  readonly #prepared: PreparedSecrets | undefined
  #nobodysHash: Promise<string> | undefined
  #standBackTimer: NodeJS.Timeout | undefined

  /** @param preparedSecrets - how many are made ahead, while nothing else is to be done. */
  constructor(
    gate: HashGate,
    rememberedSecrets: number = REMEMBERED_SECRETS,
    preparedSecrets: number = 0,
    surroundings: Surroundings = surroundingsOf(gate),
  ) {
    this.#gate = gate
    this.#verified = new VerifiedSecrets(rememberedSecrets)
    // Verified for access keys that do not exist: they cost what a device's key costs.
    this.#unknownKeyHash = gate.run(() => hash('no access key has this secret', GENERATED))
    const prepare = (): Promise<HashedSecret> | undefined => gate.runAside(() => hashed(mintAccessSecret()))
    this.#prepared = preparedSecrets === 0 ? undefined : new PreparedSecrets(preparedSecrets, prepare, surroundings)
  }

  get backlogMs(): number {
    return this.#gate.backlogMs
  }

  /** How many secrets are ready for those who register. */
  get preparedSecrets(): number {
    return this.#prepared?.size ?? 0
  }

  /** From a second on, hashes let the event loop go first. @param threads - of the pool. */
  letOthersGoFirst(threads: number): void {
    const find = (): Promise<number> => standBack(threads, () => hashed(mintAccessSecret()))
    this.#standBackTimer = setTimeout(() => void find(), STAND_BACK_AFTER_MS).unref()
  }

  /** Forgets the secrets that were made ahead. */
  close(): void {
    clearTimeout(this.#standBackTimer)
    this.#prepared?.close()
  }

  /**
   * A new access secret and its hash: one that was made ahead, or one that is made now.
   *
   * @throws {RegistryError} `ERR_BUSY`.
   */
  async mintSecret(): Promise<HashedSecret> {
    const ready = this.#prepared?.take()
    if (ready !== undefined) return ready
    const secret = mintAccessSecret()
    return { secret, hash: await this.hashGenerated(secret) }
  }

  /** @returns the PHC string of a secret that Mooring minted. */
  hashGenerated(secret: Secret): Promise<string> {
    return this.#gate.run(async () => (await hashed(secret)).hash)
  }

  /** @returns the PHC string of a secret that came from outside. */
  hashChosen(secret: Secret): Promise<string> {
    return this.#gate.run(() => hash(secret.reveal(), CHOSEN))
  }

  /**
   * Whom this very secret proved before, when nothing was revoked since. Costs no hash and does not look into the store.
   */
  recall(accessKey: string, accessSecret: string): Principal | undefined {
    return this.#verified.find(accessKey, this.#verified.digest(accessKey, accessSecret))
  }

  remember(accessSecret: string, principal: Principal): void {
    const { accessKey } = principal
    this.#verified.add(accessKey, this.#verified.digest(accessKey, accessSecret), principal)
  }

  /** To be called whenever a key or its secret stops being what it was: rotate, disable, delete, other rules. */
  forget(accessKey: string): void {
    this.#verified.forget(accessKey)
  }

  /**
   * Costs one hash, whether the key exists or not. The same question asked again meanwhile gets the same answer: a
   * device that opens fifty connections at once is one guess, and so is a service that does.
   *
   * @param paced - runs the check when its turn has come, and hears what came of it: once for each question.
   */
  verify(
    key: AccessKey | undefined,
    accessKey: string,
    accessSecret: string,
    paced: (check: () => Promise<boolean>) => Promise<boolean> = (check) => check(),
  ): Promise<boolean> {
    const question = `${key?.secretHash} ${this.#verified.digest(accessKey, accessSecret).toString('base64')}`
    const asked = this.#underWay.get(question)
    if (asked !== undefined) return asked
    const answer = paced(() => this.#verify(key, accessSecret)).finally(() => this.#underWay.delete(question))
    this.#underWay.set(question, answer)
    return answer
  }

  /**
   * Costs what the hash of a chosen secret costs, also when there is none.
   *
   * @param secretHash - as `hashChosen` made it.
   */
  async verifyChosen(secretHash: string | undefined, secret: Secret): Promise<boolean> {
    this.#nobodysHash ??= this.#gate.run(() => hash('nobody has this password', CHOSEN))
    const compared = secretHash ?? (await this.#nobodysHash)
    const matches = await this.#gate.run(() => verify(compared, secret.reveal()))
    return matches && secretHash !== undefined
  }

  async #verify(key: AccessKey | undefined, accessSecret: string): Promise<boolean> {
    const secretHash = key?.secretHash ?? (await this.#unknownKeyHash)
    const matches = await this.#gate.run(() => verify(secretHash, accessSecret))
    return matches && key !== undefined
  }
}

async function hashed(secret: Secret): Promise<HashedSecret> {
  // The salt is drawn here: argon2 itself would send for it to the thread pool, at the price of a tenth of this hash.
  return { secret, hash: await hash(secret.reveal(), { ...GENERATED, salt: randomSalt(SALT_BYTES) }) }
}
