import type { DeviceMessage } from '../registry/index.ts'
import type { Connection } from './connection.ts'

export type Watcher = (message: DeviceMessage) => void

/** Who wants to see what a client publishes. Its connection is told; the connections of others know nothing of it. */
export class Watches {
  readonly #connectionOf: (clientId: string) => Connection | undefined
  readonly #reportFault: (error: unknown) => void
  readonly #watchers = new Map<string, Set<Watcher>>()

  constructor(connectionOf: (clientId: string) => Connection | undefined, reportFault: (error: unknown) => void) {
    this.#connectionOf = connectionOf
    this.#reportFault = reportFault
  }

  /** @returns a function that ends it. */
  add(clientId: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(clientId) ?? new Set()
    this.#watchers.set(clientId, watchers.add(watcher))
    this.entered(this.#connectionOf(clientId))
    return () => {
      watchers.delete(watcher)
      if (watchers.size > 0 || this.#watchers.get(clientId) !== watchers) return
      this.#watchers.delete(clientId)
      this.entered(this.#connectionOf(clientId))
    }
  }

  /** A client has logged in, or is looked at in another way from now on. */
  entered(connection: Connection | undefined): void {
    if (connection === undefined) return
    const watchers = this.#watchers.get(connection.id ?? '')
    connection.watched = watchers === undefined ? undefined : (message) => this.#tell(watchers, message)
  }

  #tell(watchers: ReadonlySet<Watcher>, message: DeviceMessage): void {
    for (const watcher of watchers) {
      try {
        watcher(message)
      } catch (error) {
        this.#reportFault(error)
      }
    }
  }
}
