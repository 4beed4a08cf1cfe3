import type { Principal } from '../principal.ts'
import { Signal } from '../signal.ts'
import type { ReturnReason } from '../returns/index.ts'
import type { JournalCaller } from './caller.ts'

/** Why somebody was not let in. */
export interface AttemptRefusal {
  readonly code: string
  /** For the operator: which check failed. */
  readonly reason?: string | undefined
  /** It was our fault, not the caller's. */
  readonly fault?: boolean
  /** After which it was told to come again. */
  readonly retryAfterSeconds?: number
}

export interface RegistrationAttempt {
  readonly address: string
  readonly transport: 'http' | 'https'
  readonly latencyMs: number
  /** Undefined when the request was refused before it could be read. */
  readonly manufacturerId: string | undefined
  /** As it was sent. */
  readonly token: unknown
  /** Of the device that was registered; undefined when it was refused. */
  readonly deviceId: string | undefined
  /** Why a device that had credentials before was given others. */
  readonly returned?: ReturnReason | undefined
  readonly refusal: AttemptRefusal | undefined
}

export interface LoginAttempt {
  readonly address: string
  readonly transport: string
  readonly clientId: string
  readonly accessKey: string
  /** Undefined when the login was refused. */
  readonly principal: Principal | undefined
  /** Another connection with this client ID was open, and is closed now. */
  readonly takesOver: boolean
  readonly refusal: AttemptRefusal | undefined
}

/** Somebody wanted to administer this, and was not let. */
export interface AdminRefusal {
  /** As he says himself; the name of an API token that does not hold is not known. */
  readonly caller: JournalCaller
  /** `login`: it is not believed who he is. `operation`: he may not do this. */
  readonly kind: 'login' | 'operation'
  /** Name of the operation that he asked for. */
  readonly operation: string
  readonly transport: 'http' | 'https'
  readonly refusal: AttemptRefusal
}

export interface HandshakeFailure {
  readonly address: string
  readonly transport: 'tls' | 'https'
  readonly reason: string
}

/** What the doors tell of everyone who came. The registry owns the signals, the doors emit them. */
export class Attempts {
  readonly registrationEnded: Signal<RegistrationAttempt>
  readonly loginEnded: Signal<LoginAttempt>
  readonly handshakeFailed: Signal<HandshakeFailure>
  readonly adminRefused: Signal<AdminRefusal>

  constructor(reportFault: (error: unknown) => void) {
    this.registrationEnded = new Signal(reportFault)
    this.loginEnded = new Signal(reportFault)
    this.handshakeFailed = new Signal(reportFault)
    this.adminRefused = new Signal(reportFault)
  }
}
