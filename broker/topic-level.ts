/**
 * One level of topics or of topic filters, with those below it by their words. Of hundreds of thousands of levels most
 * have one below them or none: a map for each would take more memory, and more time at a start, than all else of them.
 */
export class TopicLevel<V> {
  value: V | undefined = undefined
  #word = ''
  /** While there is one below. */
  #only: TopicLevel<V> | undefined = undefined
  /** From when there were two. */
  #several: Map<string, TopicLevel<V>> | undefined = undefined

  /** Whether there is nothing here nor below. */
  get isEmpty(): boolean {
    return this.value === undefined && !this.hasBelow
  }

  get hasBelow(): boolean {
    return this.#several === undefined ? this.#only !== undefined : this.#several.size > 0
  }

  below(word: string): TopicLevel<V> | undefined {
    if (this.#several !== undefined) return this.#several.get(word)
    return this.#word === word ? this.#only : undefined
  }

  /** The level below, which is made when it is not there. */
  make(word: string): TopicLevel<V> {
    const there = this.below(word)
    if (there !== undefined) return there
    const made = new TopicLevel<V>()
    if (this.#several !== undefined) this.#several.set(word, made)
    else if (this.#only === undefined) {
      this.#word = word
      this.#only = made
    } else {
      this.#several = new Map([
        [this.#word, this.#only],
        [word, made],
      ])
      this.#only = undefined
    }
    return made
  }

  remove(word: string): void {
    if (this.#several !== undefined) this.#several.delete(word)
    else if (this.#word === word) this.#only = undefined
  }

  *allBelow(): Generator<readonly [word: string, level: TopicLevel<V>]> {
    if (this.#several !== undefined) yield* this.#several
    else if (this.#only !== undefined) yield [this.#word, this.#only]
  }
}

/** The level of a topic or a filter, made with all above it that are not there. */
export function makeLevel<V>(root: TopicLevel<V>, topic: string): TopicLevel<V> {
  let level = root
  for (const word of topic.split('/')) level = level.make(word)
  return level
}

/** Changes what is at a topic or a filter that is there, and takes out the levels that are empty then. */
export function changeLevel<V>(root: TopicLevel<V>, topic: string, change: (level: TopicLevel<V>) => void): void {
  const words = topic.split('/')
  const path = [root]
  for (const word of words) {
    const next = path.at(-1)?.below(word)
    if (next === undefined) return
    path.push(next)
  }
  change(path.at(-1)!)
  for (let depth = words.length; depth > 0 && path[depth]!.isEmpty; depth--) path[depth - 1]!.remove(words[depth - 1]!)
}
