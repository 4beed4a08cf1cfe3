import { networkOf } from './admission-address.ts'
import { Lines } from './admission-lines.ts'
import { Refusals, type RefusalReason } from './admission-refusals.ts'
import type { Log } from '../registry/index.ts'
import type { Ticket } from './peer.ts'

export { networkOf, plainAddress } from './admission-address.ts'
export type { RefusalReason } from './admission-refusals.ts'

export interface AdmissionLimits {
  /** Connections let in at once, logged in or not. */
  readonly connections: number
  /** Of those, how many may not have logged in yet. */
  readonly notLoggedIn: number
  /** Connections of one address (IPv6: one /64), waiting ones included. */
  readonly perAddress: number
  /** From accept to CONNACK, handshakes of TLS and WebSocket included; the wait for admission is not. */
  readonly connectDeadlineMs: number
  /** Accepted sockets that wait unread. */
  readonly waitingRoom: number
  /**
   * How long a socket may wait to be let in. A minute is the keep-alive most clients use, so one that has heard nothing
   * for longer has given up by itself; as nothing is read from it, its leaving cannot be seen. @defaultValue 60_000
   */
  readonly waitMs?: number
}

/** What admission needs of a connection: to end it, and to hear that it has ended. Any stream over a socket will do. */
export interface Admitted {
  readonly destroyed: boolean
  destroy(): unknown
  on(event: 'close', listener: () => void): unknown
}

export interface AdmissionCounters {
  /** Let in and not closed. */
  readonly connections: number
  readonly notLoggedIn: number
  readonly waiting: number
  /** Distinct addresses (IPv6: /64) among all of these. */
  readonly addresses: number
  /** Since the start. */
  readonly refused: Readonly<Record<RefusalReason, number>>
}

export interface Admission {
  /**
   * Takes charge of an accepted connection of which nothing has been read yet (or, of WebSocket, no more than the
   * upgrade). Calls `open` once when it is let in: at once, later, or never, when it is destroyed instead.
   *
   * @param acceptedAt - `performance.now()` at accept, when that was earlier than this call.
   */
  admit(connection: Admitted, address: string, open: (ticket: Ticket) => void, acceptedAt?: number): void
  counters(): AdmissionCounters
  /** Ends what still waits, and refuses everything from now on. Connections that were let in belong to their doors. */
  close(): void
}

export interface AdmissionOptions {
  readonly limits: AdmissionLimits
  /** Whether logins are behind already. Asked before each connection is let in, so it must be cheap. */
  readonly busy: () => boolean
  readonly log: Log
  /** Milliseconds that never go back. @defaultValue `performance.now` */
  readonly now?: () => number
}

/** One for all the doors of a process: the caps are on their sum. */
export function createAdmission(options: AdmissionOptions): Admission {
  return new Doorkeeper(options)
}

const DEFAULT_WAIT_MS = 60_000

/** How often the waiting are looked after when nothing else happens, and the silent are looked for. */
const TICK_MS = 50

/** A client that has not sent a whole CONNECT in this time may have to make room; in less when many wait for it. */
const SILENCE_MS = 1_000
/** However many wait: a CONNECT that comes over a slow network has this long. */
const LEAST_SILENCE_MS = 250

/** Let in per turn of the event loop: between batches those already in are read, and `busy` sees the work they brought. */
const BATCH = 64

/**
 * Node cannot leave a connection in the kernel's queue: it accepts whatever arrives, and to stop listening would reset
 * what the kernel holds. So a socket that cannot be served yet is accepted and not read. Its client sees an open
 * connection that does not answer, which is what a paused listener looks like, and nothing of it costs more than the socket.
 */
class Doorkeeper implements Admission {
  readonly #limits: Required<AdmissionLimits>
  readonly #busy: () => boolean
  readonly #now: () => number
  readonly #refusals: Refusals
  readonly #perNetwork = new Map<string, number>()
  readonly #waiting = new Lines<Visit>()
  /** Let in, and no whole CONNECT read from them. */
  readonly #silent = new Lines<Visit>()
  #connections = 0
  #notLoggedIn = 0
  /** Destroyed to make room and not closed yet. */
  #leaving = 0
  #openedThisTurn = 0
  #tick: NodeJS.Timeout | undefined
  #lastTick = 0
  /**
   * Time as a client can be held to it: it moves by at most one tick in each turn of the event loop. When the loop is
   * late, a client may have spoken long ago without having been heard.
   */
  #patience = 0
  #closed = false

  constructor({ limits, busy, log, now = () => performance.now() }: AdmissionOptions) {
    this.#limits = { waitMs: DEFAULT_WAIT_MS, ...limits }
    for (const [name, value] of Object.entries(this.#limits)) {
      const least = name === 'waitingRoom' ? 0 : 1
      if (!Number.isSafeInteger(value) || value < least) {
        throw new TypeError(`limits.${name} must be a whole number from ${least}, got ${value}`)
      }
    }
    this.#busy = busy
    this.#now = now
    this.#refusals = new Refusals(log)
  }

  admit(connection: Admitted, address: string, open: (ticket: Ticket) => void, acceptedAt = this.#now()): void {
    if (connection.destroyed) return
    if (this.#closed) {
      connection.destroy()
      return
    }
    const visit = new Visit(this, connection, address, open)
    const held = this.#perNetwork.get(visit.network) ?? 0
    if (held >= this.#limits.perAddress) return this.#turnAway(visit, 'per-address')
    if (this.#connections >= this.#limits.connections && !this.#makeRoom()) return this.#turnAway(visit, 'connections')
    visit.remainingMs = this.#limits.connectDeadlineMs - (this.#now() - acceptedAt)
    if (visit.remainingMs <= 0) return this.#turnAway(visit, 'deadline')

    this.#perNetwork.set(visit.network, held + 1)
    connection.on('close', () => this.#left(visit))
    if (this.#waiting.size === 0 && this.#openedThisTurn < BATCH && !this.#isFull() && !this.#busy()) this.#open(visit)
    else {
      this.#waiting.add(visit)
      this.#letIn()
      if (visit.stage === 'waiting') this.#keepWaiting(visit)
    }
    this.#startTick()
  }

  counters(): AdmissionCounters {
    return {
      connections: this.#connections,
      notLoggedIn: this.#notLoggedIn,
      waiting: this.#waiting.size,
      addresses: this.#perNetwork.size,
      refused: this.#refusals.totals,
    }
  }

  close(): void {
    this.#closed = true
    this.#stopTick()
    for (const visit of this.#waiting) visit.connection.destroy()
    this.#refusals.close()
  }

  /** A whole CONNECT was read: from here on it is the server that is owed patience. */
  connectRead(visit: Visit): void {
    if (visit.stage !== 'silent') return
    visit.stage = 'answering'
    this.#silent.delete(visit)
  }

  loggedIn(visit: Visit): void {
    if (visit.stage !== 'silent' && visit.stage !== 'answering') return
    visit.stage = 'logged-in'
    this.#silent.delete(visit)
    clearTimeout(visit.timer)
    visit.timer = undefined
    this.#notLoggedIn -= 1
    this.#letIn()
  }

  /** Lets in as many of the waiting as may be now, each address in its turn. */
  #letIn(): void {
    while (this.#waiting.size > 0 && !this.#closed && !this.#busy()) {
      if (this.#openedThisTurn >= BATCH) return
      if (this.#isFull()) {
        while (this.#leaving < this.#waiting.size && this.#makeRoom());
        return
      }
      const visit = this.#waiting.takeInTurn()
      if (visit !== undefined) this.#open(visit)
    }
  }

  #isFull(): boolean {
    return this.#connections >= this.#limits.connections || this.#notLoggedIn >= this.#limits.notLoggedIn
  }

  #open(visit: Visit): void {
    if (this.#openedThisTurn === 0) {
      setImmediate(() => {
        this.#openedThisTurn = 0
        this.#letIn()
      })
    }
    this.#openedThisTurn += 1
    this.#connections += 1
    this.#notLoggedIn += 1
    visit.stage = 'silent'
    visit.openedAt = this.#patience
    this.#silent.add(visit)
    clearTimeout(visit.timer)
    // Absolute: no byte a client sends moves it.
    visit.timer = setTimeout(() => this.#end(visit, 'deadline'), visit.remainingMs)
    const { open } = visit
    visit.open = undefined
    open?.(visit)
  }

  #keepWaiting(visit: Visit): void {
    visit.timer = setTimeout(() => this.#end(visit, 'waited'), this.#limits.waitMs)
    if (this.#waiting.size <= this.#limits.waitingRoom) return
    // Whoever crowds the room pays for it, and the newest of them: those in front have waited for their turn.
    const last = this.#waiting.lastOfLongest()
    if (last !== undefined) this.#end(last, 'waiting-room')
  }

  /**
   * Ends one connection of the address that holds most of the silent ones, if its oldest has been silent for too long:
   * a thousand sockets that say nothing (slowloris) cost a good device about a second.
   *
   * @returns whether one was ended; its place is free when it has closed.
   */
  #makeRoom(): boolean {
    const oldest = this.#silent.firstOfLongest()
    if (oldest === undefined || this.#patience - oldest.openedAt < this.#silenceMs()) return false
    this.#leaving += 1
    oldest.makesRoom = true
    this.#end(oldest, 'silent')
    return true
  }

  /** The more generations of the silent a new client stands behind, the shorter each of them is. */
  #silenceMs(): number {
    const generations = Math.ceil(this.#waiting.size / this.#limits.notLoggedIn)
    return Math.max(LEAST_SILENCE_MS, SILENCE_MS / Math.max(1, generations))
  }

  #end(visit: Visit, reason: RefusalReason): void {
    clearTimeout(visit.timer)
    this.#waiting.delete(visit)
    this.#silent.delete(visit)
    this.#turnAway(visit, reason)
  }

  #turnAway(visit: Visit, reason: RefusalReason): void {
    this.#refusals.count(reason, visit.address)
    visit.connection.destroy()
  }

  /** The stream has closed, whoever closed it: only now is its place free. */
  #left(visit: Visit): void {
    clearTimeout(visit.timer)
    this.#waiting.delete(visit)
    this.#silent.delete(visit)
    if (visit.makesRoom) this.#leaving -= 1
    if (visit.stage !== 'waiting') this.#connections -= 1
    if (visit.stage === 'silent' || visit.stage === 'answering') this.#notLoggedIn -= 1
    visit.stage = 'gone'
    const held = (this.#perNetwork.get(visit.network) ?? 0) - 1
    if (held > 0) this.#perNetwork.set(visit.network, held)
    else this.#perNetwork.delete(visit.network)
    this.#letIn()
  }

  #startTick(): void {
    if (this.#tick !== undefined) return
    this.#lastTick = this.#now()
    this.#tick = setInterval(() => this.#onTick(), TICK_MS).unref()
  }

  #onTick(): void {
    const now = this.#now()
    this.#patience += Math.min(now - this.#lastTick, TICK_MS)
    this.#lastTick = now
    this.#letIn()
    if (this.#waiting.size === 0 && this.#silent.size === 0) this.#stopTick()
  }

  #stopTick(): void {
    clearInterval(this.#tick)
    this.#tick = undefined
  }
}

/** A connection from accept to close, as admission sees it. */
class Visit implements Ticket {
  readonly connection: Admitted
  readonly address: string
  readonly network: string
  /** Gone once it was called: it holds all that the door knew. */
  open: ((ticket: Ticket) => void) | undefined
  readonly #doorkeeper: Doorkeeper
  stage: 'waiting' | 'silent' | 'answering' | 'logged-in' | 'gone' = 'waiting'
  /** Of the deadline, once it is let in. */
  remainingMs = 0
  /** On the clock of patience. */
  openedAt = 0
  makesRoom = false
  /** The end of its wait, then its deadline. */
  timer: NodeJS.Timeout | undefined

  constructor(doorkeeper: Doorkeeper, connection: Admitted, address: string, open: (ticket: Ticket) => void) {
    this.#doorkeeper = doorkeeper
    this.connection = connection
    this.address = address
    this.network = networkOf(address)
    this.open = open
  }

  connectRead(): void {
    this.#doorkeeper.connectRead(this)
  }

  loggedIn(): void {
    this.#doorkeeper.loggedIn(this)
  }
}
