import type { RegistrationMode } from '../admission/index.ts'
import type { Tag } from '../device.ts'
import { FIXED_KEYS, isTagText } from '../devices/tags.ts'
import { invalid } from '../errors.ts'
import { globProblem } from './glob.ts'
import { networkProblem } from '../networks.ts'

/**
 * Whether a device that is registered may register again under its manufacturer ID: `never`; as long as it has not logged
 * in with what it was given (`until-first-use`, the answer may have been lost); while an operator has opened a `window` for
 * it, which he can whatever the policy is; or each time (`always-rotate`).
 */
export const COMING_BACK = ['never', 'until-first-use', 'window', 'always-rotate'] as const

export type ComingBack = (typeof COMING_BACK)[number]

/** What an operator can say of a token. Absent is unlimited, or as the configuration has it. */
export interface TokenTerms {
  readonly maxRegistrations?: number
  readonly registrationsPerHour?: number
  /** Globs; the manufacturer ID must match one of them. */
  readonly manufacturerIds?: readonly string[]
  /** CIDR; the device must come from one of them. */
  readonly networks?: readonly string[]
  readonly recipe?: string
  /** Further tags of the devices. */
  readonly tags?: readonly Tag[]
  /** Who may register, beside holding it. */
  readonly mode?: RegistrationMode
  readonly comingBack?: ComingBack
}

/** What is kept of a token. The token itself is not: it was shown when it was signed. */
export interface TokenRecord extends TokenTerms {
  /** The `jti` of the token. */
  readonly id: string
  readonly name: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** The `exp` of the token. */
  readonly expiresAt?: string
  /** `kid` of the key that signed it. */
  readonly signingKey?: string
  /** From then on it is refused. */
  readonly revokedAt?: string
}

/** The record of all tokens that were signed elsewhere with the shared secret. Always there. */
export const LEGACY = 'legacy'

export const legacyRecord = (): TokenRecord => ({ id: LEGACY, name: LEGACY, createdAt: new Date(0).toISOString() })

const OWN_ID = /^tok_[0-9a-f]{16}$/

/** Whether an ID is of the form that Mooring gives, so that a token with it and without a record is not somebody else's. */
export const isOwnTokenId = (id: string): boolean => OWN_ID.test(id)

export const isTokenName = (text: string): boolean => /^[\w.-]{1,64}$/.test(text)

const MOST_ENTRIES = 100

/** @throws {RegistryError} `ERR_INPUT_INVALID` that names the first term that cannot be one. */
export function checkTerms(terms: TokenTerms, isRecipe: (name: string) => boolean): void {
  const { manufacturerIds = [], networks = [], tags = [], recipe } = terms
  for (const list of [manufacturerIds, networks, tags]) {
    if (list.length > MOST_ENTRIES) throw invalid(`A token has at most ${MOST_ENTRIES} patterns, networks or tags.`)
  }
  for (const glob of manufacturerIds) refuseFor(glob, 'The pattern', globProblem(glob))
  for (const network of networks) refuseFor(network, 'The network', networkProblem(network))
  for (const { key, value } of tags) refuseFor(`${key}=${value}`, 'The tag', tagProblem(key, value))
  for (const limit of [terms.maxRegistrations, terms.registrationsPerHour]) {
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) throw invalid('A limit is a number from 1.')
  }
  if (recipe !== undefined && !isRecipe(recipe)) throw invalid(`There is no recipe ${JSON.stringify(recipe)}.`)
}

function refuseFor(text: string, what: string, problem: string | undefined): void {
  if (problem !== undefined) throw invalid(`${what} ${JSON.stringify(text)} ${problem}.`)
}

function tagProblem(key: string, value: string): string | undefined {
  if (FIXED_KEYS.has(key)) return 'is set by Mooring itself'
  return key.trim() !== '' && isTagText(key) && isTagText(value) ? undefined : 'is not key=value'
}
