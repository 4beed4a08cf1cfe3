import type { StoreLevel } from '../../storage/index.ts'
import type { Journal } from './journal.ts'
import { readRoom, rooms } from './layout.ts'
import type { PersistenceOptions } from './limits.ts'
import { decode, encodeAlone, prepare, type GivenPacket, type StoredPacket } from './message-codec.ts'
import { TopicTrie } from './topic-trie.ts'

interface Retained {
  readonly bytes: Buffer
  readonly expiry: number
}

export interface RetainedMessagesParts {
  readonly journal: Journal
  readonly options: Required<Pick<PersistenceOptions, 'maxRetainedMessages' | 'maxRetainedBytes'>>
  readonly now: () => number
}

/** The last message of each topic that was published with RETAIN. All of them are in memory, so none is looked for on disk. */
export class RetainedMessages {
  readonly #parts: RetainedMessagesParts
  readonly #byTopic = new TopicTrie<Retained>()
  bytes = 0
  /** How many there was no room for. */
  refused = 0

  constructor(parts: RetainedMessagesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#byTopic.size
  }

  /** @returns whether there is something to commit. */
  set(packet: GivenPacket): boolean {
    const { topic } = packet
    const { journal, options } = this.#parts
    const before = this.#byTopic.get(topic)
    this.bytes -= before?.bytes.length ?? 0
    this.#byTopic.delete(topic)
    if (packet.payload.length > 0) {
      const prepared = prepare(packet, packet.qos, true, packet.messageExpiry ?? 0)
      if (this.size < options.maxRetainedMessages && this.bytes + prepared.size <= options.maxRetainedBytes) {
        const bytes = encodeAlone(prepared)
        this.#keep(topic, bytes, prepared.expiry)
        journal.put(rooms.retained.ofText(topic), bytes)
        return true
      }
      // The older one is dropped all the same: whoever subscribes must not be told what is not so any more.
      this.refused++
    }
    if (before === undefined) return false
    journal.del(rooms.retained.ofText(topic))
    return true
  }

  /** Those that match one of `filters`, each for each filter that it matches. */
  *matching(filters: readonly string[]): Generator<StoredPacket> {
    const now = this.#parts.now()
    for (const filter of filters) {
      for (const { bytes, expiry } of this.#byTopic.match(filter)) {
        if (expiry === 0 || expiry > now) yield decode(bytes, 0)
      }
    }
  }

  async load(level: StoreLevel): Promise<void> {
    for await (const [key, value] of readRoom(level, rooms.retained)) {
      const { messageExpiry = 0 } = decode(value, 0)
      this.#keep(key.toString(), value, messageExpiry)
    }
  }

  #keep(topic: string, bytes: Buffer, expiry: number): void {
    this.#byTopic.set(topic, { bytes, expiry })
    this.bytes += bytes.length
  }
}
