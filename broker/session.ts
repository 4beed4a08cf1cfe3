import type { PublishPacket, Qos } from './aedes-internals.d.ts'
import type { Frame } from './router.ts'

/** The connection of a session, as far as the router needs it. */
export interface Receiver {
  /** The packet to deliver at `qos`, as the gate lets it through; null when it does not. */
  forwarded(packet: PublishPacket, qos: Qos): PublishPacket | null
  /** @param frame - the packet at this QoS; only good for the time of the call. */
  deliver(packet: PublishPacket, qos: Qos, frame: Frame): void
}

/** Many devices only publish. */
const NONE: ReadonlyMap<string, Qos> = new Map()

/** What one client ID has subscribed to. A session that is not clean outlives its connection [MQTT-3.1.2-4]. */
export class Session {
  readonly clientId: string
  readonly clean: boolean
  #subscriptions: Map<string, Qos> | undefined
  connection: Receiver | undefined

  constructor(clientId: string, clean: boolean) {
    this.clientId = clientId
    this.clean = clean
  }

  /** By topic filter. */
  get subscriptions(): ReadonlyMap<string, Qos> {
    return this.#subscriptions ?? NONE
  }

  /** For the router alone, which keeps its table in step. */
  subscribed(filter: string, qos: Qos): void {
    this.#subscriptions ??= new Map()
    this.#subscriptions.set(filter, qos)
  }

  unsubscribed(filter: string): void {
    this.#subscriptions?.delete(filter)
  }
}
