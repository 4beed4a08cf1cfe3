interface Pair<V> {
  readonly key: string
  readonly value: V
  /** What was put in before. Pairs never change, so that copies share them. */
  readonly before: Pair<V> | undefined
}

/** Up to here looking at each of them is as fast as a hash. */
const FEW = 8

/**
 * A map by text for hundreds of thousands of owners that have one or two entries each: a fraction of what a `Map` takes,
 * and next to nothing to copy. With more entries it becomes one. In the order in which they were put in.
 */
export class SmallMap<V> {
  #last: Pair<V> | undefined = undefined
  #size = 0
  #many: Map<string, V> | undefined = undefined

  get size(): number {
    return this.#many?.size ?? this.#size
  }

  get(key: string): V | undefined {
    return this.#many === undefined ? find(this.#last, key)?.value : this.#many.get(key)
  }

  has(key: string): boolean {
    return this.#many === undefined ? find(this.#last, key) !== undefined : this.#many.has(key)
  }

  set(key: string, value: V): void {
    if (this.#many === undefined && this.#size === FEW && !this.has(key)) this.#many = new Map(this)
    if (this.#many !== undefined) {
      this.#last = undefined
      this.#many.set(key, value)
    } else if (this.has(key)) {
      this.#last = replaced(this.#last, key, value)
    } else {
      this.#last = { key, value, before: this.#last }
      this.#size++
    }
  }

  delete(key: string): void {
    if (this.#many !== undefined) this.#many.delete(key)
    else if (this.has(key)) {
      this.#last = without(this.#last, key)
      this.#size--
    }
  }

  /** What becomes of one is not seen in the other. */
  copy(): SmallMap<V> {
    const copy = new SmallMap<V>()
    copy.#last = this.#last
    copy.#size = this.#size
    copy.#many = this.#many && new Map(this.#many)
    return copy
  }

  forEach(found: (value: V, key: string) => void): void {
    if (this.#many === undefined) forEachOf(this.#last, found)
    else this.#many.forEach(found)
  }

  /** As it is now: whoever goes through it may change it. */
  [Symbol.iterator](): Iterator<[key: string, value: V]> {
    const all: [string, V][] = []
    this.forEach((value, key) => all.push([key, value]))
    return all.values()
  }
}

/** For those who look and do not change. */
export type ReadonlySmallMap<V> = Omit<SmallMap<V>, 'set' | 'delete'>

function find<V>(last: Pair<V> | undefined, key: string): Pair<V> | undefined {
  let pair = last
  while (pair !== undefined && pair.key !== key) pair = pair.before
  return pair
}

/** @param last - there is a pair with this key. */
function replaced<V>(last: Pair<V> | undefined, key: string, value: V): Pair<V> | undefined {
  if (last === undefined) return undefined
  if (last.key === key) return { key, value, before: last.before }
  return { ...last, before: replaced(last.before, key, value) }
}

/** @param last - there is a pair with this key. */
function without<V>(last: Pair<V> | undefined, key: string): Pair<V> | undefined {
  if (last === undefined || last.key === key) return last?.before
  return { ...last, before: without(last.before, key) }
}

function forEachOf<V>(last: Pair<V> | undefined, found: (value: V, key: string) => void): void {
  if (last === undefined) return
  forEachOf(last.before, found)
  found(last.value, last.key)
}
