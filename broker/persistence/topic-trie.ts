interface TopicNode<T> {
  readonly children: Map<string, TopicNode<T>>
  value: T | undefined
}

const newNode = <T>(): TopicNode<T> => ({ children: new Map(), value: undefined })

/** One value per topic: at once by topic, and by topic filter without looking at topics that cannot match. */
export class TopicTrie<T> {
  readonly #root = newNode<T>()
  readonly #byTopic = new Map<string, T>()

  get size(): number {
    return this.#byTopic.size
  }

  get(topic: string): T | undefined {
    return this.#byTopic.get(topic)
  }

  set(topic: string, value: T): void {
    this.#byTopic.set(topic, value)
    let node = this.#root
    for (const level of topic.split('/')) {
      let child = node.children.get(level)
      if (child === undefined) node.children.set(level, (child = newNode<T>()))
      node = child
    }
    node.value = value
  }

  delete(topic: string): void {
    if (!this.#byTopic.delete(topic)) return
    const path: { readonly parent: TopicNode<T>; readonly level: string; readonly node: TopicNode<T> }[] = []
    let parent = this.#root
    for (const level of topic.split('/')) {
      const node = parent.children.get(level)
      if (node === undefined) return
      path.push({ parent, level, node })
      parent = node
    }
    parent.value = undefined
    for (const step of path.toReversed()) {
      if (step.node.value !== undefined || step.node.children.size > 0) return
      step.parent.children.delete(step.level)
    }
  }

  /** The values whose topics match `filter`. Source: MQTT 3.1.1 §4.7. */
  *match(filter: string): Generator<T> {
    if (!/[+#]/.test(filter)) {
      const value = this.#byTopic.get(filter)
      if (value !== undefined) yield value
      return
    }
    const levels = filter.split('/')
    const open: { readonly node: TopicNode<T>; readonly depth: number }[] = [{ node: this.#root, depth: 0 }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node, depth } = next
      const level = levels[depth]
      if (level === undefined) {
        if (node.value !== undefined) yield node.value
      } else if (level === '#') {
        // `sport/#` matches `sport` too [MQTT-4.7.1-2].
        if (node.value !== undefined) yield node.value
        for (const child of childrenOf(node, depth)) yield* everythingBelow(child)
      } else if (level === '+') {
        for (const child of childrenOf(node, depth)) open.push({ node: child, depth: depth + 1 })
      } else {
        const child = node.children.get(level)
        if (child !== undefined) open.push({ node: child, depth: depth + 1 })
      }
    }
  }
}

/** What a wildcard at this depth stands for: in front not for topics that begin with $ [MQTT-4.7.2-1]. */
function* childrenOf<T>(node: TopicNode<T>, depth: number): Generator<TopicNode<T>> {
  for (const [level, child] of node.children) {
    if (depth > 0 || !level.startsWith('$')) yield child
  }
}

function* everythingBelow<T>(top: TopicNode<T>): Generator<T> {
  const open = [top]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.value !== undefined) yield node.value
    for (const child of node.children.values()) open.push(child)
  }
}
