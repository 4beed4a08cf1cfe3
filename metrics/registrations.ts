import type { Signal } from '../registry/index.ts'
import type { CountOf } from './sources.ts'

type Result = keyof CountOf<'registrations'>

/** @returns how many registrations have ended, and how. Each from 0, so that its first rise is seen as one. */
export function countRegistrations(ended: Signal<Result>): CountOf<'registrations'> {
  const counts: Record<Result, number> = {
    created: 0,
    returned: 0,
    exists: 0,
    bad_token: 0,
    exhausted: 0,
    rate_limited: 0,
    missing_id: 0,
    not_in_allowlist: 0,
    pending: 0,
    refused: 0,
    undecided: 0,
    bad_request: 0,
    busy: 0,
    fault: 0,
  }
  ended.on((result) => {
    counts[result] += 1
  })
  return counts
}
