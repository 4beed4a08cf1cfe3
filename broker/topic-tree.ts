import { firstOf, forEach, withOne, withoutOne, type OneOrMore } from './one-or-more.ts'
import { changeLevel, TopicLevel } from './topic-level.ts'

type Level<T extends object> = TopicLevel<OneOrMore<T>>

/**
 * Entries by topic filter, found by the topics that the filters select. Source: MQTT 3.1.1 §4.7.
 *
 * Filters without wildcards are found by one lookup; only the others form a tree, level by level.
 */
export class TopicTree<T extends object> {
  readonly #exact = new Map<string, OneOrMore<T>>()
  readonly #root: Level<T> = new TopicLevel()

  add(filter: string, entry: T): void {
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, withOne(this.#exact.get(filter), entry))
      return
    }
    const level = this.#root.make(filter)
    level.value = withOne(level.value, entry)
  }

  /** @returns the entry that was taken out, the first that fits; undefined when there is none. */
  remove(filter: string, fits: (entry: T) => boolean): T | undefined {
    if (!hasWildcard(filter)) {
      const { removed, left } = taken(this.#exact.get(filter), fits)
      if (left === undefined) this.#exact.delete(filter)
      else this.#exact.set(filter, left)
      return removed
    }
    let found: T | undefined
    changeLevel(this.#root, filter, (level) => {
      const { removed, left } = taken(level.value, fits)
      level.value = left
      found = removed
    })
    return found
  }

  /** Calls back for each entry whose filter selects `topic`, one after the other. */
  match(topic: string, found: (entry: T) => void): void {
    forEach(this.#exact.get(topic), found)
    if (!this.#root.hasBelow) return
    const words = topic.split('/')
    // A wildcard at the start does not reach topics that begin with `$` [MQTT-4.7.2-1].
    walk(this.#root, words, 0, topic.startsWith('$'), found)
  }
}

export const hasWildcard = (filter: string): boolean => filter.includes('+') || filter.includes('#')

function walk<T extends object>(
  level: Level<T>,
  words: readonly string[],
  depth: number,
  reserved: boolean,
  found: (entry: T) => void,
) {
  // `#` selects its parent level too [MQTT-4.7.1-2], so it is looked at before the end is.
  if (!reserved) forEach(level.below('#')?.value, found)
  if (depth === words.length) {
    forEach(level.value, found)
    return
  }
  const next = level.below(words[depth]!)
  if (next !== undefined) walk(next, words, depth + 1, false, found)
  const any = reserved ? undefined : level.below('+')
  if (any !== undefined) walk(any, words, depth + 1, false, found)
}

function taken<T extends object>(
  entries: OneOrMore<T> | undefined,
  fits: (entry: T) => boolean,
): { readonly removed: T | undefined; readonly left: OneOrMore<T> | undefined } {
  const removed = firstOf(entries, fits)
  if (entries === undefined || removed === undefined) return { removed, left: entries }
  return { removed, left: withoutOne(entries, removed) }
}
