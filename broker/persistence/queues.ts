import type { Log } from '../../registry/index.ts'
import type { StoreLevel } from '../../storage/index.ts'
import type { Qos } from '../aedes-internals.d.ts'
import type { Journal } from './journal.ts'
import { readRoom, readSequence, rooms } from './layout.ts'
import type { PersistenceOptions } from './limits.ts'
import { prepare, sizeWith, targetsAt, type GivenPacket, type Target } from './message-codec.ts'
import type { Message, MessageLog, Segment } from './message-log.ts'
import { NO_ID, Stage } from './progress.ts'
import type { Sessions } from './sessions.ts'
import type { Entry, StoredSession } from './stored-session.ts'

/** A session that a message is for. */
export interface EnqueueTarget {
  readonly clientId: string
  /** At which the session is subscribed; the message's own when it is missing. */
  readonly qos?: Qos
}

export interface QueuesParts {
  readonly journal: Journal
  readonly messages: MessageLog
  readonly sessions: Sessions
  readonly options: Required<
    Pick<PersistenceOptions, 'maxQueueMessages' | 'maxQueueBytes' | 'maxQueuedBytes' | 'messageExpiryMs'>
  >
  readonly now: () => number
  readonly log: Pick<Log, 'warn' | 'error'>
}

/** What waits for each session: who gets a message, who has no room for it, and what leaves again. */
export class Queues {
  readonly #parts: QueuesParts
  /** Messages that a session had no room for. */
  refused = 0
  /** Messages whose time had passed before they were sent. */
  expired = 0

  constructor(parts: QueuesParts) {
    this.#parts = parts
  }

  /**
   * Adds the message to the commit that is being put together, once, for all of `targets` that have a session and room.
   *
   * @returns whether there is something to commit.
   */
  add(targets: readonly EnqueueTarget[], packet: GivenPacket, retain: boolean): boolean {
    if (targets.length === 0) return false
    const { sessions, messages, options, now } = this.#parts
    const expiry = packet.messageExpiry ?? (options.messageExpiryMs === 0 ? 0 : now() + options.messageExpiryMs)
    const prepared = prepare(packet, packet.qos, retain, expiry)
    const size = sizeWith(prepared, 1)
    const chosen: StoredSession[] = []
    const written: Target[] = []
    for (const { clientId, qos = packet.qos } of targets) {
      const session = sessions.get(clientId)
      const effective = qos < packet.qos ? qos : packet.qos
      if (session === undefined || effective === 0) continue
      if (session.target !== undefined) {
        // Twice in the list: the higher QoS counts [MQTT-3.3.5-1].
        if (session.target.qos < effective) session.target.qos = effective
      } else if (this.#hasRoom(session, size)) {
        session.target = { session: session.number, qos: effective, messageId: NO_ID }
        chosen.push(session)
        written.push(session.target)
      }
    }
    if (chosen.length === 0) return false
    for (const { target, live } of chosen) if (live !== undefined) target!.messageId = live.reserve()
    const message = messages.append(prepared, written)
    for (const session of chosen) {
      const { qos, messageId } = session.target!
      session.target = undefined
      session.push(message, qos, messageId)
      messages.want(message)
    }
    return true
  }

  // ---- bounds

  #hasRoom(session: StoredSession, bytes: number): boolean {
    if (!this.#isFull(session, bytes) || (this.#dropExpired(session) > 0 && !this.#isFull(session, bytes))) {
      session.full = false
      return true
    }
    this.refused++
    if (!session.full) {
      const { clientId, count, bytes: queuedBytes } = session
      this.#parts.log.warn(
        { event: 'queue-full', clientId, messages: count, bytes: queuedBytes },
        'A session has no room for more messages; those that come now are not kept for it.',
      )
    }
    session.full = true
    return false
  }

  #isFull(session: StoredSession, bytes: number): boolean {
    const { messages, sessions, options } = this.#parts
    const { maxQueueMessages, maxQueueBytes, maxQueuedBytes } = options
    if (session.count >= maxQueueMessages || session.bytes + bytes > maxQueueBytes) return true
    // One session that waits for everything must not take the room of those that wait for little.
    return messages.bytes + bytes > maxQueuedBytes && session.bytes + bytes > maxQueuedBytes / sessions.size
  }

  // ---- what leaves

  /** The first place behind `sequence` that is to be sent. One whose time has passed is not, unless it was sent before. */
  next(session: StoredSession, sequence: number): Entry | undefined {
    let entry = session.after(sequence)
    while (entry !== undefined && this.#isExpired(entry)) {
      this.#dropEntry(session, entry)
      entry = session.after(entry.sequence)
    }
    return entry
  }

  /** It leaves the queue. The next commit says so, or the one after a moment: until then it may come back, as a duplicate. */
  finishSoon(session: StoredSession, entry: Entry): void {
    this.#letGo(session, entry)
    this.#parts.journal.soon()
  }

  /** It leaves the queue, for good once this resolves. */
  finish(session: StoredSession, entry: Entry): Promise<void> {
    this.#letGo(session, entry)
    return this.#parts.journal.commit
  }

  /** QoS 2: the client has it, and its packet id stays. */
  release(session: StoredSession, entry: Entry): Promise<void> {
    this.#unwant(session.release(entry))
    this.#parts.journal.moved(session)
    return this.#parts.journal.commit
  }

  /** Everything leaves that waits for `session`. */
  empty(session: StoredSession): void {
    for (let entry = session.after(0); entry !== undefined; entry = session.after(entry.sequence)) {
      this.#letGo(session, entry)
    }
  }

  #letGo(session: StoredSession, entry: Entry): void {
    this.#unwant(session.finish(entry))
    this.#parts.journal.moved(session)
  }

  #unwant(message: Message | undefined): void {
    if (message !== undefined) this.#parts.messages.unwant(message)
  }

  #dropExpired(session: StoredSession): number {
    let dropped = 0
    for (let entry = session.after(0); entry !== undefined; entry = session.after(entry.sequence)) {
      if (!this.#isExpired(entry)) continue
      this.#dropEntry(session, entry)
      dropped++
    }
    return dropped
  }

  #isExpired({ stage, message }: Entry): boolean {
    return (
      stage === Stage.QUEUED && message !== undefined && message.expiry !== 0 && message.expiry <= this.#parts.now()
    )
  }

  #dropEntry(session: StoredSession, entry: Entry): void {
    this.expired++
    this.finishSoon(session, entry)
  }

  // ---- the disk

  /** The commit failed: its messages were promised to nobody, and whoever sent them sends them again. */
  takeBack({ bytes, messages }: Segment): void {
    if (bytes === undefined) return
    for (const { sequence, at } of messages) {
      for (const { session: number } of targetsAt(bytes, at)) {
        const session = this.#parts.sessions.byNumber(number)
        const entry = session?.find(sequence)
        if (session === undefined || entry === undefined) continue
        const { messageId } = entry
        this.#unwant(session.finish(entry))
        if (messageId !== NO_ID) session.live?.takenBack(messageId)
      }
    }
  }

  async load(level: StoreLevel): Promise<void> {
    const { sessions, messages, log } = this.#parts
    const isWanted = (message: Message, targets: readonly Target[]): number => {
      let wanted = 0
      for (const { session: number, qos, messageId } of targets) {
        sessions.numberSeen(number)
        if (sessions.byNumber(number)?.restore(message, qos, messageId) === true) wanted++
      }
      return wanted
    }
    for await (const [key, value] of readRoom(level, rooms.messages)) {
      messages.load(rooms.messages.ofSequence(readSequence(key, 0)), value, isWanted)
    }
    let missing = 0
    for (const session of sessions) missing += session.restored()
    if (missing > 0) log.error({ event: 'messages-lost', missing }, 'Messages are missing from the store.')
  }
}
