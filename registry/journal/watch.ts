import type { Log } from '../log.ts'
import type { RegistryStore } from '../store.ts'
import type {
  AdminRefusal,
  Attempts,
  AttemptRefusal,
  HandshakeFailure,
  LoginAttempt,
  RegistrationAttempt,
} from './attempts.ts'
import { bounded, type JournalFacts } from './entry.ts'
import type { Journal } from './journal.ts'
import type { Repeats } from './repeats.ts'
import { TokenClaims } from './token-claims.ts'
import type { Suspicion, Whereabouts } from './whereabouts.ts'

/** The record that tokens without an ID of their own belong to. */
const NO_TOKEN_ID = 'legacy'

export interface WatchParts {
  readonly journal: Pick<Journal, 'record'>
  readonly repeats: Repeats
  readonly whereabouts: Whereabouts
  readonly store: Pick<RegistryStore, 'findAccessKey' | 'findDeviceId' | 'findDevice'>
  readonly log: Log
  readonly now: () => Date
}

/** Hears of every attempt, and decides what of it the journal keeps. */
export class Watch {
  readonly #parts: WatchParts
  readonly #claims = new TokenClaims()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  listenTo({ registrationEnded, loginEnded, handshakeFailed, adminRefused }: Attempts): void {
    registrationEnded.on((attempt) => this.#registrationEnded(attempt))
    loginEnded.on((attempt) => this.#loginEnded(attempt))
    handshakeFailed.on((failure) => this.#handshakeFailed(failure))
    adminRefused.on((refused) => this.#adminRefused(refused))
  }

  #registrationEnded(attempt: RegistrationAttempt): void {
    if (attempt.deviceId === undefined) return this.#registrationRefused(attempt)
    const { deviceId, manufacturerId, address, transport, latencyMs, returned } = attempt
    const tokenId = this.#claims.of(attempt.token).tokenId ?? NO_TOKEN_ID
    const facts = { deviceId, manufacturerId, tokenId, address, transport, latencyMs: rounded(latencyMs) }
    if (returned === undefined) this.#parts.journal.record({ kind: 'registration', result: 'accepted', ...facts })
    else this.#parts.journal.record({ kind: 'return', result: 'accepted', reason: returned, ...facts })
    this.#registeredAt(deviceId, attempt)
  }

  #registrationRefused(attempt: RegistrationAttempt): void {
    const { address, transport, latencyMs, token, refusal, manufacturerId } = attempt
    const code = refusal?.code
    this.#parts.repeats.tell(`registration ${code} ${address} ${manufacturerId}`, () => {
      const { tokenId, times } = this.#claims.of(token)
      return {
        kind: 'registration',
        result: refusal?.fault === true ? 'failed' : 'refused',
        code,
        reason: refusal?.reason === undefined ? undefined : bounded(refusal.reason),
        manufacturerId: manufacturerId === undefined ? undefined : bounded(manufacturerId),
        tokenId,
        ...(code === 'ERR_REGISTRATION_TOKEN_INVALID' ? { tokenTimes: times } : {}),
        address,
        transport,
        latencyMs: rounded(latencyMs),
        ...this.#retryAt(refusal),
      }
    })
    // Its token held, so it is a device of ours or one that was copied.
    if (code !== 'ERR_DEVICE_ALREADY_REGISTERED' || manufacturerId === undefined) return
    const deviceId = this.#parts.store.findDeviceId(manufacturerId)
    if (deviceId !== undefined) this.#registeredAt(deviceId, attempt)
  }

  #registeredAt(deviceId: string, { address, transport }: RegistrationAttempt): void {
    const at = this.#parts.now().getTime()
    const suspicion = this.#parts.whereabouts.registered(deviceId, { at, address, transport, loggedIn: false })
    if (suspicion !== undefined) this.#suspect(deviceId, suspicion)
  }

  #loginEnded(attempt: LoginAttempt): void {
    const { principal, address, transport, takesOver } = attempt
    if (principal === undefined) return this.#loginRefused(attempt)
    if (principal.kind !== 'device') return
    const at = this.#parts.now().getTime()
    const sighting = { at, address, transport, loggedIn: true }
    const suspicion = this.#parts.whereabouts.loggedIn(principal.deviceId, sighting, takesOver)
    if (suspicion !== undefined) this.#suspect(principal.deviceId, suspicion)
  }

  #loginRefused({ address, transport, clientId, accessKey, refusal }: LoginAttempt): void {
    const { code, reason = '', fault = false } = refusal ?? {}
    this.#parts.repeats.tell(`login ${code} ${address} ${accessKey} ${reason}`, () => {
      const key = this.#parts.store.findAccessKey(accessKey)
      return {
        kind: 'login',
        result: fault ? 'failed' : 'refused',
        code,
        reason: bounded(reason),
        deviceId: key?.kind === 'device' ? key.deviceId : undefined,
        clientId: bounded(clientId),
        accessKey: bounded(accessKey),
        address,
        transport,
      }
    })
  }

  #handshakeFailed({ address, transport, reason }: HandshakeFailure): void {
    this.#parts.repeats.tell(`tls ${address} ${transport} ${reason}`, () => {
      return { kind: 'tls', result: 'failed', reason: bounded(reason), address, transport }
    })
  }

  #adminRefused({ caller, kind, operation, transport, refusal }: AdminRefusal): void {
    const { code, reason } = refusal
    const name = bounded(caller.name ?? '')
    this.#parts.repeats.tell(`admin ${operation} ${code} ${caller.kind} ${name} ${caller.address}`, () => {
      return {
        kind,
        result: 'refused',
        code,
        reason,
        address: caller.address,
        transport,
        caller: { ...caller, ...(name === '' ? {} : { name }) },
        operation,
        ...this.#retryAt(refusal),
      }
    })
  }

  #retryAt(refusal: AttemptRefusal | undefined): Pick<JournalFacts, 'retryAt'> {
    const { retryAfterSeconds: seconds } = refusal ?? {}
    if (seconds === undefined) return {}
    return { retryAt: new Date(this.#parts.now().getTime() + seconds * 1000).toISOString() }
  }

  #suspect(deviceId: string, suspicion: Suspicion): void {
    const manufacturerId = this.#parts.store.findDevice(deviceId)?.manufacturerId
    const facts: JournalFacts = { kind: 'clone', result: 'suspected', deviceId, manufacturerId, ...suspicion }
    this.#parts.journal.record(facts)
    this.#parts.log.warn(
      { event: 'clone-suspected', deviceId, ...suspicion },
      'Two devices seem to use the credentials of one.',
    )
  }
}

const rounded = (milliseconds: number): number => Math.round(milliseconds * 10) / 10
