/** What a packet identifier is waiting for. */
export const FREE = 0
export const PUBACK = 1
export const PUBREC = 2
export const PUBCOMP = 3
/** Its message was sent on an earlier connection, and has not been sent again on this one. */
export const EARLIER = 4
/** Its message has not been sent. */
export const CLAIMED = 5

/** The identifiers of what one client is sent: each is free before it is given again [MQTT-2.3.1-4]. */
export class PacketIds {
  readonly #most: number
  /** By identifier; there are few at a time, so they are small. Made with the first one. */
  #states: Uint8Array | undefined
  #last = 0
  /** How many are not free. */
  given = 0

  /** @param most - the greatest that is given. */
  constructor(most: number) {
    this.#most = most
  }

  stateOf(packetId: number): number {
    return this.#states?.[packetId] ?? FREE
  }

  /** Of one that was given. */
  note(packetId: number, state: number): void {
    this.#states![packetId] = state
  }

  /** The next one that is free. There must be one. */
  take(state: number): number {
    const states = (this.#states ??= new Uint8Array(this.#most + 1))
    let packetId = this.#last
    do packetId = packetId >= this.#most ? 1 : packetId + 1
    while (states[packetId] !== FREE)
    states[packetId] = state
    this.#last = packetId
    this.given += 1
    return packetId
  }

  /** One that an earlier connection was given goes on, even if it is greater than those that are given now. */
  occupy(packetId: number, state: number): void {
    const needed = Math.max(packetId, this.#most) + 1
    if (this.#states === undefined || this.#states.length < needed) {
      const states = new Uint8Array(needed)
      if (this.#states !== undefined) states.set(this.#states)
      this.#states = states
    }
    this.#states[packetId] = state
    this.given += 1
  }

  free(packetId: number): void {
    this.#states![packetId] = FREE
    this.given -= 1
  }
}
