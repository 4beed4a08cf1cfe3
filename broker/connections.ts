import type { Connection } from './connection.ts'

/** Every connection there is, logged in or not, and those that came with one access key. */
export class Connections {
  readonly #all = new Set<Connection>()
  /** Most keys have one connection. */
  readonly #byAccessKey = new Map<string, Connection | Set<Connection>>()

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
    if (same === undefined) this.#byAccessKey.set(accessKey, connection)
    else if (same instanceof Set) same.add(connection)
    else if (same !== connection) this.#byAccessKey.set(accessKey, new Set([same, connection]))
  }

  /** A copy: they may be closed. */
  withKey(accessKey: string): Connection[] {
    const same = this.#byAccessKey.get(accessKey) ?? []
    return same instanceof Set ? [...same] : [same].flat()
  }

  remove(connection: Connection): void {
    this.#all.delete(connection)
    const same = this.#byAccessKey.get(connection.accessKey)
    if (same instanceof Set) same.delete(connection)
    if (same === connection || (same instanceof Set && same.size === 0)) this.#byAccessKey.delete(connection.accessKey)
  }
}
