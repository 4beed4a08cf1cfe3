import AsyncLevelPersistence from 'aedes-persistence-level/asyncPersistence.js'
import type { AbstractLevel } from 'abstract-level'
import { Readable } from 'node:stream'
import type { AccessControl, Log, Principal } from '../registry/index.ts'
import type { AedesPersistence, Message } from './aedes-internals.d.ts'

/** Where sessions, queues, retained messages and wills are kept: a database, or a part of one that is the broker's alone. */
export type SessionDatabase = AbstractLevel<string | Buffer | Uint8Array>

export interface Persistence extends AedesPersistence {
  /** Resolves when nothing that was begun is unfinished. */
  idle(): Promise<void>
}

/** Operations of Aedes that a database must not be closed under. */
const OPERATIONS = [
  'storeRetained',
  'addSubscriptions',
  'removeSubscriptions',
  'subscriptionsByClient',
  'cleanSubscriptions',
  'outgoingEnqueueCombi',
  'outgoingUpdate',
  'outgoingClearMessageId',
  'incomingStorePacket',
  'incomingGetPacket',
  'incomingDelPacket',
  'cleanIncoming',
] as const satisfies readonly (keyof AedesPersistence)[]

/** aedes-persistence-level over `database`. */
export function openPersistence(database: SessionDatabase): Persistence {
  const level: AedesPersistence = new AsyncLevelPersistence(database)
  const open = new Set<Promise<unknown>>()
  for (const name of OPERATIONS) {
    const operation = level[name]
    const counted = (...args: unknown[]): Promise<unknown> => {
      const result: Promise<unknown> = Reflect.apply(operation, level, args)
      open.add(result)
      const finished = (): boolean => open.delete(result)
      result.then(finished, finished)
      return result
    }
    Object.assign(level, { [name]: counted })
  }
  return Object.assign(level, {
    // Aedes would delete the will of a new connection when the one it replaces has ended. It never hears of wills.
    delWill: async () => undefined,
    streamWill: () => Readable.from([]),
    idle: async () => {
      while (open.size > 0) await Promise.allSettled(open)
    },
  })
}

/** The broker id of a start: later starts sort after earlier ones, and so do the messages that they queued. */
export const brokerIdOf = (bootNumber: number): string => String(bootNumber).padStart(12, '0')

/** A will, and who left it. */
export interface Will extends Message {
  readonly clientId: string
  readonly owner: Principal
}

interface StoredWill extends Omit<Will, 'payload'> {
  /** base64 */
  readonly payload: string
}

export interface WillsParts {
  readonly database: SessionDatabase
  readonly brokerId: string
  readonly acl: Pick<AccessControl, 'mayPublish'>
  readonly publish: (message: Message) => Promise<void>
  readonly log: Log
}

/**
 * Wills. Each is on disk from login until its connection has ended, under a key of that connection alone, so that
 * connections which replace each other never touch each other's. Those that a killed process left are published by the
 * next one.
 */
export class Wills<Connection extends object> {
  readonly #parts: WillsParts
  readonly #store
  readonly #kept = new Map<Connection, { readonly key: string; readonly will: Will }>()
  #count = 0

  constructor(parts: WillsParts) {
    this.#parts = parts
    this.#store = parts.database.sublevel<string, StoredWill>('wills', { valueEncoding: 'json' })
  }

  async keep(connection: Connection, will: Will): Promise<void> {
    const key = `${this.#parts.brokerId}:${this.#count++}`
    // A copy: the payload is a slice of a larger buffer, which would live as long as the connection.
    const kept = { key, will: { ...will, payload: Buffer.from(will.payload) } }
    this.#kept.set(connection, kept)
    await this.#store.put(key, { ...will, payload: will.payload.toString('base64') })
  }

  /** The connection has ended as it should, or was never logged in. */
  async discard(connection: Connection): Promise<void> {
    const kept = this.#kept.get(connection)
    if (kept === undefined) return
    this.#kept.delete(connection)
    await this.#store.del(kept.key)
  }

  /** The connection has ended in another way [MQTT-3.1.2-8]. */
  async publish(connection: Connection): Promise<void> {
    const kept = this.#kept.get(connection)
    if (kept === undefined) return
    this.#kept.delete(connection)
    await this.#publish(kept.key, kept.will)
  }

  /** The process ends, and every connection with it. */
  async publishAll(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((connection) => this.publish(connection)))
  }

  /**
   * Publishes what earlier starts left behind, as their owners.
   *
   * @param isConnected - whether the client is back; then its old will is moot.
   */
  async publishLeftBehind(isConnected: (clientId: string) => boolean): Promise<void> {
    for await (const [key, stored] of this.#store.iterator({ lt: `${this.#parts.brokerId}:` })) {
      if (isConnected(stored.clientId)) await this.#store.del(key)
      else await this.#publish(key, { ...stored, payload: Buffer.from(stored.payload, 'base64') })
    }
  }

  async #publish(key: string, { topic, payload, qos, retain, clientId, owner }: Will): Promise<void> {
    const { acl, publish, log } = this.#parts
    if (acl.mayPublish(owner, topic)) await publish({ topic, payload, qos, retain })
    else log.warn({ event: 'will-refused', clientId, accessKey: owner.accessKey }, 'A will may no longer be published.')
    await this.#store.del(key)
  }
}
