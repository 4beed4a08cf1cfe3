import { connectOperator, type DeviceFilterRequest, type Operator } from '../../../admin/index.ts'
import { newPath, type Bench } from '../../bench.ts'
import { runMooring, startMooring } from '../../brokers/mooring.ts'
import { runCommand } from '../../command.ts'
import { contestantScript } from '../../places.ts'
import { memoryOf } from '../../process-memory.ts'
import type { Goal } from '../../report.ts'
import type { Quantity, Tally } from '../../tally.ts'

const DEVICES = 1_000_000
const PAGES = 100
const PAGE = 50

/** The half of one token, and lines that only the other half has: nothing is found, after a long way. */
const NOTHING = { token: 'token-1', tag: 'line=8' }

const filters: readonly (readonly [what: string, filter: DeviceFilterRequest])[] = [
  ['all', {}],
  ['active', { state: 'active' }],
  ['the last tenth by time', { since: '2026-01-02T01:00:00Z' }],
  ['quarantined (1 in 10,000)', { state: 'quarantined' }],
  ['a tag of all', { tag: 'DeviceRecipe=tl-generator' }],
  ['a tag (1 in 100)', { tag: 'line=7' }],
  ['a token (1 in 2)', { token: 'token-1' }],
  ['token, tag and state', { token: 'token-1', tag: 'line=7', state: 'quarantined' }],
  ['a token and a tag that no device has together', NOTHING],
  ['a prefix (1 in 16)', { prefix: 'a' }],
  ['a prefix and a state (1 in 160,000)', { prefix: 'a', state: 'quarantined' }],
]

const quantityOf = (what: string): Quantity => ({
  what: `page of 50 of 1,000,000 devices, p99: ${what}`,
  unit: 'ms',
  better: 'lower',
})

const MEMORY = {
  what: 'memory of the server after these pages, without those of files',
  unit: 'MB',
  better: 'lower',
} as const

/** Over the admin socket: the search, the check of the answer by its schema, and JSON both ways. */
export async function measurePages({ folder, cores, repeats, say }: Bench, tally: Tally): Promise<void> {
  say('1,000,000 devices are made')
  const data = newPath(folder, 'million-devices')
  // What belongs to a new folder is in it before it is filled.
  await runMooring(['token', 'create', '--data', data, '--json'])
  await runCommand(process.execPath, [contestantScript('fill-devices'), '--data', data, '--devices', `${DEVICES}`])
  const server = await startMooring({ data, folder, cores: [cores.broker] })
  try {
    const operator = await connectOperator(data)
    if (operator === undefined) throw new Error('the server is not there')
    for (let repeat = 1; repeat <= repeats; repeat++) {
      say(`pages, repeat ${repeat}`)
      for (const [what, filter] of filters) tally.add(quantityOf(what), server.name, await p99Of(operator, filter))
    }
    tally.add(MEMORY, server.name, memoryOf(server.pid).own)
  } finally {
    await server.stop()
  }
}

export const pageGoals: readonly Goal[] = filters.map(([what]) => ({
  row: quantityOf(what).what,
  of: 'Mooring',
  atMost: 50,
}))

/** From the first page on, and from the first again when there are no more. */
async function p99Of(operator: Operator, filter: DeviceFilterRequest): Promise<number> {
  const times: number[] = []
  for (let after: string | undefined; times.length < PAGES;) {
    const begun = performance.now()
    const page = await operator.listDevices({ ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) })
    times.push(performance.now() - begun)
    after = page.next
  }
  return times.toSorted((one, other) => one - other)[Math.ceil(0.99 * PAGES) - 1] ?? Number.NaN
}
