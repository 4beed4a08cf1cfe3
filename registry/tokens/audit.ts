import type { Findings } from '../../storage/index.ts'
import { isDeviceId } from '../device.ts'
import { count, listOf, oneOf, optional, record, storedAs, tag, text, time, type ShapeOf } from '../stored-json.ts'
import { mintSecretKey, SHARED_KEY, SIGNING_ALGORITHMS, type SigningKeyRecord } from './signing-key.ts'
import { SIGNING_KEYS_ROOM } from './signing-keys.ts'
import { TOKEN_ROOMS as rooms, useKey } from './token-store.ts'
import { COMING_BACK, type TokenRecord } from './token.ts'

const TOKEN: ShapeOf<TokenRecord> = {
  id: text,
  name: text,
  createdAt: time,
  expiresAt: optional(time),
  revokedAt: optional(time),
  signingKey: optional(text),
  maxRegistrations: optional(count),
  registrationsPerHour: optional(count),
  manufacturerIds: optional(listOf(text)),
  networks: optional(listOf(text)),
  recipe: optional(text),
  tags: optional(listOf(tag)),
  mode: optional(text),
  comingBack: optional(oneOf(COMING_BACK)),
}

const KEY: ShapeOf<SigningKeyRecord> = {
  kid: text,
  algorithm: oneOf(SIGNING_ALGORITHMS),
  createdAt: time,
  state: oneOf(['active', 'verifying', 'retired']),
  retiresAt: optional(time),
  jwk: optional(record({ kty: text })),
}

/** What a device says about the token that made it. */
export interface TokenOrigin {
  readonly tokenId: string
  readonly address: string
}

/**
 * Looks at tokens, their uses, and the keys that sign them. A token that cannot be read is dropped, and its devices in
 * the field are refused. A device whose use is lost is counted again: its token would permit one more.
 */
export class TokensAudit {
  readonly #findings: Findings
  readonly #now: () => Date
  readonly #uses = new Set<string>()
  readonly #keys = new Map<string, SigningKeyRecord>()

  constructor(findings: Findings, now: () => Date) {
    this.#findings = findings
    this.#now = now
  }

  /** @returns whether the record is in one of these rooms. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    const name = key.toString()
    switch (room) {
      case rooms.tokens: {
        if (storedAs<TokenRecord>(value, TOKEN)?.id !== name) this.#findings.drop(room, key, 'is not a token')
        return true
      }
      case rooms.uses:
        if (isDeviceId(name.slice(name.lastIndexOf('/') + 1)) && name.indexOf('/') > 0) this.#uses.add(name)
        else this.#findings.drop(room, key, 'does not say which token made which device')
        return true
      case SIGNING_KEYS_ROOM:
        this.#seeKey(name, value)
        return true
      default:
        return false
    }
  }

  #seeKey(kid: string, value: Buffer): void {
    const key = storedAs<SigningKeyRecord>(value, KEY)
    const isWhole = key?.jwk !== undefined || kid === SHARED_KEY || key?.state === 'retired'
    if (key?.kid === kid && isWhole) this.#keys.set(kid, key)
    else this.#findings.drop(SIGNING_KEYS_ROOM, Buffer.from(kid), 'is not a signing key')
  }

  /** Once every record was seen, with what each device that is there says. */
  conclude(origins: Iterable<readonly [deviceId: string, origin: TokenOrigin]>): void {
    for (const [deviceId, { tokenId, address }] of origins) {
      const key = useKey(tokenId, deviceId)
      if (this.#uses.has(key)) continue
      const problem = `is missing, and the device ${deviceId} registered with the token ${tokenId}`
      this.#findings.put(rooms.uses, Buffer.from(key), Buffer.from(address), problem)
    }
    this.#concludeKeys()
  }

  /** Without one that signs no token could be made, nor a key. One that is retired does not come back. */
  #concludeKeys(): void {
    const keys = [...this.#keys.values()]
    // Without a record of it the shared secret signs.
    if (!this.#keys.has(SHARED_KEY) || keys.some(({ state }) => state === 'active')) return
    const now = this.#now()
    const newest = keys
      .filter(({ state, retiresAt }) => state === 'verifying' && (retiresAt ?? '~') > now.toISOString())
      .toSorted((one, other) => (one.createdAt < other.createdAt ? 1 : -1))[0]
    const { retiresAt: _, ...chosen } = newest ?? mintSecretKey(now)
    const value = Buffer.from(JSON.stringify({ ...chosen, state: 'active' }))
    this.#findings.put(SIGNING_KEYS_ROOM, Buffer.from(chosen.kid), value, 'must sign: no key is left that does')
  }
}
