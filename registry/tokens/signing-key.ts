import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { randomBytes, webcrypto } from 'node:crypto'

/** HS256 is what the contract has; of the others the public half can be shown to everyone. Source: RFC 7518, RFC 8037. */
export const SIGNING_ALGORITHMS = ['HS256', 'ES256', 'EdDSA'] as const

export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** Names the secret of the configuration, which is no key of the store. */
export const SHARED_KEY = 'shared'

/** `active` signs and verifies, `verifying` only verifies, `retired` does neither. */
export type SigningKeyState = 'active' | 'verifying' | 'retired'

export interface SigningKeyRecord {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** ISO 8601, UTC. */
  readonly createdAt: string
  readonly state: SigningKeyState
  /** When a key that verifies retires by itself. */
  readonly retiresAt?: string
  /** The key itself, private parts included; gone when it is retired, and never there for the shared secret. */
  readonly jwk?: JWK
}

export interface SigningKey {
  readonly record: SigningKeyRecord
  readonly sign: webcrypto.CryptoKey
  readonly verify: webcrypto.CryptoKey
}

/** RFC 7518 §3.2: a key of the same size as the hash output or larger MUST be used. */
export const MIN_SIGNING_SECRET_BYTES = 32

/** A key that did not exist before. */
export async function mintSigningKey(algorithm: SigningAlgorithm, now: Date): Promise<SigningKeyRecord> {
  if (algorithm === 'HS256') return mintSecretKey(now)
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return newKey(algorithm, await exportJWK(privateKey), now)
}

/** One of HS256. */
export const mintSecretKey = (now: Date): SigningKeyRecord =>
  newKey('HS256', { kty: 'oct', k: randomBytes(MIN_SIGNING_SECRET_BYTES).toString('base64url') }, now)

const newKey = (algorithm: SigningAlgorithm, jwk: JWK, now: Date): SigningKeyRecord => ({
  kid: `key_${randomBytes(8).toString('hex')}`,
  algorithm,
  createdAt: now.toISOString(),
  state: 'active',
  jwk,
})

/** Imported once: jose is twice as fast with a CryptoKey as with bytes. */
export async function importSigningKey(record: SigningKeyRecord): Promise<SigningKey | undefined> {
  const { jwk, algorithm } = record
  if (jwk === undefined) return undefined
  if (algorithm === 'HS256') {
    const key = await importSecret(Buffer.from(jwk.k ?? '', 'base64url'))
    return { record, sign: key, verify: key }
  }
  return { record, sign: await imported(jwk, algorithm), verify: await imported(publicJwk(jwk), algorithm) }
}

export async function importSecret(bytes: Uint8Array<ArrayBuffer>): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

async function imported(jwk: JWK, algorithm: SigningAlgorithm): Promise<webcrypto.CryptoKey> {
  const key = await importJWK(jwk, algorithm)
  if (key instanceof Uint8Array) throw new Error('a key pair was expected')
  return key
}

/** Named one by one, so that no private parameter gets out. Source: RFC 7517 §9.2, RFC 7518 §6.2, RFC 8037 §2. */
export function publicJwk({ kty, crv, x, y }: JWK): JWK {
  return { ...(kty && { kty }), ...(crv && { crv }), ...(x && { x }), ...(y && { y }) }
}
