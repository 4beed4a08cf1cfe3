import { InvalidArgumentError } from 'commander'

/** A parser of `--limit` for pages of at most `most`. */
export const parseLimitOf =
  (most: number) =>
  (text: string): number => {
    const limit = Number(text)
    if (/^\d+$/.test(text) && limit >= 1 && limit <= most) return limit
    throw new InvalidArgumentError(`It must be a number from 1 to ${most}.`)
  }
