import type { Connection } from './connection.ts'

/** Every connection there is, logged in or not, and those that came with one access key. */
export class Connections {
  readonly #all = new Set<Connection>()
  readonly #byAccessKey = new Map<string, Set<Connection>>()

  add(connection: Connection): void {
    this.#all.add(connection)
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values()
  }

  /** It has shown its access key. Before the answer is known: a key that is revoked meanwhile ends this login too. */
  keyShown(connection: Connection): void {
    const { accessKey } = connection
    const same = this.#byAccessKey.get(accessKey)
    if (same === undefined) this.#byAccessKey.set(accessKey, new Set([connection]))
    else same.add(connection)
  }

  /** A copy: they may be closed. */
  withKey(accessKey: string): Connection[] {
    return [...(this.#byAccessKey.get(accessKey) ?? [])]
  }

  remove(connection: Connection): void {
    this.#all.delete(connection)
    const same = this.#byAccessKey.get(connection.accessKey)
    if (same?.delete(connection) === true && same.size === 0) this.#byAccessKey.delete(connection.accessKey)
  }
}
