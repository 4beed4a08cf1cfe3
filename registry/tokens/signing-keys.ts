import { keepOpen } from '../../storage/index.ts'
import { ChangeQueue } from '../change-queue.ts'
import type { JWK } from 'jose'
import { RegistryError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { StoreWrites } from '../store-writes.ts'
import type { StoreLevel, WriteOperation } from '../../storage/index.ts'
import {
  importSecret,
  importSigningKey,
  MIN_SIGNING_SECRET_BYTES,
  mintSigningKey,
  publicJwk,
  SHARED_KEY,
  type SigningAlgorithm,
  type SigningKey,
  type SigningKeyRecord,
} from './signing-key.ts'

export const SIGNING_KEYS_ROOM = 'signing-keys'

/** A key without what makes it one. */
export type SigningKeySummary = Omit<SigningKeyRecord, 'jwk'>

/**
 * The keys that sign registration tokens and those that still verify them. At first there is the shared secret of the
 * configuration alone. Tokens of it name no key, as those of every other JWT library; the others carry their `kid`.
 *
 * signing-keys: kid → record; of the shared secret only its state
 */
export class SigningKeys {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #now: () => Date
  readonly #records
  readonly #keys = new Map<string, SigningKey>()
  /** Those without a key any more. */
  readonly #retired = new Map<string, SigningKeyRecord>()
  readonly #changes = new ChangeQueue()

  constructor(level: StoreLevel, writes: StoreWrites, now: () => Date) {
    this.#level = level
    this.#writes = writes
    this.#now = now
    this.#records = level.sublevel<string, SigningKeyRecord>(SIGNING_KEYS_ROOM, { valueEncoding: 'json' })
  }

  /**
   * @param secret - its UTF-8 text is the HMAC key, as in every other JWT library. At least 32 bytes.
   * @throws {TypeError} when it is shorter.
   */
  async open(secret: Secret): Promise<void> {
    await keepOpen(this.#level, [this.#records])
    const records = await this.#records.values().all()
    const shared = records.find(({ kid }) => kid === SHARED_KEY) ?? sharedRecord()
    const key = await importSecret(bytesOf(secret))
    this.#set({ record: shared, sign: key, verify: key })
    for (const record of records) {
      if (record.kid === SHARED_KEY) continue
      const imported = await importSigningKey(record)
      if (imported === undefined) this.#retired.set(record.kid, record)
      else this.#set(imported)
    }
  }

  /** Signs what is signed now. */
  get active(): SigningKey {
    for (const key of this.#keys.values()) if (key.record.state === 'active') return key
    throw new Error('there is no active signing key: the store is not whole')
  }

  /**
   * The key that a token names, if it may still verify. A token that names none, or one that is not ours, may have been
   * signed elsewhere with the shared secret.
   *
   * @throws {Error} when the key is retired, for the operator.
   */
  forVerifying(kid: string | undefined): SigningKey {
    const known = kid !== undefined && (this.#keys.has(kid) || this.#retired.has(kid))
    const key = this.#keys.get(known ? kid : SHARED_KEY)
    if (key === undefined || !this.mayVerify(key)) throw new Error('the key that signed it is retired')
    return key
  }

  mayVerify({ record: { kid } }: SigningKey): boolean {
    const record = this.#keys.get(kid)?.record
    if (record === undefined || record.state === 'retired') return false
    return record.retiresAt === undefined || Date.parse(record.retiresAt) > this.#now().getTime()
  }

  /** In the order they were made, retired ones too. */
  list(): SigningKeySummary[] {
    const records = [...Array.from(this.#keys.values(), ({ record }) => record), ...this.#retired.values()]
    return records
      .toSorted((one, other) => one.createdAt.localeCompare(other.createdAt))
      .map(({ jwk: _jwk, ...summary }) => (this.#hasLapsed(summary) ? { ...summary, state: 'retired' } : summary))
  }

  /** The public halves of the keys that verify, for everyone. Source: RFC 7517 §5. */
  jwks(): { keys: JWK[] } {
    const shown = [...this.#keys.values()].filter(({ record }) => record.algorithm !== 'HS256')
    return {
      keys: shown
        .filter((key) => this.mayVerify(key))
        .map(({ record: { kid, algorithm, jwk } }) => ({ ...publicJwk(jwk ?? {}), kid, alg: algorithm, use: 'sig' })),
    }
  }

  /**
   * A new key signs from now on. The one before verifies what it signed until it is retired, or `overlapSeconds` are over.
   */
  rotate(algorithm: SigningAlgorithm, overlapSeconds?: number): Promise<SigningKeySummary> {
    return this.#changes.run(async () => {
      const now = this.#now()
      const next = await mintSigningKey(algorithm, now)
      const retiresAt =
        overlapSeconds === undefined ? {} : { retiresAt: new Date(now.getTime() + overlapSeconds * 1000).toISOString() }
      const before = { ...this.active.record, state: 'verifying' as const, ...retiresAt }
      const imported = await importSigningKey(next)
      if (imported === undefined) throw new Error('a new key has no key')
      await this.#writes.write([this.#put(before), this.#put(next)])
      this.#update(before)
      this.#set(imported)
      return summaryOf(next)
    })
  }

  /**
   * Every token of that key is refused from now on.
   *
   * @throws {RegistryError} `ERR_NOT_FOUND`; `ERR_CONFLICT` when it is the one that signs.
   */
  retire(kid: string): Promise<SigningKeySummary> {
    return this.#changes.run(async () => {
      const record = this.#keys.get(kid)?.record ?? this.#retired.get(kid)
      if (record === undefined) throw new RegistryError('ERR_NOT_FOUND', `There is no signing key ${kid}.`)
      if (record.state === 'active') {
        throw new RegistryError('ERR_CONFLICT', `${kid} signs the tokens: rotate first, then retire it.`)
      }
      const { jwk: _jwk, ...rest } = record
      const retired = { ...rest, state: 'retired' as const }
      await this.#writes.write([this.#put(retired)])
      if (kid === SHARED_KEY) this.#update(retired)
      else {
        this.#keys.delete(kid)
        this.#retired.set(kid, retired)
      }
      return retired
    })
  }

  #hasLapsed({ retiresAt }: SigningKeySummary): boolean {
    return retiresAt !== undefined && Date.parse(retiresAt) <= this.#now().getTime()
  }

  #set(key: SigningKey): void {
    this.#keys.set(key.record.kid, key)
  }

  #update(record: SigningKeyRecord): void {
    const key = this.#keys.get(record.kid)
    if (key !== undefined) this.#set({ ...key, record })
  }

  #put(record: SigningKeyRecord): WriteOperation {
    return { type: 'put', sublevel: this.#records, key: record.kid, value: record, valueEncoding: 'json' }
  }
}

/** Older than every other. */
const sharedRecord = (): SigningKeyRecord => ({
  kid: SHARED_KEY,
  algorithm: 'HS256',
  createdAt: new Date(0).toISOString(),
  state: 'active',
})

const summaryOf = ({ jwk: _jwk, ...summary }: SigningKeyRecord): SigningKeySummary => summary

function bytesOf(secret: Secret): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(secret.reveal())
  if (bytes.length >= MIN_SIGNING_SECRET_BYTES) return bytes
  throw new TypeError(
    `the registration secret has ${bytes.length} bytes; at least ${MIN_SIGNING_SECRET_BYTES} are needed`,
  )
}
