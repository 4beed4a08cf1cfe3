import type { Database } from '../../storage/index.ts'

export { DurablePersistence, type DurablePersistenceParts, type PersistenceCounters } from './durable-persistence.ts'
export type { StoredPacket } from './message-codec.ts'
export { readRoom, rooms } from './layout.ts'
export { persistenceDefaults, type PersistenceOptions } from './limits.ts'
export type { QueuedPacket, QueuedPubrel } from './queued-packet.ts'
export type { EnqueueTarget } from './queues.ts'
export type { SessionQueue } from './session-queue.ts'
export { NO_ID, Stage } from './progress.ts'
export { clearStoredRetained, forgetStored, listStoredRetained, type RetainedPage } from './stored-retained.ts'
export { PersistenceAudit } from './store-audit.ts'
export type { Entry, Live, StoredSubscription } from './stored-session.ts'

/** The broker id of a start: later starts sort after earlier ones, and so do the messages that they queued. */
export const brokerIdOf = (bootNumber: number): string => String(bootNumber).padStart(12, '0')

/** Where sessions, queues, retained messages and wills are kept: the open store, or what a test has of one. */
export type BrokerDatabase = Pick<Database, 'level' | 'writer' | 'bootNumber'>
