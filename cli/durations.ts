import { parseDuration } from '../config.ts'
import { usageError } from './failure.ts'

/** The value of a flag such as 90d, in milliseconds. */
export function durationOf(flag: string, text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw notADuration(flag, text)
  }
}

/** The same in whole seconds, at least one. */
export function parseSeconds(flag: string, text: string): number {
  const seconds = Math.floor(durationOf(flag, text) / 1000)
  if (seconds > 0) return seconds
  throw notADuration(flag, text)
}

/** The value of `--expires`, in seconds. */
export const parseExpires = (text: string): number => parseSeconds('--expires', text)

const notADuration = (flag: string, text: string) =>
  usageError(`${flag} ${JSON.stringify(text)} is not a duration such as 90d, 12h or 30m`)
