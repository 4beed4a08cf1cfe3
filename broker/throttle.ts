import { LimitExceeded } from './codec/index.ts'

export interface ThrottleRules {
  /** Messages are counted for so long, from the first one on. */
  readonly windowMs: number
  /** To one topic, in one window. */
  readonly messagesPerTopic: number
  /** Of one client, in one window. */
  readonly messagesPerClient: number
  /** How long a client that sent more is kept out, doubling with each time up to the longest. */
  readonly firstBanMs: number
  readonly longestBanMs: number
}

/** As the platform does that Mooring replaces. Source: docs/configuration.md, `mqtt.throttle`. */
export const PLATFORM_THROTTLE: ThrottleRules = {
  windowMs: 15_000,
  messagesPerTopic: 30,
  messagesPerClient: 300,
  firstBanMs: 30_000,
  longestBanMs: 3_600_000,
}

interface Record {
  windowEndsAt: number
  messages: number
  readonly perTopic: Map<string, number>
  /** How often it was kept out, and until when. */
  bans: number
  bannedUntil: number
}

const SWEEP_EVERY_MS = 60_000

/** Counts what clients publish, by client ID, so that to connect again is no way around it. */
export class Throttle {
  readonly #rules: ThrottleRules
  readonly #now: () => number
  readonly #records = new Map<string, Record>()
  #sweptAt: number

  /** @param now - milliseconds that never go back. */
  constructor(rules: ThrottleRules, now: () => number = () => performance.now()) {
    this.#rules = rules
    this.#now = now
    this.#sweptAt = now()
  }

  /** @throws {LimitExceeded} when it is one too many; the client is then kept out. */
  count(clientId: string, topic: string): void {
    const { windowMs, messagesPerTopic, messagesPerClient } = this.#rules
    const now = this.#now()
    const record = this.#recordOf(clientId, now)
    if (now >= record.windowEndsAt) {
      record.windowEndsAt = now + windowMs
      record.messages = 0
      record.perTopic.clear()
    }
    const toTopic = (record.perTopic.get(topic) ?? 0) + 1
    record.perTopic.set(topic, toTopic)
    record.messages += 1
    if (toTopic > messagesPerTopic) this.#ban(record, now, `more than ${messagesPerTopic} messages to one topic`)
    if (record.messages > messagesPerClient) this.#ban(record, now, `more than ${messagesPerClient} messages`)
  }

  /** How long this client is still kept out; 0 when it is not. */
  bannedMs(clientId: string): number {
    const { bannedUntil = 0 } = this.#records.get(clientId) ?? {}
    return Math.max(0, bannedUntil - this.#now())
  }

  #recordOf(clientId: string, now: number): Record {
    this.#sweep(now)
    const known = this.#records.get(clientId)
    if (known !== undefined) return known
    const record = { windowEndsAt: 0, messages: 0, perTopic: new Map<string, number>(), bans: 0, bannedUntil: 0 }
    this.#records.set(clientId, record)
    return record
  }

  #ban(record: Record, now: number, what: string): never {
    const { windowMs, firstBanMs, longestBanMs } = this.#rules
    // One that has behaved for as long as the longest ban starts afresh.
    if (now > record.bannedUntil + longestBanMs) record.bans = 0
    const banMs = Math.min(firstBanMs * 2 ** record.bans, longestBanMs)
    record.bans += 1
    record.bannedUntil = now + banMs
    record.windowEndsAt = 0
    throw new LimitExceeded(`${what} in ${windowMs / 1000} s; it is kept out for ${banMs / 1000} s`)
  }

  /** Those who are silent, and whose bans count no more. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return
    this.#sweptAt = now
    const { longestBanMs } = this.#rules
    for (const [clientId, { windowEndsAt, bans, bannedUntil }] of this.#records) {
      const idleSince = Math.max(windowEndsAt, bannedUntil + (bans > 0 ? longestBanMs : 0))
      if (now > idleSince) this.#records.delete(clientId)
    }
  }
}
