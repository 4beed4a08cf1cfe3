import type { PublishPacket, Qos } from './aedes-internals.d.ts'
import type { Frame } from './router.ts'
import { termsOf } from './persistence/stored-session.ts'
import { SmallMap, type ReadonlySmallMap } from './small-map.ts'

/** The connection of a session, as far as the router needs it. */
export interface Receiver {
  /** The packet to deliver at `qos`, as the gate lets it through; null when it does not. */
  forwarded(packet: PublishPacket, qos: Qos): PublishPacket | null
  /** @param frame - the packet at this QoS; only good for the time of the call. */
  deliver(packet: PublishPacket, qos: Qos, frame: Frame): void
}

export interface Granted {
  readonly qos: Qos
}

/** What one client ID has subscribed to. A session that is not clean outlives its connection [MQTT-3.1.2-4]. */
export class Session {
  readonly clientId: string
  readonly clean: boolean
  readonly #subscriptions: SmallMap<Granted>
  connection: Receiver | undefined

  /** @param subscriptions - what it had when it was kept. */
  constructor(clientId: string, clean: boolean, subscriptions = new SmallMap<Granted>()) {
    this.clientId = clientId
    this.clean = clean
    this.#subscriptions = subscriptions
  }

  /** By topic filter. */
  get subscriptions(): ReadonlySmallMap<Granted> {
    return this.#subscriptions
  }

  /** For the router alone, which keeps its table in step. */
  subscribed(filter: string, qos: Qos): void {
    this.#subscriptions.set(filter, termsOf({ qos }))
  }

  unsubscribed(filter: string): void {
    this.#subscriptions.delete(filter)
  }
}
