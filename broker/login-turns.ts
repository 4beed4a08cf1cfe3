/** A few milliseconds of work. */
const LOGINS_PER_TURN = 16

/**
 * After a power cut a thousand clients say CONNECT in the same moment, and all of it is in one read of the network. Only so
 * many logins are begun in one turn of the event loop; in between, messages of those who are in go out.
 */
export class LoginTurns {
  #waiting: (() => void)[] = []
  #begun = 0

  /** Calls `login` now, or when its turn has come. */
  begin(login: () => void): void {
    if (this.#begun >= LOGINS_PER_TURN) {
      this.#waiting.push(login)
      return
    }
    if (this.#begun === 0) setImmediate(() => this.#next())
    this.#begun += 1
    login()
  }

  #next(): void {
    this.#begun = 0
    // Those that do not come to it now stay in front of whoever comes meanwhile.
    const waiting = this.#waiting
    this.#waiting = waiting.slice(LOGINS_PER_TURN)
    for (const login of waiting.slice(0, LOGINS_PER_TURN)) this.begin(login)
  }
}
