import type { PublishPacket, Qos, Subscription } from './aedes-internals.d.ts'
import { encodePublish } from './codec/index.ts'
import type { Connection } from './connection.ts'
import type { StoredPacket } from './persistence/index.ts'

const RETAIN = true

/** Messages for a session that outlives its connection that go to the disk together. */
const BATCH = 64

/**
 * Retained messages for new subscriptions of one client [MQTT-3.3.1-6], one SUBSCRIBE after the other, no faster than it
 * takes them.
 */
export class Retained {
  readonly #connection: Connection
  #sending = Promise.resolve()
  #subscribes = 0
  /** Topics that were set anew while the store was being read: what is read there is older. */
  #newer: Set<string> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  send(subscribed: readonly Subscription[]): void {
    this.#subscribes += 1
    this.#newer ??= new Set()
    this.#sending = this.#sending
      .then(() => this.#send(subscribed.map(({ topic }) => topic)))
      .catch((error: unknown) => this.#connection.fail(error))
      .finally(() => {
        this.#subscribes -= 1
        if (this.#subscribes === 0) this.#newer = undefined
      })
  }

  /** The client has been sent a newer one. */
  replaced(topic: string): void {
    this.#newer?.add(topic)
  }

  async #send(filters: readonly string[]): Promise<void> {
    const connection = this.#connection
    const storing: Promise<void>[] = []
    for (const stored of connection.context.persistence.retainedMessages(filters)) {
      // One that only gets QoS 0 has no outbox until it has to wait.
      await (connection.output.isBlocked ? connection.sending() : connection.outbox)?.ready()
      if (connection.closed) return
      const packet = retainedOf(stored)
      const granted = this.#grantedFor(packet.topic)
      if (granted === undefined || this.#newer?.has(packet.topic) === true) continue
      const allowed = connection.mayReceive(packet)
      if (allowed === null) continue
      const qos = granted < allowed.qos ? granted : allowed.qos
      if (qos === 0 || connection.clean) this.#write(allowed, qos)
      else if (storing.push(this.#writeKept(allowed, qos)) === BATCH) await Promise.all(storing.splice(0))
    }
    await Promise.all(storing)
  }

  /** The highest QoS at which this session gets the topic; undefined when it has unsubscribed. */
  #grantedFor(topic: string): Qos | undefined {
    const { context, session } = this.#connection
    const match = context.router.match(topic)
    return session === undefined ? undefined : match.qos[match.sessions.indexOf(session)]
  }

  #write(packet: PublishPacket, qos: Qos): void {
    const { bytes, end, packetIdAt } = encodePublish(packet.topic, packet.payload, qos, RETAIN)
    this.#connection.deliver({ ...packet, retain: false }, qos, { bytes, start: 0, end, packetIdAt })
  }

  /** Part of the session from here on, like every message that was sent to it and not acknowledged. */
  async #writeKept(packet: PublishPacket, qos: Qos): Promise<void> {
    const { broker, context, id } = this.#connection
    const counted = { ...packet, qos, brokerId: broker.id, brokerCounter: (broker.counter += 1) }
    await context.persistence.outgoingEnqueue({ clientId: id ?? '' }, counted)
    if (!this.#connection.closed) this.#write(counted, qos)
  }
}

const retainedOf = ({ topic, payload, qos }: StoredPacket): PublishPacket => ({
  cmd: 'publish',
  topic,
  payload: Buffer.from(payload),
  qos,
  retain: true, // [MQTT-3.3.1-8]
  dup: false,
  brokerId: null,
  brokerCounter: 0,
})
