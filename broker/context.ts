import type { AedesBroker } from './aedes-internals.d.ts'
import type { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import type { ConnectionLimits } from './limits.ts'
import { Logins } from './login.ts'
import { LoginTurns } from './login-turns.ts'
import { Flusher } from './output.ts'
import type { DurablePersistence } from './persistence/index.ts'
import type { Storing } from './publishing.ts'
import type { LoginRefusal } from './return-codes.ts'
import type { Router } from './router.ts'
import { Session } from './session.ts'
import type { Throttle } from './throttle.ts'
import { TimerWheel } from './timer-wheel.ts'
import type { Wills } from './wills.ts'

/** What the connections report beside what Aedes has events for. */
export interface Reports {
  /** It does not read, and messages of QoS 0 are dropped. Told once for each time that it does not. */
  dropping(connection: Connection): void
  /** It is faster than it may be, and is read more slowly. */
  throttled(connection: Connection): void
}

/** What has happened since the start; numbers that only grow. */
export interface BrokerCounters {
  messagesReceived: number
  /** Handed to connected clients, QoS 0, 1 and 2. */
  messagesSent: number
  /** Of QoS 0, for clients that do not read. */
  messagesDropped: number
  logins: number
  readonly loginsRefused: Record<LoginRefusal, number>
  protocolErrors: number
  limitsExceeded: number
  slowReaders: number
  throttled: number
}

export interface ContextParts {
  readonly broker: AedesBroker<Connection>
  readonly router: Router
  readonly persistence: DurablePersistence
  readonly wills: Wills<Connection>
  readonly limits: ConnectionLimits
  readonly reports: Reports
  /** Undefined when clients are not throttled by count. */
  readonly throttle: Throttle | undefined
}

/** What all connections of one broker share. */
export class BrokerContext {
  readonly broker: AedesBroker<Connection>
  readonly router: Router
  readonly persistence: DurablePersistence
  readonly wills: Wills<Connection>
  readonly limits: ConnectionLimits
  readonly reports: Reports
  readonly throttle: Throttle | undefined
  readonly counters: BrokerCounters = {
    messagesReceived: 0,
    messagesSent: 0,
    messagesDropped: 0,
    logins: 0,
    loginsRefused: { bad_credentials: 0, not_allowed: 0, busy: 0, fault: 0 },
    protocolErrors: 0,
    limitsExceeded: 0,
    slowReaders: 0,
    throttled: 0,
  }
  /** Sessions that outlive their connections, by client ID. */
  readonly sessions = new Map<string, Session>()
  readonly connections = new Connections()
  readonly logins = new Logins()
  readonly loginTurns = new LoginTurns()
  readonly wheel = new TimerWheel()
  readonly flusher = new Flusher()
  /** What waits for the commit that was begun last. */
  storing: Storing | undefined

  constructor({ broker, router, persistence, wills, limits, reports, throttle }: ContextParts) {
    this.broker = broker
    this.router = router
    this.persistence = persistence
    this.wills = wills
    this.limits = limits
    this.reports = reports
    this.throttle = throttle
    for (const { clientId, subscriptions } of persistence.storedSessions()) {
      const session = new Session(clientId, false, subscriptions)
      this.sessions.set(clientId, session)
      router.restore(session)
    }
  }

  close(): void {
    this.wheel.stop()
    for (const connection of this.connections) connection.stream.destroy()
  }
}
