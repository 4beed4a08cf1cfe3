/** One level of a topic filter. */
class Level<T> {
  readonly below = new Map<string, Level<T>>()
  readonly here: T[] = []
}

/**
 * Entries by topic filter, found by the topics that the filters select. Source: MQTT 3.1.1 §4.7.
 *
 * Filters without wildcards are found by one lookup; only the others form a tree, level by level.
 */
export class TopicTree<T> {
  readonly #exact = new Map<string, T[]>()
  readonly #root = new Level<T>()

  add(filter: string, entry: T): void {
    if (!hasWildcard(filter)) {
      const entries = this.#exact.get(filter)
      if (entries === undefined) this.#exact.set(filter, [entry])
      else entries.push(entry)
      return
    }
    let level = this.#root
    for (const word of filter.split('/')) {
      let next = level.below.get(word)
      if (next === undefined) level.below.set(word, (next = new Level()))
      level = next
    }
    level.here.push(entry)
  }

  /** @returns the entry that was taken out, the first that fits; undefined when there is none. */
  remove(filter: string, fits: (entry: T) => boolean): T | undefined {
    if (!hasWildcard(filter)) {
      const entries = this.#exact.get(filter)
      const removed = entries === undefined ? undefined : takeFirst(entries, fits)
      if (entries?.length === 0) this.#exact.delete(filter)
      return removed
    }
    const path: Level<T>[] = [this.#root]
    const words = filter.split('/')
    for (const word of words) {
      const next = path.at(-1)?.below.get(word)
      if (next === undefined) return undefined
      path.push(next)
    }
    const removed = takeFirst(path.at(-1)!.here, fits)
    for (let depth = words.length; depth > 0; depth--) {
      const level = path[depth]!
      if (level.here.length > 0 || level.below.size > 0) break
      path[depth - 1]!.below.delete(words[depth - 1]!)
    }
    return removed
  }

  /** Calls back for each entry whose filter selects `topic`, one after the other. */
  match(topic: string, found: (entry: T) => void): void {
    this.#exact.get(topic)?.forEach(found)
    if (this.#root.below.size === 0) return
    const words = topic.split('/')
    // A wildcard at the start does not reach topics that begin with `$` [MQTT-4.7.2-1].
    walk(this.#root, words, 0, topic.startsWith('$'), found)
  }
}

export const hasWildcard = (filter: string): boolean => filter.includes('+') || filter.includes('#')

function walk<T>(
  level: Level<T>,
  words: readonly string[],
  depth: number,
  reserved: boolean,
  found: (entry: T) => void,
) {
  // `#` selects its parent level too [MQTT-4.7.1-2], so it is looked at before the end is.
  if (!reserved) level.below.get('#')?.here.forEach(found)
  if (depth === words.length) {
    level.here.forEach(found)
    return
  }
  const next = level.below.get(words[depth]!)
  if (next !== undefined) walk(next, words, depth + 1, false, found)
  const any = reserved ? undefined : level.below.get('+')
  if (any !== undefined) walk(any, words, depth + 1, false, found)
}

function takeFirst<T>(entries: T[], fits: (entry: T) => boolean): T | undefined {
  const index = entries.findIndex(fits)
  return index < 0 ? undefined : entries.splice(index, 1)[0]
}
