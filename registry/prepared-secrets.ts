import { performance } from 'node:perf_hooks'
import type { Secret } from './secret.ts'
import { SecretStack } from './secret-stack.ts'

/** An access secret and what is kept of it. */
export interface HashedSecret {
  readonly secret: Secret
  /** PHC string. */
  readonly hash: string
}

/** What is looked at before a secret is made that nobody has asked for yet. */
export interface Surroundings {
  /** How long nobody has waited for a hash, in milliseconds; 0 while somebody does. */
  quietMs(): number
  /** The share of the time since it was last asked in which the event loop was at work, from 0 to 1. */
  load(): number
  now(): number
  /** @returns a function that takes it back. */
  after(ms: number, then: () => void): () => void
}

/** A burst of registrations, or a fleet that returns, pauses for breath; a second without any is none. */
const CALM_AFTER_MS = 1_000

/** A start is over, and those who were waiting for it have come. */
const FIRST_AFTER_MS = 5_000

/** While nothing happens: one behind the other, some hundreds a second. */
const EVERY_MS_AT_REST = 1

/** While little happens: a twentieth of a core. */
const EVERY_MS = 12

/**
 * The last are made slowly in any case. V8 gives the memory of its garbage back while a little of it is made, and neither
 * when there is much nor when there is none: without them an idle process would keep 35 MB that it does not need.
 */
const LAST = 2048

/** The making itself is a tenth or so. */
const LOAD_AT_REST = 0.25

/** Whoever is busier than this has better things to do. */
const MOST_LOAD = 0.5

/**
 * Secrets that were made and hashed while nothing else was to be done. Random secrets need not wait for the device that
 * gets them, so a burst of registrations does not wait for hashes either. In memory alone, never more than `most`, each
 * given away once; when there is none the caller makes one. docs/adr/0009 says why that is safe.
 */
export class PreparedSecrets {
  readonly #most: number
  readonly #make: () => Promise<HashedSecret> | undefined
  readonly #surroundings: Surroundings
  readonly #ready = new SecretStack()
  #takenAt = -Infinity
  #load = 1
  #lookedAt = -Infinity
  /** Whether the next is being made, or when to look is settled. */
  #isUnderWay = false
  #isClosed = false
  #takeBack: () => void = () => {}

  /**
   * @param make - hashes a new secret, or does nothing when somebody else hashes.
   */
  constructor(most: number, make: () => Promise<HashedSecret> | undefined, surroundings: Surroundings) {
    this.#most = most
    this.#make = make
    this.#surroundings = surroundings
    this.#goOnAfter(FIRST_AFTER_MS)
  }

  get size(): number {
    return this.#ready.size
  }

  /** One that nobody else has or will have. */
  take(): HashedSecret | undefined {
    this.#takenAt = this.#surroundings.now()
    const secret = this.#ready.pop()
    this.#goOnAfter(CALM_AFTER_MS)
    return secret
  }

  /** Forgets them, and makes no more. */
  close(): void {
    this.#isClosed = true
    this.#takeBack()
    this.#ready.clear()
  }

  #goOnAfter(ms: number): void {
    if (this.#isUnderWay || this.#isClosed || this.#ready.size >= this.#most) return
    this.#isUnderWay = true
    this.#takeBack = this.#surroundings.after(ms, () => void this.#goOn())
  }

  async #goOn(): Promise<void> {
    // Whoever needs a secret while none can be made hears of the reason.
    const secret = this.#isCalm() ? await this.#make()?.catch(() => undefined) : undefined
    if (secret !== undefined && !this.#isClosed) this.#ready.push(secret)
    this.#isUnderWay = false
    this.#goOnAfter(secret === undefined ? CALM_AFTER_MS : this.#paceMs())
  }

  #paceMs(): number {
    const areMany = this.#most - this.#ready.size > LAST
    return areMany && this.#load <= LOAD_AT_REST ? EVERY_MS_AT_REST : EVERY_MS
  }

  #isCalm(): boolean {
    const surroundings = this.#surroundings
    const now = surroundings.now()
    // It tells of the time since the last question, and a single message fills a millisecond.
    if (now - this.#lookedAt >= EVERY_MS) {
      this.#load = surroundings.load()
      this.#lookedAt = now
    }
    if (this.#load > MOST_LOAD) return false
    return surroundings.quietMs() >= CALM_AFTER_MS && now - this.#takenAt >= CALM_AFTER_MS
  }
}

/** This process. Nothing keeps it alive for a secret that nobody wants yet. */
export function surroundingsOf(gate: { readonly quietMs: number }): Surroundings {
  let last = performance.eventLoopUtilization()
  return {
    quietMs: () => gate.quietMs,
    load: () => {
      const before = last
      last = performance.eventLoopUtilization()
      return performance.eventLoopUtilization(last, before).utilization
    },
    now: () => performance.now(),
    after: (ms, then) => {
      const timer = setTimeout(then, ms).unref()
      return () => clearTimeout(timer)
    },
  }
}
