import { isUtf8 } from 'node:buffer'
import { isQuarantined, printable, RegistryError, type Log, type Principal, type Registry } from '../registry/index.ts'
import type { Message, PublishPacket, Subscription } from './aedes-internals.d.ts'
import type { Peer } from './peer.ts'
import { LoginRefused, ReturnCode, returnCodeOf } from './return-codes.ts'

/** What the gates look at of a connection. */
export interface Caller {
  readonly peer: Peer
  /** As CONNECT said, not yet believed; null before. */
  readonly id: string | null
  readonly accessKey: string
  will: Message | undefined
  /** Set once the login is through; without it every gate is closed. */
  readonly principal: Principal | undefined
  /** The topic of its last message that was let through, and others that were lately. */
  allowedTopic: string | undefined
  publishable: Set<string> | undefined
  /** Topics of messages to it that were let through lately. */
  receivable: Set<string> | undefined
}

/** Most clients use few topics; a set of them is begun anew beyond this. */
const MOST_TOPICS = 1000

/** MQTT allows 65,535 bytes. Ids are keys of the store and part of many log lines. */
export const MAX_CLIENT_ID_CHARACTERS = 256

/** The same kind of misuse by the same access key is logged this often. */
const REPEAT_MS = 60_000

/** The decisions of the MQTT door, each a line or two into the registry. */
export class MqttGates {
  readonly #registry: Pick<Registry, 'authenticate' | 'acl'>
  readonly #log: Log
  readonly #lastLogged = new Map<string, number>()

  constructor(registry: Pick<Registry, 'authenticate' | 'acl'>, log: Log) {
    this.#registry = registry
    this.#log = log
  }

  /**
   * @throws {LoginRefused} when the client id or the will cannot be accepted.
   * @throws {RegistryError} `ERR_CREDENTIALS_INVALID`, `ERR_BUSY`.
   */
  async authenticate(caller: Caller, password: Buffer | undefined): Promise<Principal> {
    const { peer, accessKey, will } = caller
    const clientId = caller.id ?? ''
    if (clientId.length > MAX_CLIENT_ID_CHARACTERS) {
      const reason = `the client id is longer than ${MAX_CLIENT_ID_CHARACTERS} characters`
      throw new LoginRefused(ReturnCode.IDENTIFIER_REJECTED, reason)
    }
    const accessSecret = secretOf(password)
    const principal = await this.#registry.authenticate({ clientId, accessKey, accessSecret, address: peer.address })
    // It may come in and has no voice, and so has its will.
    if (isQuarantined(principal)) caller.will = undefined
    else if (will !== undefined && !this.#registry.acl.mayPublish(principal, will.topic)) {
      throw new LoginRefused(ReturnCode.NOT_AUTHORIZED, 'the will has a topic that this access key may not publish to')
    }
    return principal
  }

  loginRefused(caller: Caller, reason: unknown): void {
    const facts = { ...describe(caller), returnCode: returnCodeOf(reason) }
    if (reason instanceof LoginRefused || reason instanceof RegistryError) {
      const code = reason instanceof RegistryError ? reason.code : undefined
      const why = typeof reason.cause === 'string' ? reason.cause : reason.message
      this.#log.info({ event: 'login-refused', ...facts, code, reason: printable(why) }, 'A login was refused.')
    } else {
      this.#log.error({ event: 'login-failed', ...facts, error: reason }, 'A login could not be decided.')
    }
  }

  mayPublish(caller: Caller, { topic }: Pick<PublishPacket, 'topic'>): boolean {
    const { principal, allowedTopic, publishable } = caller
    if (topic === allowedTopic || publishable?.has(topic) === true) return true
    if (principal === undefined || !this.#registry.acl.mayPublish(principal, topic)) {
      this.#report('publish-refused', caller, topic, 'A client published where it may not.')
      return false
    }
    // Devices publish to one; only whoever has a second gets a set.
    if (allowedTopic === undefined) caller.allowedTopic = topic
    else if (publishable === undefined || publishable.size >= MOST_TOPICS) caller.publishable = new Set([topic])
    else publishable.add(topic)
    return true
  }

  maySubscribe(caller: Caller, { topic: filter }: Pick<Subscription, 'topic'>): boolean {
    const { principal } = caller
    const allowed = principal !== undefined && this.#registry.acl.maySubscribe(principal, filter)
    if (!allowed) this.#report('subscribe-refused', caller, filter, 'A client subscribed where it may not.')
    return allowed
  }

  /** Silent: a granted filter may be wider than the permission, and that is no misuse. */
  mayReceive(caller: Caller, { topic }: Pick<PublishPacket, 'topic'>): boolean {
    const { principal, receivable } = caller
    if (receivable?.has(topic) === true) return true
    if (principal === undefined || !this.#registry.acl.mayReceive(principal, topic)) return false
    if (receivable === undefined || receivable.size >= MOST_TOPICS) caller.receivable = new Set([topic])
    else receivable.add(topic)
    return true
  }

  #report(event: string, caller: Caller, topic: string, message: string): void {
    const kind = `${event} ${caller.accessKey}`
    const now = performance.now()
    if (now - (this.#lastLogged.get(kind) ?? -Infinity) < REPEAT_MS) return
    if (this.#lastLogged.size >= 10_000) this.#lastLogged.clear()
    this.#lastLogged.set(kind, now)
    this.#log.warn({ event, ...describe(caller), topic: printable(topic) }, message)
  }
}

/** Bytes that are no text are nobody's secret. */
const secretOf = (password: Buffer | undefined): string =>
  password !== undefined && isUtf8(password) ? password.toString() : ''

/** Who it is, or says he is, for a log line. */
export function describe({ peer, id, accessKey }: Pick<Caller, 'peer' | 'id' | 'accessKey'>): Record<string, string> {
  const { address, transport } = peer
  return {
    ...(id === null || id === '' ? {} : { clientId: printable(id) }),
    ...(accessKey === '' ? {} : { accessKey: printable(accessKey) }),
    address,
    transport,
  }
}
