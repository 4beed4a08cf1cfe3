import { startMooring } from '../brokers/mooring.ts'
import { makeLargeStore } from '../large-store.ts'
import { memoryOf } from '../process-memory.ts'
import { Tally } from '../tally.ts'
import type { Suite } from './suite.ts'

const DEVICES = 100_000
const UNTIL_SERVING = { what: 'from start to serving', unit: 's', better: 'lower' } as const
const MEMORY = { what: 'memory when it serves', unit: 'MB', better: 'lower' } as const
const PEAK = { what: 'most memory until then', unit: 'MB', better: 'lower' } as const

/** A start on a store that has grown. It may use every core, as it would. */
export const start: Suite = {
  name: 'start',
  title: 'Start on a store of 100,000 devices',
  async run(bench) {
    const tally = new Tally()
    bench.say('a store of 100,000 devices is made')
    const { data } = await makeLargeStore(bench.folder, { devices: DEVICES })
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`start, repeat ${repeat}`)
      const server = await startMooring({ data, folder: bench.folder })
      const { rss, peak } = memoryOf(server.pid)
      await server.stop()
      tally.add(UNTIL_SERVING, server.name, server.startMs / 1000)
      tally.add(MEMORY, server.name, rss)
      tally.add(PEAK, server.name, peak)
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: UNTIL_SERVING.what, of: 'Mooring', atMost: 3 },
        { row: MEMORY.what, of: 'Mooring', atMost: 400 },
        { row: PEAK.what, of: 'Mooring', atMost: 400 },
      ],
    }
  },
}
