import {
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  SignJWT,
  errors as joseErrors,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose'
import { RegistryError } from './errors.ts'
import { SHARED_KEY, type SigningKey } from './tokens/signing-key.ts'
import type { SigningKeys } from './tokens/signing-keys.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** Larger than any honest token and small enough to be looked at before the signature. */
export const MAX_TOKEN_BYTES = 4096

/** Devices without a battery-backed clock are never quite right. */
const LEEWAY_SECONDS = 60

export interface TokenClaims {
  /** Where the device registers: `https://<host>/api/register-device`. */
  readonly url: string
  /** Where it connects afterwards: `mqtts://<host>:8883`. */
  readonly mqtt: string
  /** Lifetime; none means the token never expires, as the same one is flashed into every device. */
  readonly expiresInSeconds?: number
  /** Further claims; they cannot replace the ones above, `iss`, `iat`, `exp`, `nbf` or `jti`. */
  readonly extra?: Readonly<Record<string, string>>
}

/** Far more than an operator has in the field at a time. */
const REMEMBERED_TOKENS = 64

/** Signs and verifies registration tokens. Source: docs/contract.md §2; RFC 7519. */
export class RegistrationTokens {
  readonly #keys: SigningKeys
  readonly #issuer: string
  readonly #verified = new VerifiedTokens(REMEMBERED_TOKENS, LEEWAY_SECONDS)

  /** @param issuer - compared with `iss` whole. */
  constructor(keys: SigningKeys, issuer: string) {
    if (issuer === '') throw new TypeError('the registration issuer is empty')
    this.#keys = keys
    this.#issuer = issuer
  }

  /**
   * @param id - the `jti`.
   * @returns the token and the `kid` of the key that signed it.
   */
  async issue(claims: TokenClaims, id: string, now: Date): Promise<{ token: string; kid: string }> {
    const { record, sign } = this.#keys.active
    const issuedAt = secondsOf(now)
    const token = new SignJWT({ ...claims.extra, url: claims.url, mqtt: claims.mqtt })
      .setProtectedHeader({
        alg: record.algorithm,
        typ: 'JWT',
        ...(record.kid === SHARED_KEY ? {} : { kid: record.kid }),
      })
      .setJti(id)
      .setIssuer(this.#issuer)
      .setIssuedAt(issuedAt)
    if (claims.expiresInSeconds !== undefined) token.setExpirationTime(issuedAt + claims.expiresInSeconds)
    return { token: await token.sign(sign), kid: record.kid }
  }

  /**
   * @returns the payload of a token that holds: signature, algorithm, issuer, `exp` and `nbf` when present.
   * @throws {RegistryError} `ERR_REGISTRATION_TOKEN_INVALID`; its message never says why, its `cause` does.
   */
  async verify(token: unknown, now: Date): Promise<JWTPayload> {
    // One that is known but not now goes to jose again, which says why it is refused.
    const known = typeof token === 'string' ? this.#verified.find(token, secondsOf(now)) : undefined
    return known ?? (await this.#verify(token, now))
  }

  async #verify(token: unknown, now: Date): Promise<JWTPayload> {
    try {
      if (typeof token !== 'string') throw new Error('it is not a string')
      if (token.length > MAX_TOKEN_BYTES) throw new Error(`it is longer than ${MAX_TOKEN_BYTES} bytes`)
      const key = this.#keyOf(token)
      // Everything is pinned here; jose checks what it is asked to and no more. It refuses unknown `crit` by itself.
      const { payload } = await jwtVerify(token, key.verify, {
        algorithms: [key.record.algorithm],
        issuer: this.#issuer,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: now,
      })
      this.#verified.add(token, payload, () => this.#keys.mayVerify(key))
      return payload
    } catch (cause) {
      throw new RegistryError('ERR_REGISTRATION_TOKEN_INVALID', 'Invalid registration token', { cause })
    }
  }

  /** The token only names its key: which algorithm belongs to it is ours to know. Source: RFC 8725 §3.1. */
  #keyOf(token: string): SigningKey {
    const { kid }: ProtectedHeaderParameters = decodeProtectedHeader(token)
    return this.#keys.forVerifying(typeof kid === 'string' ? kid : undefined)
  }

  /** For the operator who asks why a token is refused; a device is never told. */
  explain(token: string, refusal: unknown): string {
    const cause = refusal instanceof RegistryError ? refusal.cause : refusal
    if (cause instanceof joseErrors.JWSSignatureVerificationFailed) return 'it was signed with another secret'
    if (cause instanceof joseErrors.JOSEAlgNotAllowed) {
      return `its algorithm is not ${this.#keyOf(token).record.algorithm}`
    }
    if (cause instanceof joseErrors.JWTExpired) return `it expired at ${claimTime(token, 'exp')}`
    if (cause instanceof joseErrors.JWTClaimValidationFailed && cause.claim === 'iss') {
      return `its issuer is ${JSON.stringify(decodeJwt(token).iss ?? null)}, not ${JSON.stringify(this.#issuer)}`
    }
    if (
      cause instanceof joseErrors.JWTClaimValidationFailed &&
      cause.claim === 'nbf' &&
      cause.reason === 'check_failed'
    ) {
      return `it is not valid before ${claimTime(token, 'nbf')}`
    }
    return cause instanceof Error ? cause.message : 'it cannot be read'
  }
}

/** As jose counts them. */
const secondsOf = (date: Date): number => Math.floor(date.getTime() / 1000)

function claimTime(token: string, claim: 'exp' | 'nbf'): string {
  const seconds = decodeJwt(token)[claim]
  const date = new Date((seconds ?? Number.NaN) * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString()
}
