import { inOrder, type Entry } from './table.ts'

/** Entries in order, some at a time. */
export type EntrySource = AsyncGenerator<readonly Entry[]>

/** Entries of many sources, each in order, as one source in order. */
export class MergedEntries {
  readonly #sources: readonly EntrySource[]
  /** A heap: the source with the first entry is the first. */
  #heap: Head[] | undefined

  constructor(sources: readonly EntrySource[]) {
    this.#sources = sources
  }

  /** @returns undefined when there is no more. */
  async next(): Promise<Entry | undefined> {
    this.#heap ??= await this.#begin()
    const [head] = this.#heap
    if (head === undefined) return undefined
    const { entry } = head
    head.at += 1
    if (head.at < head.entries.length || (await refill(head))) {
      sink(this.#heap, 0)
    } else {
      const last = this.#heap.pop()
      if (last !== undefined && last !== head) {
        this.#heap[0] = last
        sink(this.#heap, 0)
      }
    }
    return entry
  }

  async #begin(): Promise<Head[]> {
    const heap: Head[] = []
    for (const source of this.#sources) {
      const head = new Head(source)
      if (await refill(head)) heap.push(head)
    }
    return heap.toSorted((a, b) => inOrder(a.entry, b.entry))
  }
}

class Head {
  readonly source: EntrySource
  entries: readonly Entry[] = []
  at = 0

  constructor(source: EntrySource) {
    this.source = source
  }

  get entry(): Entry {
    return this.entries[this.at]!
  }
}

async function refill(head: Head): Promise<boolean> {
  for (;;) {
    const { done, value } = await head.source.next()
    if (done === true) return false
    if (value.length === 0) continue
    head.entries = value
    head.at = 0
    return true
  }
}

function sink(heap: Head[], from: number): void {
  const moving = heap[from]!
  let at = from
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && inOrder(heap[child + 1]!.entry, heap[child]!.entry) < 0) child += 1
    if (inOrder(moving.entry, heap[child]!.entry) <= 0) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = moving
}
