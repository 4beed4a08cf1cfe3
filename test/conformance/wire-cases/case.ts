import type { Bytes } from '../support/bytes.ts'

/** What one client says, and what must come of it. */
export interface WireCase {
  /** `MQTT-x.y.z-n` or `§x.y` of MQTT 3.1.1; `3.1 §x.y` of MQTT 3.1; `policy` where the product decides. */
  readonly clause: string
  readonly name: string
  /** Protocol level of the login that comes before `given`. 4 unless said. */
  readonly version?: 3 | 4
  /**
   * What has happened before `given` is sent:
   *
   * - `logged in` (unless said), by a clean session;
   * - `not connected`: nothing, so that `given` begins with the first packet;
   * - `login pending`: CONNECT was sent and the registry has not answered; it says yes when `given` was sent;
   * - `refused login pending`: the same, and the registry says no.
   */
  readonly start?: 'logged in' | 'not connected' | 'login pending' | 'refused login pending'
  /** Logs in with a service key that may do everything, unless it is to be device 1. */
  readonly as?: 'service' | 'device'
  /** One chunk, or several, each written by itself, with waits between them where a client has to wait. */
  readonly given: Bytes | readonly Step[]
  readonly expect: Expectation
}

export type Step = Buffer | Hearing

/** Goes on once `packet` has come `times` times. */
export interface Hearing {
  readonly packet: Buffer
  readonly times: number
}

export const hearing = (packet: Buffer, times = 1): Hearing => ({ packet, times })

export interface Expectation {
  /** Every packet that comes back, in order; that of a pending login included. */
  readonly answers?: readonly Buffer[]
  /** Whether the broker closes the connection; when not, the client must still be served. */
  readonly closes: boolean
  /** `given` ends in the middle of a packet: nothing comes, and nothing is to be asked. */
  readonly incomplete?: boolean
  /** What a client that subscribes to everything hears of it, as `topic=payload`; nothing unless said. */
  readonly heard?: readonly string[]
}

/** Closed without an answer: what befalls whoever breaks the protocol [MQTT-4.8.0-1]. */
export const CLOSED: Expectation = { closes: true }

export const closedAfter = (...answers: readonly Buffer[]): Expectation => ({ closes: true, answers })

export const served = (...answers: readonly Buffer[]): Expectation => ({ closes: false, answers })

export const heard = (expectation: Expectation, ...messages: readonly string[]): Expectation => ({
  ...expectation,
  heard: messages,
})

export const INCOMPLETE: Expectation = { closes: false, incomplete: true }
