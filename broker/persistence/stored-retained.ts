import { filterMatches } from '../../registry/index.ts'
import type { StoreLevel, Writer } from '../../storage/index.ts'
import { rooms } from './layout.ts'
import { decode, type StoredPacket } from './message-codec.ts'

/** So many are looked at for one page, however few of them match. */
const MOST_LOOKED_AT = 20_000
const READ_TOGETHER = 200
const CLEARED_TOGETHER = 1000

export interface RetainedPage {
  readonly messages: readonly StoredPacket[]
  /** Where the next page begins. */
  readonly next?: string
}

/** Retained messages as they are on the disk, in the order of their topics: whether a broker runs or not. */
export async function listStoredRetained(
  level: StoreLevel,
  { filter, limit, after, now }: { filter: string; limit: number; after?: string | undefined; now: number },
): Promise<RetainedPage> {
  const messages: StoredPacket[] = []
  let looked = 0
  let last: string | undefined
  for await (const { topic, value } of storedFrom(level, filter, after)) {
    if (filterMatches(filter, topic)) {
      const message = decode(value, 0)
      const { messageExpiry = 0 } = message
      if (messageExpiry === 0 || messageExpiry > now) {
        // It tells that there is another page.
        if (messages.length === limit) return { messages, ...(last === undefined ? {} : { next: last }) }
        messages.push(message)
      }
    }
    last = topic
    if ((looked += 1) === MOST_LOOKED_AT) return { messages, next: topic }
  }
  return { messages }
}

/**
 * Forgets the retained messages of all topics that match, a thousand in each commit.
 *
 * @param forget - forgets those of these topics. @returns how many there were.
 */
export async function clearStoredRetained(
  level: StoreLevel,
  filter: string,
  forget: (topics: readonly string[]) => Promise<void>,
): Promise<number> {
  let cleared = 0
  let topics: string[] = []
  const some = async (): Promise<void> => {
    if (topics.length > 0) await forget(topics)
    cleared += topics.length
    topics = []
  }
  for await (const { topic } of storedFrom(level, filter, undefined)) {
    if (filterMatches(filter, topic) && topics.push(topic) === CLEARED_TOGETHER) await some()
  }
  await some()
  return cleared
}

/** As long as no broker has them in its memory. */
export const forgetStored =
  (writer: Pick<Writer, 'join'>) =>
  (topics: readonly string[]): Promise<void> =>
    writer.join((commit) => {
      for (const topic of topics) commit.del(rooms.retained.ofText(topic))
    })

/** What lies where topics that match can lie. */
async function* storedFrom(
  level: StoreLevel,
  filter: string,
  after: string | undefined,
): AsyncGenerator<{ topic: string; value: Buffer }> {
  const { range, prefixLength } = rooms.retained
  // `sport/#` matches `sport` too [MQTT-4.7.1-2].
  const prefix = filter.replace(/\/?[+#].*$/s, '')
  const from = rooms.retained.ofText(prefix)
  const behind = after === undefined ? undefined : rooms.retained.ofText(after)
  const begin = behind !== undefined && Buffer.compare(behind, from) >= 0 ? { gt: behind } : { gte: from }
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  const iterator = level.iterator<Buffer, Buffer>({ ...begin, lt: range.lt, ...encodings })
  try {
    for (;;) {
      const entries = await iterator.nextv(READ_TOGETHER)
      if (entries.length === 0) return
      for (const [key, value] of entries) {
        const topic = key.subarray(prefixLength).toString()
        if (!topic.startsWith(prefix)) return
        yield { topic, value }
      }
    }
  } finally {
    await iterator.close()
  }
}
