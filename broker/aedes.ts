import { Aedes } from 'aedes'
import type { Log } from '../registry/index.ts'
import type {
  AedesBroker,
  AedesPersistence,
  Client,
  ConnectPacket,
  Parser,
  PublishPacket,
  Subscription,
} from './aedes-internals.d.ts'
import { returnCodeOf } from './return-codes.ts'

/**
 * The decisions that Aedes asks for. Only a plain `true` opens a gate: an answer that is anything else, a throw, a
 * rejection or an answer that never comes leaves it closed and is reported.
 */
export interface Gates {
  /** A CONNECT was read; nothing has been believed yet. To throw here is to close without an answer. */
  connecting(client: Client, packet: ConnectPacket): void
  /** A rejection refuses; `returnCodeOf` says what the client is told. */
  authenticate(client: Client, userName: string | undefined, password: Buffer | undefined): Promise<boolean>
  /** Told once about each login that was refused, for whatever reason. */
  loginRefused(client: Client, reason: unknown): void
  /** false closes the connection. */
  mayPublish(client: Client, packet: PublishPacket): boolean
  /** false answers SUBACK 0x80. Also asked for each stored subscription when a session is resumed. */
  maySubscribe(client: Client, subscription: Subscription): boolean
  /** Asked for each delivery, queued and retained ones included. */
  mayReceive(client: Client, packet: PublishPacket): boolean
}

export interface AedesParts {
  /** Sorts queued messages of earlier starts before later ones: a number of fixed width. */
  readonly id: string
  readonly persistence: AedesPersistence
  readonly gates: Gates
  readonly log: Log
  /** How long `authenticate` may take. @defaultValue 9_000, just below the deadline from accept to CONNACK */
  readonly gateTimeoutMs?: number
}

/** Longer than the deadline of admission, which is the one that counts. */
const CONNECT_TIMEOUT_MS = 60_000

/** Builds the one Aedes of this process: the only place where its hooks and its errors are touched. */
export async function createAedes(parts: AedesParts): Promise<AedesBroker> {
  const { id, persistence, gates, log, gateTimeoutMs = 9_000 } = parts

  const opens = (gate: string, decide: () => unknown): boolean => {
    try {
      const answer = decide()
      if (typeof answer === 'boolean') return answer
      // A promise among the answers would count as yes, and its rejection would end the process.
      Promise.resolve(answer).catch(() => {})
      throw new TypeError(`the gate ${gate} must answer true or false at once`)
    } catch (error) {
      log.error({ event: 'gate-failed', gate, error }, 'A gate failed, and stays closed.')
      return false
    }
  }

  const options = {
    id,
    persistence,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // With a limit, messages beyond it are queued, and the queue is worked off by recursion: thousands of messages
    // without a subscriber end the process.
    concurrency: 0,
    // What follows a CONNECT is held back as bytes (hardening.ts), so this queue stays empty.
    queueLimit: 1,
    // MQTT 3.1 allows 23; device ids have 24. How long an id may be is the authenticate gate's decision.
    maxClientsIdLength: 65_535,

    preConnect(client: Client, packet: ConnectPacket, done: (error: Error | null, go?: boolean) => void): void {
      const goes = opens('connecting', () => {
        gates.connecting(client, packet)
        return true
      })
      done(goes ? null : new Error('CONNECT refused'), goes)
    },

    authenticate(
      client: Client,
      userName: string | undefined,
      password: Buffer | undefined,
      done: (error: unknown, go: boolean) => void,
    ): void {
      settle(
        () => gates.authenticate(client, userName, password),
        gateTimeoutMs,
        (error, answer) => {
          if (error === undefined && answer === true) return done(null, true)
          const reason = error ?? new TypeError('the gate authenticate did not answer true')
          opens('loginRefused', () => {
            gates.loginRefused(client, reason)
            return true
          })
          done(Object.assign(new Error('login refused'), { returnCode: returnCodeOf(reason) }), false)
        },
        (fault) => {
          log.error({ event: 'broker-fault', error: fault }, 'The broker failed while it answered a login.')
          client.conn.destroy()
        },
      )
    },

    // Without a client it would be the will of a dead broker; wills are kept by persistence.ts instead.
    authorizePublish(client: Client | null, packet: PublishPacket, done: (error: Error | null) => void): void {
      packet.dup = false // [MQTT-3.3.1-3]
      const goes = client !== null && opens('mayPublish', () => gates.mayPublish(client, packet))
      done(goes ? null : new PublishRefused())
    },

    authorizeSubscribe(
      client: Client,
      subscription: Subscription,
      done: (error: null, granted: Subscription | null) => void,
    ): void {
      done(null, opens('maySubscribe', () => gates.maySubscribe(client, subscription)) ? subscription : null)
    },

    authorizeForward(client: Client, packet: PublishPacket): PublishPacket | null {
      return opens('mayReceive', () => gates.mayReceive(client, packet)) ? packet : null
    },
  }

  // The package's types know half of this; aedes-internals.d.ts and its contract test vouch for the rest.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const aedes = (await Aedes.createBroker(options as never)) as unknown as AedesBroker
  aedes.on('error', (error: unknown) => log.error({ event: 'broker-fault', error }, 'The broker reported a fault.'))
  return aedes
}

/** Where Aedes hands the bytes of a client to. */
// oxlint-disable-next-line no-underscore-dangle
export const parserOf = (client: Client): Parser => client._parser

/** Whether the client ended the connection as it should, so that its will is moot [MQTT-3.14.4-3]. */
// oxlint-disable-next-line no-underscore-dangle
export const saidDisconnect = (client: Client): boolean => client._disconnected

/** A client published where it may not. The gate has reported it. */
export class PublishRefused extends Error {
  override readonly name = 'PublishRefused'

  constructor() {
    super('publish refused')
  }
}

/** Runs `work` and answers exactly once, whatever it does: answers, throws, rejects, or never comes back. */
function settle<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  answered: (error: unknown, value?: T) => void,
  onFault: (error: unknown) => void,
): void {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  const answer = new Promise<T>((resolve) => resolve(work()))
  Promise.race([answer, late])
    .finally(() => clearTimeout(timer))
    .then(
      (value) => answered(undefined, value),
      (error: unknown) => answered(error ?? new Error('rejected without a reason')),
    )
    .catch(onFault)
}
