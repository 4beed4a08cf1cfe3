/** Something with a deadline that moves: it is looked at when its slot comes round, and never when it moves. */
export interface Deadline {
  /** Where it stands in the wheel; the wheel's own. */
  slot: number
  /** The tick it is waiting for has come. Whoever wants to wait on puts itself in again. */
  due(wheel: TimerWheel): void
}

const SLOTS = 1024

/** How late a deadline may be noticed. */
export const TICK_MS = 250

/** One timer for the keep-alives and the goodbyes of every connection: a timer each would cost more than the rest of a login. */
export class TimerWheel {
  /** Ticks since the start. */
  now = 0
  readonly #slots: Set<Deadline>[] = Array.from({ length: SLOTS }, () => new Set<Deadline>())
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** At the earliest in `milliseconds`; those further away than the wheel goes round are looked at once a round. */
  put(deadline: Deadline, milliseconds: number): void {
    const ticks = Math.min(Math.max(Math.ceil(milliseconds / TICK_MS) + 1, 1), SLOTS - 1)
    deadline.slot = (this.now + ticks) % SLOTS
    this.#slots[deadline.slot]!.add(deadline)
  }

  drop(deadline: Deadline): void {
    if (deadline.slot >= 0) this.#slots[deadline.slot]!.delete(deadline)
    deadline.slot = -1
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    this.now += 1
    const slot = this.now % SLOTS
    const due = this.#slots[slot]!
    if (due.size === 0) return
    this.#slots[slot] = new Set()
    for (const deadline of due) {
      // One before it in this slot may have dropped it, or put it elsewhere.
      if (deadline.slot !== slot) continue
      deadline.slot = -1
      deadline.due(this)
    }
  }
}
