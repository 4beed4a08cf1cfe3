import { isIPv6 } from 'node:net'
import type { RateLimiterMemory } from 'rate-limiter-flexible'
import { Problem } from './problem.ts'

const WINDOW_SECONDS = 10 * 60
const OF_NAME_AND_ADDRESS = 10
const OF_ADDRESS = 50

/**
 * Slows the guessing of passwords and setup codes: ten in ten minutes for one name from one address, fifty for one
 * address. Nobody elsewhere is kept out by it.
 */
export class Attempts {
  #limiters: Promise<Limiters> | undefined

  /**
   * Runs `attempt`. One that succeeds is no guess; one that fails has been counted before it was begun, so that many at
   * once are not many guesses.
   *
   * @throws {Problem} `ERR_TOO_MANY_ATTEMPTS`.
   */
  async count<T>(name: string, address: string, attempt: () => Promise<T>): Promise<T> {
    const place = networkOf(address)
    const both = JSON.stringify([name.slice(0, 64), place])
    const { ofAddress, ofNameAndAddress } = await (this.#limiters ??= makeLimiters())
    await counted(ofAddress, place)
    await counted(ofNameAndAddress, both)
    const answer = await attempt()
    await ofAddress.reward(place)
    await ofNameAndAddress.delete(both)
    return answer
  }
}

interface Limiters {
  readonly ofAddress: RateLimiterMemory
  readonly ofNameAndAddress: RateLimiterMemory
}

/** Loaded when somebody first logs in: the package brings limiters for ten databases along. */
async function makeLimiters(): Promise<Limiters> {
  const { RateLimiterMemory: Limiter } = await import('rate-limiter-flexible')
  return {
    ofAddress: new Limiter({ points: OF_ADDRESS, duration: WINDOW_SECONDS }),
    ofNameAndAddress: new Limiter({ points: OF_NAME_AND_ADDRESS, duration: WINDOW_SECONDS }),
  }
}

async function counted(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (error) {
    // Not an Error: the library rejects with how long to wait.
    if (error === null || typeof error !== 'object' || !('msBeforeNext' in error)) throw error
    const seconds = Math.max(1, Math.ceil(Number(error.msBeforeNext) / 1000))
    throw new Problem('ERR_TOO_MANY_ATTEMPTS', `Too many attempts. Try again in ${seconds} s.`, {
      'Retry-After': `${seconds}`,
    })
  }
}

/** Who has one IPv6 address has as many as he likes, in one network of 64 bits. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  return [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ?? '').split(':')].slice(0, 4).join(':')
}
