import type { Log } from '../registry/index.ts'
import type { AedesHooks, ConnectPacket, PublishPacket, StoredPublish, Subscription } from './aedes-internals.d.ts'
import type { Connection } from './connection.ts'
import { PublishRefused } from './disconnects.ts'
import { returnCodeOf } from './return-codes.ts'

/**
 * The decisions that Aedes asks for. Only a plain `true` opens a gate: an answer that is anything else, a throw, a
 * rejection or an answer that never comes leaves it closed and is reported.
 */
export interface Gates {
  /** A rejection refuses; `returnCodeOf` says what the client is told. */
  authenticate(client: Connection, userName: string | undefined, password: Buffer | undefined): Promise<boolean>
  /** Told once about each login that was refused, for whatever reason. */
  loginRefused(client: Connection, reason: unknown): void
  /** false closes the connection. */
  mayPublish(client: Connection, packet: PublishPacket): boolean
  /** false answers SUBACK 0x80. Also asked for each stored subscription when a session is resumed. */
  maySubscribe(client: Connection, subscription: Subscription): boolean
  /** Asked for each delivery, queued and retained ones included. */
  mayReceive(client: Connection, packet: Pick<PublishPacket, 'topic'>): boolean
}

export interface HooksParts {
  readonly gates: Gates
  readonly log: Log
  /** How long `authenticate` may take, in milliseconds. */
  readonly gateTimeoutMs: number
}

const PUBLISH_REFUSED = new PublishRefused()

/** Our gates in the shape of Aedes' hooks. */
export function hooksOf({ gates, log, gateTimeoutMs }: HooksParts): AedesHooks<Connection> {
  /** Not a boolean, or thrown: closed. */
  const closed = (gate: string, error: unknown): false => {
    log.error({ event: 'gate-failed', gate, error }, 'A gate failed, and stays closed.')
    return false
  }
  const notBoolean = (gate: string, answer: unknown): false => {
    // A promise among the answers would count as yes, and its rejection would end the process.
    Promise.resolve(answer).catch(() => {})
    return closed(gate, new TypeError(`the gate ${gate} must answer true or false at once`))
  }

  return {
    preConnect(_client: Connection, _packet: ConnectPacket, done): void {
      done(null, true)
    },

    authenticate(client, userName, password, done): void {
      settle(
        () => gates.authenticate(client, userName, password),
        gateTimeoutMs,
        (error, answer) => {
          if (error === undefined && answer === true) return done(null, true)
          const reason = error ?? new TypeError('the gate authenticate did not answer true')
          try {
            gates.loginRefused(client, reason)
          } catch (fault) {
            closed('loginRefused', fault)
          }
          done(Object.assign(new Error('login refused'), { returnCode: returnCodeOf(reason) }), false)
        },
        (fault) => {
          log.error({ event: 'broker-fault', error: fault }, 'The broker failed while it answered a login.')
          client.stream.destroy()
        },
      )
    },

    // Without a client it would be the will of a dead broker; wills are kept by wills.ts instead.
    authorizePublish(client, packet, done): void {
      if (client === null) return done(PUBLISH_REFUSED)
      let goes: boolean
      try {
        goes = gates.mayPublish(client, packet)
        if (typeof goes !== 'boolean') goes = notBoolean('mayPublish', goes)
      } catch (error) {
        goes = closed('mayPublish', error)
      }
      done(goes ? null : PUBLISH_REFUSED)
    },

    authorizeSubscribe(client, subscription, done): void {
      let goes: boolean
      try {
        goes = gates.maySubscribe(client, subscription)
        if (typeof goes !== 'boolean') goes = notBoolean('maySubscribe', goes)
      } catch (error) {
        goes = closed('maySubscribe', error)
      }
      done(null, goes ? subscription : null)
    },

    authorizeForward<Packet extends PublishPacket | StoredPublish>(client: Connection, packet: Packet): Packet | null {
      let goes: boolean
      try {
        goes = gates.mayReceive(client, packet)
        if (typeof goes !== 'boolean') goes = notBoolean('mayReceive', goes)
      } catch (error) {
        goes = closed('mayReceive', error)
      }
      return goes ? packet : null
    },

    published: nothingElse,
  }
}

/** Aedes waits for this hook before it acknowledges. Nothing of ours hangs on it, so the fast path need not ask it. */
export const nothingElse: AedesHooks<Connection>['published'] = (_packet, _client, done) => done(null)

/** Runs `work` and answers exactly once, whatever it does: answers, throws, rejects, or never comes back. */
function settle<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  answer: (error: unknown, value?: T) => void,
  onFault: (error: unknown) => void,
): void {
  let isSettled = false
  const settled = (error: unknown, value?: T): void => {
    if (isSettled) return
    isSettled = true
    clearTimeout(timer)
    try {
      answer(error, value)
    } catch (fault) {
      onFault(fault)
    }
  }
  const failed = (error: unknown): void => settled(error ?? new Error('rejected without a reason'))
  const timer = setTimeout(() => settled(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    // What is no promise answers too.
    Promise.resolve(work()).then((value) => settled(undefined, value), failed)
  } catch (error) {
    failed(error)
  }
}
