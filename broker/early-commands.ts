import { filterMatches } from '../registry/index.ts'
import type { AedesBroker, Deliver, Message, Qos } from './aedes-internals.d.ts'
import type { Connection } from './connection.ts'
import type { Deadline, TimerWheel } from './timer-wheel.ts'

/** How much is kept for one device, and how long. */
export const EARLY_COMMANDS = { messages: 32, milliseconds: 10_000 } as const

/** What is kept for one device, on the wheel until its time is up. */
class Held implements Deadline {
  readonly topic: string
  readonly messages: Message[] = []
  readonly #timeIsUp: () => void
  slot = -1

  constructor(topic: string, timeIsUp: () => void) {
    this.topic = topic
    this.#timeIsUp = timeIsUp
  }

  /** A listener of the broker. */
  readonly hold: Deliver = ({ topic, payload, qos, retain }, done) => {
    // Retained messages come with the subscription anyway.
    const wanted = !retain && this.messages.length < EARLY_COMMANDS.messages
    // A copy: the payload may be a part of a buffer that is much larger.
    if (wanted) this.messages.push({ topic, payload: Buffer.from(payload), qos, retain: false })
    done()
  }

  due(): void {
    this.#timeIsUp()
  }
}

/**
 * Commands that arrive between a device's CONNACK and its SUBSCRIBE. Devices log in with a clean session and subscribe
 * afterwards, and a command sent meanwhile must not be lost. Source: docs/contract.md §5.
 */
export class EarlyCommands {
  readonly #broker: Pick<AedesBroker<Connection>, 'subscribe' | 'unsubscribe'>
  readonly #wheel: TimerWheel
  readonly #held = new Map<Connection, Held>()

  constructor(broker: Pick<AedesBroker<Connection>, 'subscribe' | 'unsubscribe'>, wheel: TimerWheel) {
    this.#broker = broker
    this.#wheel = wheel
  }

  /** Begins to hold what is sent to `topic`, until the device subscribes, leaves, or the time is up. */
  hold(client: Connection, topic: string): void {
    const held = new Held(topic, () => this.drop(client))
    this.#held.set(client, held)
    this.#wheel.put(held, EARLY_COMMANDS.milliseconds)
    this.#broker.subscribe(topic, held.hold)
  }

  /**
   * A client has subscribed, in this turn. What was held for it goes out now, before anything newer.
   *
   * @param subscriptions - with what was granted: a QoS, or a number that is none.
   */
  deliver(client: Connection, subscriptions: readonly { readonly topic: string; readonly qos: number }[]): void {
    const held = this.#held.get(client)
    if (held === undefined) return
    const granted = subscriptions.flatMap(({ topic, qos }) =>
      isQos(qos) && filterMatches(topic, held.topic) ? qos : [],
    )
    if (granted.length === 0) return
    this.drop(client)
    const most = granted.reduce((one, other) => (other > one ? other : one))
    for (const message of held.messages) {
      client.publish({ ...message, qos: message.qos < most ? message.qos : most }, () => {})
    }
  }

  /** Whether one more would be kept for it. */
  hasRoomFor(client: Connection | undefined): boolean {
    const held = client === undefined ? undefined : this.#held.get(client)
    return held !== undefined && held.messages.length < EARLY_COMMANDS.messages
  }

  drop(client: Connection): void {
    const held = this.#held.get(client)
    if (held === undefined) return
    this.#held.delete(client)
    this.#wheel.drop(held)
    this.#broker.unsubscribe(held.topic, held.hold)
  }
}

const isQos = (value: number): value is Qos => value === 0 || value === 1 || value === 2
