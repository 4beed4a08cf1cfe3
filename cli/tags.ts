import { usageError } from './failure.ts'

/** The value of `--tag`. */
export function parseTag(pair: string): { key: string; value: string } {
  const at = pair.indexOf('=')
  if (at > 0) return { key: pair.slice(0, at), value: pair.slice(at + 1) }
  throw usageError(`--tag ${JSON.stringify(pair)} is not of the form key=value`)
}
