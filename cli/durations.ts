import { parseDuration } from '../config.ts'
import { usageError } from './failure.ts'

/** The value of `--expires`, in seconds. */
export function parseExpires(text: string): number {
  try {
    const seconds = Math.floor(parseDuration(text) / 1000)
    if (seconds > 0) return seconds
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw usageError(`--expires ${JSON.stringify(text)} is not a duration such as 90d, 12h or 30m`)
}
