import type { AccessControl, Log, Principal } from '../registry/index.ts'
import type { Message } from './aedes-internals.d.ts'
import { readRoom, rooms, type BrokerDatabase } from './persistence/index.ts'

/** A will, and who left it. */
interface Will extends Message {
  readonly clientId: string
  readonly owner: Principal
}

interface StoredWill extends Omit<Will, 'payload'> {
  /** base64 */
  readonly payload: string
}

/** What is needed of a connection to keep its will. */
export interface Testator {
  readonly id: string | null
  readonly principal: Principal | undefined
}

export interface WillsParts<Connection> {
  readonly database: Pick<BrokerDatabase, 'level' | 'writer'>
  readonly brokerId: string
  readonly acl: Pick<AccessControl, 'mayPublish'>
  /** Publishes as `connection`, if the gate lets it; as the broker itself when there is none any more. */
  readonly publish: (message: Message, connection: Connection | null) => Promise<void>
  readonly log: Log
}

/**
 * Wills. Each is on disk from login until its connection has ended, under a key of that connection alone, so that
 * connections which replace each other never touch each other's. Those that a killed process left are published by the
 * next one.
 */
export class Wills<Connection extends Testator> {
  readonly #parts: WillsParts<Connection>
  readonly #kept = new Map<Connection, { readonly key: string; readonly will: Will }>()
  /** Being published or discarded. */
  readonly #ending = new Set<Promise<void>>()
  #count = 0

  constructor(parts: WillsParts<Connection>) {
    this.#parts = parts
  }

  /** Resolves when the will is in the store. */
  async keep(connection: Connection, message: Message): Promise<void> {
    const { id, principal } = connection
    if (id === null || principal === undefined) throw new Error('only a client that has logged in has a will')
    const key = `${this.#parts.brokerId}:${this.#count++}`
    // A copy: the payload is a part of a larger buffer, which would live as long as the connection.
    const will = { ...message, payload: Buffer.from(message.payload), clientId: id, owner: principal }
    this.#kept.set(connection, { key, will })
    const stored: StoredWill = { ...will, payload: message.payload.toString('base64') }
    const bytes = Buffer.from(JSON.stringify(stored))
    await this.#parts.database.writer.join((commit) => commit.put(rooms.wills.ofText(key), bytes))
  }

  /**
   * The connection has ended.
   *
   * @param isMoot - as it should [MQTT-3.1.2-10], or it never was logged in; otherwise its will is published
   * [MQTT-3.1.2-8].
   */
  ended(connection: Connection, isMoot: boolean): void {
    const kept = this.#kept.get(connection)
    if (kept === undefined) return
    this.#kept.delete(connection)
    const { log } = this.#parts
    const ending = (isMoot ? this.#delete(kept.key) : this.#publish(kept.key, kept.will, connection)).catch(
      (error: unknown) => log.error({ event: 'storage-failed', error }, 'A will could not be published or removed.'),
    )
    this.#ending.add(ending)
    void ending.finally(() => this.#ending.delete(ending))
  }

  /** The process ends, and every connection with it. Resolves when all wills are on their way. */
  async publishAll(): Promise<void> {
    for (const connection of this.#kept.keys()) this.ended(connection, false)
    await this.idle()
  }

  /** Resolves when nothing that was begun is unfinished. */
  async idle(): Promise<void> {
    while (this.#ending.size > 0) await Promise.all(this.#ending)
  }

  /**
   * Publishes what earlier starts left behind, as their owners.
   *
   * @param isConnected - whether the client is back; then its old will is moot.
   */
  async publishLeftBehind(isConnected: (clientId: string) => boolean): Promise<void> {
    const { acl, brokerId, database, log } = this.#parts
    for await (const [name, value] of readRoom(database.level, rooms.wills)) {
      const key = name.toString()
      if (key >= `${brokerId}:`) return
      const stored: StoredWill = JSON.parse(value.toString())
      const will = { ...stored, payload: Buffer.from(stored.payload, 'base64') }
      const { clientId, owner, topic } = will
      if (isConnected(clientId)) await this.#delete(key)
      else if (acl.mayPublish(owner, topic)) await this.#publish(key, will, null)
      else {
        log.warn({ event: 'will-refused', clientId, accessKey: owner.accessKey }, 'A will may no longer be published.')
        await this.#delete(key)
      }
    }
  }

  async #publish(key: string, { topic, payload, qos, retain }: Will, connection: Connection | null): Promise<void> {
    // One that could not be published stays for the next start.
    await this.#parts.publish({ topic, payload, qos, retain }, connection)
    await this.#delete(key)
  }

  async #delete(key: string): Promise<void> {
    await this.#parts.database.writer.join((commit) => commit.del(rooms.wills.ofText(key)))
  }
}
