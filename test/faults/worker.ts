import { DurablePersistence } from '../../broker/persistence/index.ts'
import { openDatabase, type Durability } from '../../storage/index.ts'
import { memoryLog } from '../support/log.ts'
import { ReportingLevel, reportTo } from './reporting-level.ts'
import { STEPS, work } from './workload.ts'

// Works until it is killed, and reports what it was promised.

const [, , folder = '', reportPath = '', from = '0', durability = 'always'] = process.argv
const report = reportTo(reportPath)
const database = await openDatabase(folder, {
  durability: durability as Durability,
  makeLevel: (location, options) => new ReportingLevel(location, options, report),
})
const persistence = new DurablePersistence({ database, log: memoryLog() })
await persistence.setup({ id: `${database.bootNumber}` })
let reports = 0
await work(persistence, Number(from), Number(from) + STEPS, (line) => {
  report(line)
  if (++reports % 100 === 0) process.stdout.write('100 more\n')
})
