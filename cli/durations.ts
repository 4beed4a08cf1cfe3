import { parseDuration } from '../config.ts'
import { usageError } from './failure.ts'

/** The value of `--expires`, in seconds. */
export const parseExpires = (text: string): number => parseSeconds('--expires', text)

/** Whole seconds, at least one, of a duration such as 90d. */
export function parseSeconds(flag: string, text: string): number {
  try {
    const seconds = Math.floor(parseDuration(text) / 1000)
    if (seconds > 0) return seconds
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw usageError(`${flag} ${JSON.stringify(text)} is not a duration such as 90d, 12h or 30m`)
}
