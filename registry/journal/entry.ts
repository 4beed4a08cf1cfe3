import type { JournalCaller } from './caller.ts'

/** `return`: a device that was registered and has other credentials now. */
export const JOURNAL_KINDS = ['registration', 'return', 'login', 'tls', 'operation', 'clone', 'journal'] as const

export type JournalKind = (typeof JOURNAL_KINDS)[number]

/** `done`: an operator's. `suspected`: of a clone. `lost`: what the journal could not keep. */
export const JOURNAL_RESULTS = ['accepted', 'refused', 'failed', 'done', 'suspected', 'lost'] as const

export type JournalResult = (typeof JOURNAL_RESULTS)[number]

/** What a registration token says of its own time, in seconds since 1970. Source: RFC 7519 §4.1. */
export interface TokenTimes {
  readonly iat?: number
  readonly nbf?: number
  readonly exp?: number
}

/** What happened, without secrets, tokens and payloads. What came from outside is cut, and not believed. */
export interface JournalFacts {
  readonly kind: JournalKind
  readonly result: JournalResult
  /** Of the refusal: `ERR_…`. */
  readonly code?: string | undefined
  /** Which check failed; the device is not told. */
  readonly reason?: string | undefined
  readonly deviceId?: string | undefined
  readonly manufacturerId?: string | undefined
  /** As CONNECT said. */
  readonly clientId?: string | undefined
  readonly accessKey?: string | undefined
  /** Of the registration token, as it says itself; one that was refused may say what it likes. */
  readonly tokenId?: string | undefined
  readonly tokenTimes?: TokenTimes | undefined
  readonly address?: string | undefined
  readonly otherAddress?: string | undefined
  /** Where it came in: `tcp`, `tls`, `ws`, `wss`, `http`, `https`. */
  readonly transport?: string | undefined
  readonly latencyMs?: number | undefined
  readonly caller?: JournalCaller | undefined
  readonly operation?: string | undefined
  readonly target?: string | undefined
  /** When the next try may succeed, as whoever was refused was told. ISO 8601, UTC. */
  readonly retryAt?: string | undefined
  /** What else was asked, when that is no secret: the name of a command. */
  readonly detail?: string | undefined
  /** How many are told of in this one entry, when it is not one. */
  readonly count?: number | undefined
  /** When the first of them happened. */
  readonly since?: string | undefined
}

type Exact<T> = { [K in keyof T]: Exclude<T[K], undefined> }

export interface JournalEntry extends Exact<JournalFacts> {
  /** From 1, without gaps. */
  readonly seq: number
  /** ISO 8601, UTC. */
  readonly at: string
  /** SHA-256 over the hash before and this entry; see docs/journal.md. */
  readonly hash: string
}

/** What is looked for. All that is given must hold. */
export interface JournalFilter {
  readonly kind?: JournalKind | undefined
  readonly result?: JournalResult | undefined
  readonly deviceId?: string | undefined
  readonly manufacturerId?: string | undefined
  readonly address?: string | undefined
  readonly tokenId?: string | undefined
  /** One of these names is in it, whatever for: a device, a key, an address, the target of an operation. */
  readonly about?: readonly string[] | undefined
  /** ISO 8601, inclusive. */
  readonly since?: string | undefined
  /** ISO 8601, exclusive. */
  readonly until?: string | undefined
}

const EXACT = ['kind', 'result', 'deviceId', 'manufacturerId', 'tokenId'] as const

/** @returns a test of the text of an entry that lets through all that match, and costs less than reading it. */
export function mayMatch(filter: JournalFilter): (text: string) => boolean {
  const needed = [...EXACT, 'address' as const].flatMap((name) => filter[name] ?? []).map(quoted)
  const about = filter.about?.map(quoted)
  return (text) =>
    needed.every((needle) => text.includes(needle)) && about?.some((needle) => text.includes(needle)) !== false
}

const quoted = (value: string): string => JSON.stringify(value)

export function matches(entry: JournalEntry, filter: JournalFilter): boolean {
  if (EXACT.some((name) => filter[name] !== undefined && entry[name] !== filter[name])) return false
  if (filter.address !== undefined && ![entry.address, entry.otherAddress].includes(filter.address)) return false
  if (filter.since !== undefined && entry.at < filter.since) return false
  if (filter.until !== undefined && entry.at >= filter.until) return false
  return filter.about === undefined || namesOf(entry).some((name) => filter.about?.includes(name))
}

const namesOf = (entry: JournalEntry): string[] =>
  [
    entry.deviceId,
    entry.manufacturerId,
    entry.clientId,
    entry.accessKey,
    entry.address,
    entry.otherAddress,
    entry.target,
  ].filter((name) => name !== undefined)

/** No key, name or address is longer; what is cut cannot be searched for whole. */
const MAX_TEXT_CHARACTERS = 256

/** Text from outside: whoever sends a megabyte fills no page of the journal. */
export const bounded = (text: string): string =>
  text.length > MAX_TEXT_CHARACTERS ? text.slice(0, MAX_TEXT_CHARACTERS) : text
