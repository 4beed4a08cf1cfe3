/**
 * Things that stand in line, one line for each network they came from, oldest first. Lines are served in turn, and which
 * is the longest is always known: lengths change by one, so a step up or down finds it again.
 */
export class Lines<T extends { readonly network: string }> {
  readonly #lines = new Map<string, Set<T>>()
  /** Index: length of a line. Value: the networks whose lines have that length. */
  readonly #byLength: Set<string>[] = []
  #longest = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(one: T): void {
    const line = this.#lines.get(one.network) ?? new Set<T>()
    if (line.has(one)) return
    line.add(one)
    this.#lines.set(one.network, line)
    this.#size += 1
    this.#lengthChanged(one.network, line.size - 1, line.size)
  }

  /** @returns whether it stood in line. */
  delete(one: T): boolean {
    const line = this.#lines.get(one.network)
    if (line === undefined || !line.delete(one)) return false
    if (line.size === 0) this.#lines.delete(one.network)
    this.#size -= 1
    this.#lengthChanged(one.network, line.size + 1, line.size)
    return true
  }

  /** Takes the first of the line whose turn it is: each network gets one turn before any gets the next. */
  takeInTurn(): T | undefined {
    for (const [network, line] of this.#lines) {
      const [first] = line
      if (first === undefined) return undefined
      this.delete(first)
      // A Map keeps the order of insertion: out and in again is to the back.
      if (this.#lines.delete(network)) this.#lines.set(network, line)
      return first
    }
    return undefined
  }

  firstOfLongest(): T | undefined {
    const [first] = this.#longestLine()
    return first
  }

  /** Walks the line, as a Set does not know its end: for rare use. */
  lastOfLongest(): T | undefined {
    let last: T | undefined
    for (const one of this.#longestLine()) last = one
    return last
  }

  [Symbol.iterator](): Iterator<T> {
    return [...this.#lines.values()].flatMap((line) => [...line])[Symbol.iterator]()
  }

  #longestLine(): Iterable<T> {
    const [network] = this.#byLength[this.#longest] ?? []
    return network === undefined ? [] : (this.#lines.get(network) ?? [])
  }

  #lengthChanged(network: string, from: number, to: number): void {
    this.#byLength[from]?.delete(network)
    if (to > 0) (this.#byLength[to] ??= new Set()).add(network)
    if (to > this.#longest) this.#longest = to
    else if (from === this.#longest && this.#byLength[from]?.size === 0) this.#longest = to
  }
}
