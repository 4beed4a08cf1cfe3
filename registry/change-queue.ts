/**
 * Changes of what the registry holds: each reads what the one before wrote. A change of one device waits for those of the
 * same device alone; one that may be about all of them waits for all that began, and all that begin later wait for it.
 */
export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve()
  readonly #lastOf = new Map<string, Promise<unknown>>()

  run<T>(change: () => Promise<T>): Promise<T> {
    const changed = Promise.all([this.#last, ...this.#lastOf.values()]).then(change)
    this.#last = changed.catch(() => {})
    return changed
  }

  async runFor<T>(deviceId: string, change: () => Promise<T>): Promise<T> {
    const changed = Promise.all([this.#last, this.#lastOf.get(deviceId)]).then(change)
    const settled = changed.catch(() => {})
    this.#lastOf.set(deviceId, settled)
    try {
      return await changed
    } finally {
      if (this.#lastOf.get(deviceId) === settled) this.#lastOf.delete(deviceId)
    }
  }
}
