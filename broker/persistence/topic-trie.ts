import { changeLevel, TopicLevel } from '../topic-level.ts'

/** One value per topic: at once by topic, and by topic filter without looking at topics that cannot match. */
export class TopicTrie<T> {
  readonly #root = new TopicLevel<T>()
  readonly #byTopic = new Map<string, T>()

  get size(): number {
    return this.#byTopic.size
  }

  get(topic: string): T | undefined {
    return this.#byTopic.get(topic)
  }

  set(topic: string, value: T): void {
    this.#byTopic.set(topic, value)
    this.#root.make(topic).value = value
  }

  delete(topic: string): void {
    if (!this.#byTopic.delete(topic)) return
    changeLevel(this.#root, topic, (level) => (level.value = undefined))
  }

  /** The values whose topics match `filter`. Source: MQTT 3.1.1 §4.7. */
  *match(filter: string): Generator<T> {
    if (!/[+#]/.test(filter)) {
      const value = this.#byTopic.get(filter)
      if (value !== undefined) yield value
      return
    }
    const words = filter.split('/')
    const open: { readonly level: TopicLevel<T>; readonly depth: number }[] = [{ level: this.#root, depth: 0 }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { level, depth } = next
      const word = words[depth]
      if (word === undefined) {
        if (level.value !== undefined) yield level.value
      } else if (word === '#') {
        // `sport/#` matches `sport` too [MQTT-4.7.1-2].
        if (level.value !== undefined) yield level.value
        for (const below of selectedBelow(level, depth)) yield* everythingFrom(below)
      } else if (word === '+') {
        for (const below of selectedBelow(level, depth)) open.push({ level: below, depth: depth + 1 })
      } else {
        const below = level.below(word)
        if (below !== undefined) open.push({ level: below, depth: depth + 1 })
      }
    }
  }
}

/** What a wildcard at this depth stands for: in front not for topics that begin with $ [MQTT-4.7.2-1]. */
function* selectedBelow<T>(level: TopicLevel<T>, depth: number): Generator<TopicLevel<T>> {
  for (const [word, below] of level.allBelow()) {
    if (depth > 0 || !word.startsWith('$')) yield below
  }
}

function* everythingFrom<T>(top: TopicLevel<T>): Generator<T> {
  const open = [top]
  for (let level = open.pop(); level !== undefined; level = open.pop()) {
    if (level.value !== undefined) yield level.value
    for (const [, below] of level.allBelow()) open.push(below)
  }
}
