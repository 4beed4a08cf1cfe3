import { setTimeout as delay } from 'node:timers/promises'
import { RegistryError } from './errors.ts'

/** Guesses of one key: ten at once, then ten a second, so never more than twenty within any second. */
const BURST = 10
const INTERVAL_MS = 100

/** After a wrong guess the same address waits this long for its next one at the same key, doubling up to the limit. */
const FIRST_PENALTY_MS = 100
const LONGEST_PENALTY_MS = 1_000

/** Longer than this nobody is kept waiting: the client is told to come again. */
const LONGEST_WAIT_MS = 3_000

/** A key or an address that was left alone for this long starts afresh. */
const FORGET_AFTER_MS = 10_000

const MAX_ADDRESSES_PER_KEY = 100
const MAX_UNKNOWN_KEYS = 10_000

interface Lane {
  failures: number
  /** When the next guess from this address may be verified. */
  nextAt: number
}

interface Attacked {
  /** The theoretical arrival time of the generic cell rate algorithm. Source: ITU-T I.371 annex A. */
  arrival: number
  lastAt: number
  readonly lanes: Map<string, Lane>
}

export interface Clock {
  now(): number
  wait(ms: number): Promise<unknown>
}

const systemClock: Clock = { now: () => performance.now(), wait: (ms) => delay(ms) }

/**
 * Paces the guesses at one access key; nobody is ever locked out. Guesses wait for their turn rather than fail, so the
 * owner of a key who logs in while it is attacked comes through, and within seconds of the attack's end at once.
 *
 * Keys that exist are kept apart from those that do not: guessing at random keys cannot make it forget a real one.
 */
export class LoginThrottle {
  readonly #clock: Clock
  readonly #known = new Map<string, Attacked>()
  readonly #unknown = new Map<string, Attacked>()
  #sweptAt = 0

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * Waits until one more secret may be tried for `accessKey` from `address`.
   *
   * @throws {RegistryError} `ERR_BUSY` when the wait would be too long; nothing is then counted.
   */
  async turn(accessKey: string, known: boolean, address: string): Promise<void> {
    const now = this.#clock.now()
    this.#sweep(now)
    const attacked = this.#attacked(accessKey, known, now)
    const lane = attacked.lanes.get(address)

    const at = Math.max(now, lane?.nextAt ?? now, attacked.arrival - (BURST - 1) * INTERVAL_MS)
    if (at - now > LONGEST_WAIT_MS) throw new RegistryError('ERR_BUSY', 'Too many logins with this access key.')
    attacked.arrival = Math.max(attacked.arrival, at) + INTERVAL_MS
    attacked.lastAt = at
    if (lane !== undefined) lane.nextAt = at + penaltyMs(lane.failures)
    if (at > now) await this.#clock.wait(at - now)
  }

  failed(accessKey: string, known: boolean, address: string): void {
    const now = this.#clock.now()
    const { lanes } = this.#attacked(accessKey, known, now)
    const lane = lanes.get(address) ?? { failures: 0, nextAt: now }
    lane.failures++
    lane.nextAt = Math.max(lane.nextAt, now + penaltyMs(lane.failures))
    lanes.delete(address)
    lanes.set(address, lane)
    dropOldest(lanes, MAX_ADDRESSES_PER_KEY)
  }

  /** A right secret is no guess: its turn is given back. */
  succeeded(accessKey: string, address: string): void {
    const attacked = this.#known.get(accessKey)
    if (attacked === undefined) return
    attacked.arrival -= INTERVAL_MS
    attacked.lanes.delete(address)
  }

  /** How long the next guess at `accessKey` would wait, from where most were made; 0 when nobody guesses. */
  waitMs(accessKey: string): number {
    const attacked = this.#known.get(accessKey) ?? this.#unknown.get(accessKey)
    if (attacked === undefined) return 0
    const lanes = Array.from(attacked.lanes.values(), ({ nextAt }) => nextAt)
    return Math.max(0, Math.max(attacked.arrival - (BURST - 1) * INTERVAL_MS, ...lanes) - this.#clock.now())
  }

  #attacked(accessKey: string, known: boolean, now: number): Attacked {
    const keys = known ? this.#known : this.#unknown
    const found = keys.get(accessKey)
    if (found !== undefined) return found
    const attacked: Attacked = { arrival: now, lastAt: now, lanes: new Map() }
    keys.set(accessKey, attacked)
    if (!known) dropOldest(keys, MAX_UNKNOWN_KEYS)
    return attacked
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < FORGET_AFTER_MS) return
    this.#sweptAt = now
    for (const keys of [this.#known, this.#unknown]) {
      for (const [accessKey, { lastAt }] of keys) if (now - lastAt > FORGET_AFTER_MS) keys.delete(accessKey)
    }
  }
}

const penaltyMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(LONGEST_PENALTY_MS, FIRST_PENALTY_MS * 2 ** (failures - 1))

function dropOldest(map: Map<string, unknown>, capacity: number): void {
  for (const key of map.keys()) {
    if (map.size <= capacity) return
    map.delete(key)
  }
}
