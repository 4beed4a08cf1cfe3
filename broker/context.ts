import type { AedesBroker } from './aedes-internals.d.ts'
import type { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import type { ConnectionLimits } from './limits.ts'
import { Logins } from './login.ts'
import { Flusher } from './output.ts'
import type { SessionPersistence } from './persistence.ts'
import type { Router } from './router.ts'
import { Session } from './session.ts'
import { TimerWheel } from './timer-wheel.ts'
import type { Wills } from './wills.ts'

/** What the connections report beside what Aedes has events for. */
export interface Reports {
  /** It does not read, and messages of QoS 0 are dropped. Told once for each time that it does not. */
  dropping(connection: Connection): void
  /** It is faster than it may be, and is read more slowly. */
  throttled(connection: Connection): void
}

export interface ContextParts {
  readonly broker: AedesBroker<Connection>
  readonly router: Router
  readonly persistence: SessionPersistence
  readonly wills: Wills<Connection>
  readonly limits: ConnectionLimits
  readonly reports: Reports
}

/** What all connections of one broker share. */
export class BrokerContext {
  readonly broker: AedesBroker<Connection>
  readonly router: Router
  readonly persistence: SessionPersistence
  readonly wills: Wills<Connection>
  readonly limits: ConnectionLimits
  readonly reports: Reports
  /** Sessions that outlive their connections, by client ID. */
  readonly sessions = new Map<string, Session>()
  readonly connections = new Connections()
  readonly logins = new Logins()
  readonly wheel = new TimerWheel()
  readonly flusher = new Flusher()

  constructor({ broker, router, persistence, wills, limits, reports }: ContextParts) {
    this.broker = broker
    this.router = router
    this.persistence = persistence
    this.wills = wills
    this.limits = limits
    this.reports = reports
    for (const { clientId, subscriptions } of persistence.storedSessions()) {
      const session = new Session(clientId, false)
      this.sessions.set(clientId, session)
      for (const { topic, qos } of subscriptions) router.subscribe(session, topic, qos)
    }
  }

  close(): void {
    this.wheel.stop()
    for (const connection of this.connections) connection.conn.destroy()
  }
}
