import { createHash } from 'node:crypto'
import type { JournalEntry, JournalFacts } from './entry.ts'

/** What stands before the first entry. */
export const GENESIS = '0'.repeat(64)

const MARK = ',"hash":"'
const TAIL_LENGTH = MARK.length + GENESIS.length + '"}'.length

/**
 * The text of an entry as it is kept and exported: one line of JSON whose last field is its hash, the SHA-256 over the
 * hash of the entry before and this line without `hash`, as hexadecimal. Nothing can be changed, put in or taken out
 * without changing every hash that follows.
 */
export function seal(
  seq: number,
  at: string,
  facts: JournalFacts,
  previous: string,
): { readonly text: string; readonly hash: string } {
  const body = JSON.stringify({ seq, at, ...facts })
  const hash = digest(previous, body)
  return { text: `${body.slice(0, -1)}${MARK}${hash}"}`, hash }
}

/** @returns the hash of an entry that follows `previous`; undefined when it was not sealed so. */
export function unsealed(text: string, previous: string): string | undefined {
  const hash = statedHash(text)
  return hash !== undefined && digest(previous, `${text.slice(0, -TAIL_LENGTH)}}`) === hash ? hash : undefined
}

/** @returns the hash that an entry says is its own; undefined when it is no entry. */
export function statedHash(text: string): string | undefined {
  const end = text.length - TAIL_LENGTH
  return end >= 0 && text.startsWith(MARK, end) ? text.slice(end + MARK.length, -2) : undefined
}

/** @param text - one that this process read from its own store. */
export function entryOf(text: string): JournalEntry {
  const entry: JournalEntry = JSON.parse(text)
  return entry
}

const digest = (previous: string, body: string): string =>
  createHash('sha256')
    .update(previous + body)
    .digest('hex')
