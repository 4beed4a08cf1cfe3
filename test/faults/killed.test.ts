import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DurablePersistence } from '../../broker/persistence/index.ts'
import { openDatabase, type Durability } from '../../storage/index.ts'
import { verifyStore } from '../../upkeep/index.ts'
import { startChild } from '../support/child.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { cutToLastSync, reported } from './reporting-level.ts'
import { STEPS, wrongs } from './workload.ts'

const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))
const KILLS = process.env['MOORING_LONG_TESTS'] === '1' ? 20 : 3

/** Kills a worker at some moment, `KILLS` times over the same store, and looks after each what there is. */
async function killOften(
  t: TestContext,
  kills: number,
  durability: Durability,
  afterwards: (folder: string, report: readonly string[]) => Promise<void>,
): Promise<string[]> {
  const folder = join(await aFolder(t), 'data')
  const reportPath = join(folder, '..', 'report')
  for (let kill = 0; kill < kills; kill++) {
    const worker = startChild(t, process.execPath, [WORKER, folder, reportPath, `${kill * STEPS}`, durability])
    await worker.line(/100 more/, 1 + Math.floor(Math.random() * 10))
    worker.signal('SIGKILL')
    await worker.ended
    assert.deepEqual(
      worker.lines.filter((line) => line !== '100 more'),
      [],
    )

    const report = reported(reportPath)
    await afterwards(folder, report)
    await looksSound(folder, durability)
    const database = await openDatabase(folder)
    try {
      const persistence = new DurablePersistence({ database, log: memoryLog() })
      await persistence.setup({ id: 'the check' })
      const wrong = await wrongs(persistence, report)
      await persistence.destroy()
      if (wrong.length > 0) return wrong
    } finally {
      await database.close()
    }
  }
  return []
}

/** What a kill leaves is no damage. Without an fsync a cut may lose anything. */
async function looksSound(folder: string, durability: Durability): Promise<void> {
  const configured = new Set(['registration-secret', 'registration-issuer'])
  const { damages, faults } = await verifyStore({ folder, configured })
  if (durability === 'always') assert.deepEqual([damages, faults], [[], []])
}

test(`nothing acknowledged is lost, doubled or out of order after ${KILLS} kills`, async (t) => {
  assert.deepEqual(await killOften(t, KILLS, 'always', async () => {}), [])
})

test('nothing acknowledged is lost when the files are cut to their last fsync', async (t) => {
  assert.deepEqual(await killOften(t, KILLS, 'always', cutToLastSync), [])
})

test('without an fsync before the answer, the cut loses what was acknowledged: the test above can fail', async (t) => {
  const wrong = await killOften(t, 1, 'os', cutToLastSync)
  assert.ok(wrong.some((what) => what.includes('is lost')))
})

test('a kill alone loses nothing without an fsync either', async (t) => {
  assert.deepEqual(await killOften(t, 2, 'os', async () => {}), [])
})
