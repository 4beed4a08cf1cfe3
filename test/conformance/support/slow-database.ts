import { MemoryLevel } from 'memory-level'
import type { BrokerParts } from '../../../broker/broker.ts'
import { memoryDatabase } from '../../support/registry.ts'
import { turns } from './in-time.ts'

/** A database that takes as long as a disk does, so that what needs no storage can overtake what does. */
export function slowDatabase(): BrokerParts['database'] {
  const database = new MemoryLevel()
  const begin = database.batch.bind(database) as () => { write(options?: object): Promise<void> }
  const late = (): unknown => {
    const batch = begin()
    const write = batch.write.bind(batch)
    return Object.assign(batch, { write: (options?: object) => turns(3).then(() => write(options)) })
  }
  Object.assign(database, { batch: late })
  return memoryDatabase(database)
}
