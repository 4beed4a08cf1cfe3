import { isUtf8 } from 'node:buffer'
import { RegistryError, type Log, type Principal, type Registry } from '../registry/index.ts'
import type { Message, PublishPacket, Subscription } from './aedes-internals.d.ts'
import type { Peer } from './peer.ts'
import { LoginRefused, ReturnCode, returnCodeOf } from './return-codes.ts'

/** What is known of one connection beside what Aedes keeps. */
export interface Connection {
  readonly peer: Peer
  /** As CONNECT said, not yet believed; empty before. */
  clientId: string
  accessKey: string
  will?: Message | undefined
  /** Set once the login is through; without it every gate is closed. */
  principal?: Principal
  /** CONNACK 0 is about to be written, and Aedes will tell when the client has gone. */
  registered?: boolean
}

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
  async authenticate(connection: Connection, password: Buffer | undefined): Promise<Principal> {
    const { peer, clientId, accessKey, will } = connection
    if (clientId === '') throw new LoginRefused(ReturnCode.IDENTIFIER_REJECTED, 'the client id is empty')
    if (clientId.length > MAX_CLIENT_ID_CHARACTERS) {
      const reason = `the client id is longer than ${MAX_CLIENT_ID_CHARACTERS} characters`
      throw new LoginRefused(ReturnCode.IDENTIFIER_REJECTED, reason)
    }
    const accessSecret = secretOf(password)
    const principal = await this.#registry.authenticate({ clientId, accessKey, accessSecret, address: peer.address })
    if (will !== undefined && !this.#registry.acl.mayPublish(principal, will.topic)) {
      throw new LoginRefused(ReturnCode.NOT_AUTHORIZED, 'the will has a topic that this access key may not publish to')
    }
    return principal
  }

  loginRefused(connection: Connection, reason: unknown): void {
    const facts = { ...describe(connection), returnCode: returnCodeOf(reason) }
    if (reason instanceof LoginRefused || reason instanceof RegistryError) {
      const code = reason instanceof RegistryError ? reason.code : undefined
      const why = typeof reason.cause === 'string' ? reason.cause : reason.message
      this.#log.info({ event: 'login-refused', ...facts, code, reason: printable(why) }, 'A login was refused.')
    } else {
      this.#log.error({ event: 'login-failed', ...facts, error: reason }, 'A login could not be decided.')
    }
  }

  mayPublish(connection: Connection, { topic }: Pick<PublishPacket, 'topic'>): boolean {
    const { principal } = connection
    const allowed = principal !== undefined && this.#registry.acl.mayPublish(principal, topic)
    if (!allowed) this.#report('publish-refused', connection, topic, 'A client published where it may not.')
    return allowed
  }

  maySubscribe(connection: Connection, { topic: filter }: Pick<Subscription, 'topic'>): boolean {
    const { principal } = connection
    const allowed = principal !== undefined && this.#registry.acl.maySubscribe(principal, filter)
    if (!allowed) this.#report('subscribe-refused', connection, filter, 'A client subscribed where it may not.')
    return allowed
  }

  /** Silent: a granted filter may be wider than the permission, and that is no misuse. */
  mayReceive({ principal }: Connection, { topic }: Pick<PublishPacket, 'topic'>): boolean {
    return principal !== undefined && this.#registry.acl.mayReceive(principal, topic)
  }

  #report(event: string, connection: Connection, topic: string, message: string): void {
    const kind = `${event} ${connection.accessKey}`
    const now = performance.now()
    if (now - (this.#lastLogged.get(kind) ?? -Infinity) < REPEAT_MS) return
    if (this.#lastLogged.size >= 10_000) this.#lastLogged.clear()
    this.#lastLogged.set(kind, now)
    this.#log.warn({ event, ...describe(connection), topic: printable(topic) }, message)
  }
}

/** Bytes that are no text are nobody's secret. */
const secretOf = (password: Buffer | undefined): string =>
  password !== undefined && isUtf8(password) ? password.toString() : ''

/** Who it is, or says he is, for a log line. */
export function describe({ peer, clientId, accessKey }: Connection): Record<string, string> {
  const { address, transport } = peer
  return {
    ...(clientId === '' ? {} : { clientId: printable(clientId) }),
    ...(accessKey === '' ? {} : { accessKey: printable(accessKey) }),
    address,
    transport,
  }
}

const MAX_PRINTED_CHARACTERS = 128

/** Text from outside for a log line: cut, and without characters that could move a cursor or forge a line. */
function printable(text: string): string {
  const cut = text.length > MAX_PRINTED_CHARACTERS ? `${text.slice(0, MAX_PRINTED_CHARACTERS)}…` : text
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}
