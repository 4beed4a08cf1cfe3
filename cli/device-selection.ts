import { Option, type Command } from 'commander'
import type { DeviceFilterRequest } from '../admin/index.ts'
import { DEVICE_STATES, type DeviceState } from '../registry/index.ts'
import { durationOf } from './durations.ts'
import { usageError } from './failure.ts'

/** As commander gathers them. */
export interface SelectionOptions {
  readonly state?: DeviceState
  readonly tag?: string
  readonly token?: string
  readonly prefix?: string
  readonly since?: string
}

/** Options that say which devices are meant. */
export const addSelectionOptions = (command: Command): Command =>
  command
    .option('--tag <key=value>', 'those that have this tag')
    .option('--token <token-id>', 'those that registered with this token')
    .option('--prefix <text>', 'those whose manufacturer IDs begin so')
    .option('--since <time>', 'those that registered since then: 2026-01-31, an ISO 8601 time, or how long ago, as 2h')
    .addOption(new Option('--state <state>', 'those in this state').choices(DEVICE_STATES))

export function selectionOf({ state, tag, token, prefix, since }: SelectionOptions): DeviceFilterRequest {
  if (tag !== undefined && !tag.includes('='))
    throw usageError(`--tag ${JSON.stringify(tag)} is not of the form key=value`)
  return {
    ...(state === undefined ? {} : { state }),
    ...(tag === undefined ? {} : { tag }),
    ...(token === undefined ? {} : { token }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(since === undefined ? {} : { since: timeOf(since) }),
  }
}

function timeOf(text: string): string {
  const time = /^\d+[a-z]+$/.test(text) ? Date.now() - durationOf('--since', text) : Date.parse(text)
  if (/^\d/.test(text) && !Number.isNaN(time)) return new Date(time).toISOString()
  throw usageError(
    `--since ${JSON.stringify(text)} is neither a time such as 2026-01-31T08:00:00Z nor a duration such as 2h`,
  )
}
