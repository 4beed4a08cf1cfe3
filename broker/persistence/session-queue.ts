import type { Journal } from './journal.ts'
import { decode } from './message-codec.ts'
import type { Located, Message, MessageLog } from './message-log.ts'
import { NO_ID } from './progress.ts'
import type { QueuedPacket, QueuedPubrel } from './queued-packet.ts'
import type { Queues } from './queues.ts'
import type { Entry, Live, StoredSession } from './stored-session.ts'

export interface SessionQueueParts {
  readonly session: StoredSession
  readonly queues: Queues
  readonly messages: MessageLog
  readonly journal: Journal
}

/**
 * The queue of one session, as its connection sees it: in order, with a packet id for each message before it is sent.
 *
 * Under which id a message is sent is on disk before it leaves, so that after a restart it goes out again under the same
 * id and marked as sent before [MQTT-3.3.1-1] [MQTT-4.4.0-1]. For a client that keeps up the id is part of the message's
 * own record; one that lags gets ids for all that it has room for in one commit.
 */
export class SessionQueue {
  readonly #parts: SessionQueueParts

  constructor(parts: SessionQueueParts) {
    this.#parts = parts
  }

  /** `live` is asked for the packet ids of messages that come from now on. */
  attach(live: Live): void {
    this.#parts.session.live = live
  }

  detach(live: Live): void {
    const { session } = this.#parts
    if (session.live === live) session.live = undefined
  }

  /** Packet ids under which messages were sent that are not acknowledged. */
  packetIds(): Iterable<number> {
    return this.#parts.session.messageIds()
  }

  /** The first place behind `sequence`, on disk or not. */
  next(sequence: number): Entry | undefined {
    const { queues, session } = this.#parts
    return queues.next(session, sequence)
  }

  /** Whether a message waits that was published with RETAIN and this number. */
  holdsRetained(brokerId: string | null, brokerCounter: number): boolean {
    const { messages, session } = this.#parts
    const isOurs = ({ sequence }: Message): boolean => session.find(sequence) !== undefined
    return messages.findRetained(brokerId ?? '', brokerCounter, isOurs) !== undefined
  }

  /** At once when its bytes are in memory. */
  read(entry: Entry): QueuedPacket | QueuedPubrel | Promise<QueuedPacket | QueuedPubrel> {
    return readEntry(this.#parts.messages, entry)
  }

  find(packetId: number): Entry | undefined {
    return this.#parts.session.findByMessageId(packetId)
  }

  /** It is going to be sent with this packet id. Not before {@link claimed} resolves. */
  claim(entry: Entry, packetId: number): void {
    const { session, journal } = this.#parts
    session.assign(entry, packetId)
    journal.moved(session)
  }

  claimed(): Promise<void> {
    return this.#parts.journal.commit
  }

  /** As {@link claimed}, but nobody waits for it yet. */
  claimedShortly(): Promise<void> {
    return this.#parts.journal.shortly
  }

  /** Now somebody does. */
  hurry(): void {
    this.#parts.journal.hurry()
  }

  /** It was not sent after all. */
  unclaim(entry: Entry): void {
    const { session, journal } = this.#parts
    session.unassign(entry)
    journal.moved(session)
    journal.soon()
  }

  /** It may not be sent to this client. */
  drop(entry: Entry): void {
    const { queues, session } = this.#parts
    queues.finishSoon(session, entry)
  }

  /** PUBREC: the message is not sent again once this resolves, only PUBREL is. */
  received(packetId: number): Promise<void> {
    const entry = this.find(packetId)
    const { queues, session } = this.#parts
    return entry === undefined ? Promise.resolve() : queues.release(session, entry)
  }

  /** PUBACK, PUBCOMP. Its id is free: whatever takes it next is on disk together with this. */
  acknowledged(packetId: number): void {
    const entry = this.find(packetId)
    if (entry !== undefined) this.drop(entry)
  }
}

export function readEntry(
  messages: MessageLog,
  entry: Entry,
): QueuedPacket | QueuedPubrel | Promise<QueuedPacket | QueuedPubrel> {
  const { message, messageId } = entry
  if (message === undefined) return { cmd: 'pubrel', messageId }
  const located = messages.locate(message)
  return located instanceof Promise
    ? located.then((there) => packetAt(there, entry, message))
    : packetAt(located, entry, message)
}

function packetAt({ bytes, at }: Located, { qos, messageId }: Entry, message: Message): QueuedPacket {
  const { topic, payload, retain, properties, messageExpiry } = decode(bytes, at)
  const packet: QueuedPacket = {
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain,
    dup: false,
    brokerId: message.brokerId,
    brokerCounter: message.brokerCounter,
    messageId: messageId === NO_ID ? undefined : messageId,
  }
  if (properties === undefined && messageExpiry === undefined) return packet
  return {
    ...packet,
    ...(properties === undefined ? {} : { properties }),
    ...(messageExpiry === undefined ? {} : { messageExpiry }),
  }
}
