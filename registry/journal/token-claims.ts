import { decodeJwt } from 'jose'
import { MAX_TOKEN_BYTES } from '../registration-token.ts'
import { bounded, type TokenTimes } from './entry.ts'

export interface TokenClaimed {
  readonly tokenId: string | undefined
  readonly times: TokenTimes
}

const NOTHING: TokenClaimed = { tokenId: undefined, times: {} }

/** The same token is flashed into every device. */
const MAX_REMEMBERED = 64

/** What tokens say of themselves. Nothing of it is proven: this is for the record and decides nothing. */
export class TokenClaims {
  readonly #read = new Map<string, TokenClaimed>()

  of(token: unknown): TokenClaimed {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_BYTES) return NOTHING
    const known = this.#read.get(token)
    if (known !== undefined) return known
    const claimed = claimedBy(token)
    if (this.#read.size >= MAX_REMEMBERED) this.#read.clear()
    this.#read.set(token, claimed)
    return claimed
  }
}

function claimedBy(token: string): TokenClaimed {
  try {
    const { jti, iat, nbf, exp } = decodeJwt<Record<string, unknown>>(token)
    const times = { ...numbered('iat', iat), ...numbered('nbf', nbf), ...numbered('exp', exp) }
    return { tokenId: typeof jti === 'string' ? bounded(jti) : undefined, times }
  } catch {
    return NOTHING
  }
}

const numbered = (name: keyof TokenTimes, value: unknown): TokenTimes =>
  Number.isFinite(value) ? { [name]: Number(value) } : {}
