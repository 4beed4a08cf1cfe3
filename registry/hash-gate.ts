import { availableParallelism } from 'node:os'
import { RegistryError } from './errors.ts'

/** Left to LevelDB and to file access: a put must never stand behind a queue of hashes. */
const THREADS_FOR_THE_STORE = 2

/** libuv's own default. Source: libuv threadpool documentation. */
export const DEFAULT_POOL_THREADS = 4

/**
 * With one hash for each core a core has nothing to do from the end of a hash until the event loop has come to the next:
 * two cores then were at work two thirds of the time. With two it has, and the loop comes first all the same
 * (`hash-threads.ts`). A single core is never idle: the loop itself is on it.
 */
const HASHES_FOR_EACH_CORE = 2

/** How many hashes may run at once on a pool of `threads`: enough for all cores, and never all of the pool. */
export const hashesAtOnce = (threads: number, cores: number = availableParallelism()): number =>
  Math.max(1, Math.min(cores === 1 ? 1 : cores * HASHES_FOR_EACH_CORE, threads - THREADS_FOR_THE_STORE))

/** Lets a bounded number of hashes run, the others wait their turn, and beyond a bound they are turned away. */
export class HashGate {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #now: () => number
  readonly #waiting: (() => void)[] = []
  #running = 0
  /** When a hash that somebody waited for last ended. */
  #usedAt: number
  /** Moving average of how long one hash takes, in milliseconds. */
  #hashMs = 1

  constructor(atOnce: number, maxWaiting: number, now: () => number = () => performance.now()) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
    this.#now = now
    this.#usedAt = now()
  }

  /** How long a hash that is asked for now would wait for its turn, in milliseconds. */
  get backlogMs(): number {
    const ahead = this.#waiting.length + Math.max(0, this.#running - this.#atOnce + 1)
    return (ahead * this.#hashMs) / this.#atOnce
  }

  /** How long nobody has had to wait for a hash, in milliseconds; 0 while one runs. */
  get quietMs(): number {
    return this.#running === 0 ? this.#now() - this.#usedAt : 0
  }

  /** @throws {RegistryError} `ERR_BUSY` when too many wait already. */
  async run<T>(hash: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn()
    else this.#running++
    const startedAt = this.#now()
    try {
      return await hash()
    } finally {
      this.#usedAt = this.#now()
      this.#hashMs += (this.#usedAt - startedAt - this.#hashMs) / 16
      this.#leave()
    }
  }

  /**
   * Runs a hash that nobody waits for, when no other runs. On more than one core it takes no place that anybody could want;
   * on one it holds up a single hash.
   *
   * @returns undefined when it was not run.
   */
  runAside<T>(hash: () => Promise<T>): Promise<T> | undefined {
    if (this.#running > 0) return undefined
    this.#running++
    return hash().finally(() => this.#leave())
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new RegistryError('ERR_BUSY', 'Too many logins and registrations are waiting. Try again in a few seconds.')
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  /** Hands the place to the next in the queue, so that `#running` stays as it is. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
