/** What an iterator of a level gives; its values or keys, or both. */
interface Entries<T> {
  nextv(size: number): Promise<T[]>
  close(): Promise<void>
}

/**
 * All that an iterator gives, some at a time, and closes it. A chunk may hold fewer than `size`: classic-level ends one
 * after 16 KiB, so only an empty one is the end.
 */
export async function* chunksOf<T>(entries: Entries<T>, size: number): AsyncGenerator<T[]> {
  try {
    for (let some = await entries.nextv(size); some.length > 0; some = await entries.nextv(size)) yield some
  } finally {
    await entries.close()
  }
}
