import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { newPath, type Bench } from '../../bench.ts'
import { startMooring } from '../../brokers/mooring.ts'
import { program } from '../../places.ts'
import { memoryOf } from '../../process-memory.ts'
import type { Goal } from '../../report.ts'
import type { Tally } from '../../tally.ts'

const ROWS = 100_000
const LOOK_EVERY_MS = 10

const TIME = { what: 'import of an allow-list of 100,000 rows', unit: 's', better: 'lower' } as const
const OF_COMMAND = { what: 'most memory of its command', unit: 'MB', better: 'lower' } as const
const OF_SERVER = { what: 'most memory of the server then', unit: 'MB', better: 'lower' } as const

/** `mooring allow import` beside a server that runs, each import in the place of the one before. */
export async function measureImport({ folder, cores, repeats, say }: Bench, tally: Tally): Promise<void> {
  const data = newPath(folder, 'allow-list-data')
  const server = await startMooring({ data, folder, cores: [cores.broker] })
  try {
    for (let repeat = 1; repeat <= repeats; repeat++) {
      say(`import, repeat ${repeat}`)
      const file = newPath(folder, 'allow-list.csv')
      const rows = Array.from(
        { length: ROWS },
        (_, row) => `A${repeat}-${row},site=berlin;line=${row % 10},note ${row}\n`,
      )
      writeFileSync(file, `manufacturerId,tags,note\n${rows.join('')}`)
      const begun = performance.now()
      const { code, peak } = await peakOf([program, 'allow', 'import', file, '--data', data, '--json'])
      if (code !== 0) throw new Error(`the import ended with exit code ${String(code)}`)
      tally.add(TIME, server.name, (performance.now() - begun) / 1000)
      tally.add(OF_COMMAND, server.name, peak)
    }
    tally.add(OF_SERVER, server.name, memoryOf(server.pid).peak)
  } finally {
    await server.stop()
  }
}

export const importGoals: readonly Goal[] = [
  { row: TIME.what, of: 'Mooring', atMost: 10 },
  { row: OF_COMMAND.what, of: 'Mooring', atMost: 200 },
  { row: OF_SERVER.what, of: 'Mooring', atMost: 200 },
]

async function peakOf(args: readonly string[]): Promise<{ code: unknown; peak: number }> {
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  let peak = 0
  const timer = setInterval(() => {
    // It is gone before that is heard of.
    try {
      peak = Math.max(peak, memoryOf(child.pid ?? 0).peak || 0)
    } catch {}
  }, LOOK_EVERY_MS)
  const [code]: unknown[] = await once(child, 'exit')
  clearInterval(timer)
  return { code, peak }
}
