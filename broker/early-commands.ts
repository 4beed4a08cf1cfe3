import { filterMatches } from '../registry/index.ts'
import type { AedesBroker, Client, Deliver, Message, Subscription } from './aedes-internals.d.ts'

/** What is kept for one device, and how long. */
export const EARLY_COMMANDS = { messages: 32, milliseconds: 10_000 } as const

interface Held {
  readonly topic: string
  readonly messages: Message[]
  readonly timer: NodeJS.Timeout
  readonly hold: Deliver
}

/**
 * Commands that arrive between a device's CONNACK and its SUBSCRIBE. Devices log in with a clean session and subscribe
 * afterwards, and a command sent meanwhile must not be lost. Source: docs/contract.md §5.
 */
export class EarlyCommands {
  readonly #broker: Pick<AedesBroker, 'subscribe' | 'unsubscribe'>
  readonly #held = new Map<Client, Held>()

  constructor(broker: Pick<AedesBroker, 'subscribe' | 'unsubscribe'>) {
    this.#broker = broker
  }

  /** Begins to hold what is sent to `topic`, until the device subscribes, leaves, or the time is up. */
  hold(client: Client, topic: string): void {
    const messages: Message[] = []
    const hold: Deliver = ({ payload, qos, retain }, done) => {
      // Retained messages come with the subscription anyway.
      const wanted = !retain && this.#held.has(client) && messages.length < EARLY_COMMANDS.messages
      if (wanted) messages.push({ topic, payload, qos, retain: false })
      done()
    }
    const timer = setTimeout(() => this.drop(client), EARLY_COMMANDS.milliseconds)
    timer.unref()
    this.#held.set(client, { topic, messages, timer, hold })
    this.#broker.subscribe(topic, hold)
  }

  /**
   * A subscription was granted and takes effect in this turn. What was held goes out now, before anything newer.
   *
   * @returns how many messages.
   */
  deliver(client: Client, { topic: filter, qos }: Subscription): number {
    const held = this.#held.get(client)
    if (held === undefined || !filterMatches(filter, held.topic)) return 0
    this.drop(client)
    for (const message of held.messages) {
      client.publish({ ...message, qos: message.qos < qos ? message.qos : qos }, () => {})
    }
    return held.messages.length
  }

  drop(client: Client): void {
    const held = this.#held.get(client)
    if (held === undefined) return
    this.#held.delete(client)
    clearTimeout(held.timer)
    this.#broker.unsubscribe(held.topic, held.hold)
  }
}
