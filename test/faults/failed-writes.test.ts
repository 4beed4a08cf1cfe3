import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { DurablePersistence } from '../../broker/persistence/index.ts'
import { openDatabase } from '../../storage/index.ts'
import { FaultyLevel, type Fault } from '../support/faulty-level.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { work, wrongs } from './workload.ts'

const STEPS = process.env['MOORING_LONG_TESTS'] === '1' ? 600 : 200

interface Run {
  readonly writes: number
  readonly failed: number
  readonly wrong: readonly string[]
}

/** Does the scenario once; then a start looks at what is there. */
async function run(folder: string, fault: (n: number) => Fault): Promise<Run> {
  let level: FaultyLevel | undefined
  const database = await openDatabase(folder, {
    makeLevel: (location, options) => (level = new FaultyLevel(location, options)),
  })
  // Not the writes with which a store begins: without them there is none.
  const begun = level!.writes
  level!.fault = (n) => fault(n - begun)
  const lines: string[] = []
  const persistence = new DurablePersistence({ database, log: memoryLog() })
  await persistence.setup({ id: '1' })
  await work(persistence, 0, STEPS, (line) => lines.push(line))
  await persistence.idle()
  const writes = level!.writes - begun
  await database.close()

  const next = await openDatabase(folder)
  try {
    const found = new DurablePersistence({ database: next, log: memoryLog() })
    await found.setup({ id: '2' })
    const failed = lines.filter((line) => line.startsWith('failed')).length
    return { writes, failed, wrong: await wrongs(found, lines) }
  } finally {
    await next.close()
  }
}

for (const fault of ['lost', 'unsure'] as const) {
  test(`whichever write fails (${fault}): what was promised is kept, and the store can be written again`, async (t) => {
    const folder = await aFolder(t)
    const whole = await run(join(folder, 'whole'), () => undefined)
    assert.deepEqual([whole.failed, whole.wrong], [0, []])
    assert.ok(whole.writes >= 8, `only ${whole.writes} writes`)
    for (let failing = 1; failing <= whole.writes; failing++) {
      const { wrong, failed } = await run(join(folder, `${failing}`), (n) => (n === failing ? fault : undefined))
      assert.deepEqual(wrong, [], `write ${failing} of ${whole.writes}`)
      assert.ok(failed < STEPS, `after write ${failing} nothing was written any more`)
    }
  })
}
