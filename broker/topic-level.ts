/**
 * One level of topics or of topic filters, with those below it by their words. Of hundreds of thousands of levels most
 * have one below them or none: a map for each would take more memory, and more time at a start, than all else of them.
 *
 * Levels that have nothing but the next one below are made when somebody goes through them: until then their words stand
 * as one, such as `config/+`.
 */
export class TopicLevel<V> {
  value: V | undefined = undefined
  /** Of the one below, and of levels in between that are not made yet. */
  #words = ''
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
    if (this.#words === word) return this.#only
    const { length } = word
    const isFirst = this.#words.length > length && this.#words[length] === '/' && this.#words.startsWith(word)
    return isFirst ? this.#cutAfter(length) : undefined
  }

  /** The level of what is left of a topic or a filter from `from` on, which is made when it is not there. */
  make(topic: string, from = 0): TopicLevel<V> {
    if (!this.hasBelow && this.#several === undefined) {
      this.#words = topic.slice(from)
      this.#only = new TopicLevel()
      return this.#only
    }
    const end = topic.indexOf('/', from)
    if (end === -1) return this.#next(topic.slice(from))
    return this.#next(topic.slice(from, end)).make(topic, end + 1)
  }

  remove(word: string): void {
    if (this.#several !== undefined) this.#several.delete(word)
    else if (this.below(word) !== undefined) this.#only = undefined
  }

  *allBelow(): Generator<readonly [word: string, level: TopicLevel<V>]> {
    if (this.#several !== undefined) yield* this.#several
    else if (this.#only !== undefined) yield this.#onlyOne(this.#only)
  }

  #next(word: string): TopicLevel<V> {
    const there = this.below(word)
    if (there !== undefined) return there
    const made = new TopicLevel<V>()
    this.#several ??= new Map(this.#only === undefined ? [] : [this.#onlyOne(this.#only)])
    this.#several.set(word, made)
    this.#only = undefined
    return made
  }

  #onlyOne(only: TopicLevel<V>): readonly [word: string, level: TopicLevel<V>] {
    const end = this.#words.indexOf('/')
    const level = end === -1 ? only : this.#cutAfter(end)
    return [this.#words, level]
  }

  /** Makes the level whose word ends there, with all that follows below it. */
  #cutAfter(end: number): TopicLevel<V> {
    const made = new TopicLevel<V>()
    made.#words = this.#words.slice(end + 1)
    made.#only = this.#only
    this.#words = this.#words.slice(0, end)
    this.#only = made
    return made
  }
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
