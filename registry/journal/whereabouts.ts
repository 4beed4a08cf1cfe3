import { placeOf } from './place.ts'

/** Where a device was last seen, and how it came back. */
export interface Sighting {
  /** Milliseconds since 1970. */
  at: number
  address: string
  transport: string
  /** Whether it logged in, or only registered. */
  loggedIn: boolean
}

/** Logins that throw each other out. */
interface Contest {
  since: number
  /** Connections that took the place of one that was still open. */
  takeovers: number
  /** Of those, how many came from the place that the one before the last had come from. */
  returns: number
  elsewhere: string
  suspectedAt: number
}

export interface Suspicion {
  readonly address: string
  readonly otherAddress: string
  readonly reason: string
}

/** About 10 MB when full. */
const MAX_DEVICES = 50_000
const MAX_CONTESTS = 5_000

const CONTEST_MS = 10 * 60_000

/** A, B, A, B: one device that moves between two networks comes back once, or twice. */
const SUSPICIOUS_RETURNS = 3

/** Behind one address. A device whose connections break without being closed does this too, but not so fast. */
const SUSPICIOUS_TAKEOVERS = 10

/** A device that moved house takes longer. */
const TWO_PLACES_MS = 24 * 3_600_000

/** One that is suspected is told of this often. */
const AGAIN_MS = 3_600_000

/** Where devices are, in memory: the last sighting of each, and who seems to be there twice. */
export class Whereabouts {
  readonly #sightings = new Map<string, Sighting>()
  readonly #contests = new Map<string, Contest>()

  of(deviceId: string): Readonly<Sighting> | undefined {
    return this.#sightings.get(deviceId)
  }

  loggedIn(deviceId: string, seen: Sighting, takesOver: boolean): Suspicion | undefined {
    const before = this.#sightings.get(deviceId)
    this.#remember(deviceId, before, seen)
    return takesOver && before !== undefined ? this.#contest(deviceId, before.address, seen) : undefined
  }

  /** It asked to be registered; when it was there already, perhaps from somewhere else. */
  registered(deviceId: string, seen: Sighting): Suspicion | undefined {
    const before = this.#sightings.get(deviceId)
    if (before === undefined) {
      this.#remember(deviceId, before, seen)
      return undefined
    }
    if (seen.at - before.at > TWO_PLACES_MS || placeOf(before.address) === placeOf(seen.address)) return undefined
    const contest = this.#contestOf(deviceId, seen.at)
    return suspicionOf(contest, before.address, seen, 'one manufacturer ID registers from two places')
  }

  #remember(deviceId: string, before: Sighting | undefined, seen: Sighting): void {
    if (before === undefined) {
      if (this.#sightings.size >= MAX_DEVICES) dropFirst(this.#sightings)
    } else this.#sightings.delete(deviceId)
    this.#sightings.set(deviceId, seen)
  }

  #contest(deviceId: string, otherAddress: string, seen: Sighting): Suspicion | undefined {
    const contest = this.#contestOf(deviceId, seen.at)
    contest.takeovers += 1
    if (placeOf(otherAddress) !== placeOf(seen.address)) {
      if (contest.elsewhere === placeOf(seen.address)) contest.returns += 1
      contest.elsewhere = placeOf(otherAddress)
    }
    if (contest.returns >= SUSPICIOUS_RETURNS) {
      return suspicionOf(contest, otherAddress, seen, 'connections from two places take the place of each other')
    }
    if (contest.takeovers >= SUSPICIOUS_TAKEOVERS) {
      return suspicionOf(contest, otherAddress, seen, 'connections keep taking the place of each other')
    }
    return undefined
  }

  #contestOf(deviceId: string, now: number): Contest {
    const known = this.#contests.get(deviceId)
    if (known !== undefined && Math.abs(now - known.since) <= CONTEST_MS) return known
    const suspectedAt = known?.suspectedAt ?? -Infinity
    const contest = { since: now, takeovers: 0, returns: 0, elsewhere: '', suspectedAt }
    if (known === undefined && this.#contests.size >= MAX_CONTESTS) dropFirst(this.#contests)
    this.#contests.delete(deviceId)
    this.#contests.set(deviceId, contest)
    return contest
  }
}

function suspicionOf(contest: Contest, otherAddress: string, seen: Sighting, reason: string): Suspicion | undefined {
  if (Math.abs(seen.at - contest.suspectedAt) < AGAIN_MS) return undefined
  contest.suspectedAt = seen.at
  return { address: seen.address, otherAddress, reason }
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
