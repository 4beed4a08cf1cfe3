import { MemoryLevel } from 'memory-level'
import type { BrokerParts } from '../../../broker/broker.ts'
import { turns } from './in-time.ts'

/** A database that takes as long as a disk does, so that what needs no storage can overtake what does. */
export function slowDatabase(): BrokerParts['database'] {
  const database = new MemoryLevel()
  for (const method of ['get', 'put', 'del', 'batch'] as const) {
    const atOnce = database[method].bind(database) as (...args: unknown[]) => unknown
    // Without operations, `batch` begins a chain of them, and that takes no time.
    const late = (...args: unknown[]): unknown => (args.length === 0 ? atOnce() : turns(3).then(() => atOnce(...args)))
    Object.assign(database, { [method]: late })
  }
  return database
}
