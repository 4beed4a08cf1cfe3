/** Changes of what the registry holds, one after the other: each reads what the one before wrote. */
export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#last.then(change)
    this.#last = changed.catch(() => {})
    return changed
  }
}
