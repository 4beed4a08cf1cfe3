import type { Deliver, PublishPacket, Qos } from './aedes-internals.d.ts'
import { encodePublish, type EncodedPublish } from './codec/index.ts'
import type { Session } from './session.ts'
import { hasWildcard, TopicTree } from './topic-tree.ts'

/** One subscription, or one listener of Aedes and of whoever calls `broker.subscribe`. */
interface Entry {
  readonly session: Session | undefined
  readonly qos: Qos
  readonly listener: Deliver | undefined
}

/** Whom a topic reaches: each session once, at the highest QoS of its filters [MQTT-3.3.5-1], and the listeners. */
export class Match {
  readonly sessions: Session[] = []
  /** By the index of the session. */
  readonly qos: Qos[] = []
  readonly listeners: Deliver[] = []
  /** Sessions that outlive their connections and want it at QoS 1 or 2: for them it must be stored. */
  readonly kept: { readonly clientId: string; readonly qos: Qos }[] = []
  /** Somebody has subscribed or unsubscribed since: look again. */
  isStale = false
}

/** A PUBLISH as it lies in a buffer, without RETAIN and DUP. */
export interface Frame {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly packetIdAt: number
}

const MOST_CACHED_TOPICS = 50_000

/** Longer ones are looked up each time: one client could else fill the cache with 200 MB of topics that nobody uses. */
const LONGEST_CACHED_TOPIC = 256

const nothing = (): void => {}

/**
 * Subscriptions → deliveries. Aedes' `mq` plug point and the table of all sessions' subscriptions in one: a topic is
 * matched once until somebody subscribes, a message is encoded once for all who get it, and everything is done when the
 * call returns. There is no queue, so there is nothing that a slow client could hold up.
 */
export class Router {
  readonly #tree = new TopicTree<Entry>()
  readonly #cache = new Map<string, Match>()

  subscribe(session: Session, filter: string, qos: Qos): void {
    const before = session.subscriptions.get(filter)
    if (before?.qos === qos) return
    if (before !== undefined) this.#remove(filter, (entry) => entry.session === session)
    session.subscribed(filter, qos)
    this.#add(filter, { session, qos, listener: undefined })
  }

  /** A session of before, with what it has subscribed to. */
  restore(session: Session): void {
    let entry: Entry | undefined
    session.subscriptions.forEach(({ qos }, filter) => {
      // The same for all of one QoS: what tells them apart is where they stand.
      if (entry?.qos !== qos) entry = { session, qos, listener: undefined }
      this.#add(filter, entry)
    })
  }

  /** @returns whether there was such a subscription. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.has(filter)) return false
    session.unsubscribed(filter)
    this.#remove(filter, (entry) => entry.session === session)
    return true
  }

  /** The session is over. */
  drop(session: Session): void {
    for (const [filter] of session.subscriptions) this.unsubscribe(session, filter)
  }

  match(topic: string): Match {
    const known = this.#cache.get(topic)
    if (known !== undefined) return known
    const match = this.#look(topic)
    if (topic.length > LONGEST_CACHED_TOPIC) {
      match.isStale = true
      return match
    }
    if (this.#cache.size >= MOST_CACHED_TOPICS) this.#forgetAll()
    this.#cache.set(topic, match)
    return match
  }

  /**
   * Hands `packet` to every session that is connected; the others have it in their queue or do not want it.
   *
   * @param frame - the packet as it arrived, when it did: it is copied to those who get the same QoS.
   */
  deliver(match: Match, packet: PublishPacket, frame?: Frame): void {
    const { sessions, qos: wanted } = match
    let encoded: Frame | undefined
    let encodedQos = -1
    let serial = 0
    for (let index = 0; index < sessions.length; index++) {
      const connection = sessions[index]!.connection
      if (connection === undefined) continue
      // [MQTT-3.8.4-6]
      const qos = wanted[index]! < packet.qos ? wanted[index]! : packet.qos
      const allowed = connection.forwarded(packet, qos)
      if (allowed === null) continue
      if (allowed !== packet) {
        connection.deliver(allowed, qos, encodeFor(allowed, qos))
        encodedQos = -1
        continue
      }
      // A delivery may end its connection, whose will is then encoded in the midst of this one.
      if (encodedQos !== qos || encodings() !== serial) {
        encoded = frame !== undefined && qos === packet.qos ? frame : encodeFor(packet, qos)
        encodedQos = qos
        serial = encodings()
      }
      connection.deliver(packet, qos, encoded!)
    }
  }

  // ---- the contract of Aedes' mq

  on(filter: string, listener: Deliver, done?: () => void): this {
    this.#add(filter, { session: undefined, qos: 0, listener })
    if (done !== undefined) setImmediate(done)
    return this
  }

  removeListener(filter: string, listener: Deliver, done?: () => void): this {
    this.#remove(filter, (entry) => entry.listener === listener)
    if (done !== undefined) setImmediate(done)
    return this
  }

  emit(packet: PublishPacket, done?: () => void): this {
    const match = this.match(packet.topic)
    this.deliver(match, packet)
    // One that takes itself off makes a new match; this one stays as it is.
    for (const listener of match.listeners) listener(packet, nothing)
    done?.()
    return this
  }

  close(done: () => void): void {
    setImmediate(done)
  }

  // ---- the table

  #add(filter: string, entry: Entry): void {
    this.#tree.add(filter, entry)
    this.#invalidate(filter)
  }

  #remove(filter: string, fits: (entry: Entry) => boolean): void {
    if (this.#tree.remove(filter, fits) !== undefined) this.#invalidate(filter)
  }

  /** A filter without wildcards concerns one topic, so a device that comes or goes costs the others nothing. */
  #invalidate(filter: string): void {
    if (hasWildcard(filter)) return this.#forgetAll()
    const match = this.#cache.get(filter)
    if (match === undefined) return
    match.isStale = true
    this.#cache.delete(filter)
  }

  #forgetAll(): void {
    if (this.#cache.size === 0) return
    for (const match of this.#cache.values()) match.isStale = true
    this.#cache.clear()
  }

  #look(topic: string): Match {
    const match = new Match()
    const indexes = new Map<Session, number>()
    this.#tree.match(topic, ({ session, qos, listener }) => {
      if (listener !== undefined) match.listeners.push(listener)
      if (session === undefined) return
      const index = indexes.get(session)
      if (index === undefined) {
        indexes.set(session, match.sessions.length)
        match.sessions.push(session)
        match.qos.push(qos)
      } else if (qos > match.qos[index]!) match.qos[index] = qos
    })
    for (const [index, { clean, clientId }] of match.sessions.entries()) {
      const qos = match.qos[index]!
      if (!clean && qos > 0) match.kept.push({ clientId, qos })
    }
    return match
  }
}

/** Reused, as the buffer that `encodePublish` fills is. */
const encodedFrame: { bytes: Buffer; start: number; end: number; packetIdAt: number } = {
  bytes: Buffer.alloc(0),
  start: 0,
  end: 0,
  packetIdAt: 0,
}

/** The same object each time, so it tells of what others have encoded too. */
let latest: EncodedPublish | undefined

const encodings = (): number => latest?.serial ?? 0

/** RETAIN is 0 for those who had subscribed before [MQTT-3.3.1-9], and so is DUP [MQTT-3.3.1-3]. Good until the next call. */
function encodeFor({ topic, payload }: PublishPacket, qos: Qos): Frame {
  latest = encodePublish(topic, payload, qos, false)
  encodedFrame.bytes = latest.bytes
  encodedFrame.end = latest.end
  encodedFrame.packetIdAt = latest.packetIdAt
  return encodedFrame
}
