import type { Bench } from '../bench.ts'
import type { LoadResult } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { mooring, withBrokers, type Start } from './contestants.ts'
import {
  AEDES_LEVEL,
  aedesWithLevel,
  drain as drainSessions,
  drainUse,
  FEWER_NOTE,
  persistentMosquitto,
  queue,
  warmUp,
} from './queue-load.ts'
import type { Suite } from './suite.ts'

const RETURN = {
  rate: { what: 'on return', unit: '/s', better: 'higher' },
  cost: { what: 'on return, broker CPU a message', unit: 'µs', better: 'lower' },
} as const
const COLD = {
  rate: { what: 'after a restart', unit: '/s', better: 'higher' },
  cost: { what: 'after a restart, broker CPU a message', unit: 'µs', better: 'lower' },
} as const

const QUEUEING = { window: 64 } as const

/** Of a contestant that is not there. */
const NOT_STARVED = { wall: 1, broker: 0, idle: 1 } as const

/** From the first CONNECT of 50 sessions that come back to the last message. */
export const drain: Suite = {
  name: 'drain',
  title: 'Draining QoS 1: 50 sessions return at once',
  async run(bench) {
    const tally = new Tally()
    tally.note(FEWER_NOTE)
    await withBrokers(bench, tally, [mooring, aedesWithLevel, persistentMosquitto(bench)], async (brokers) => {
      for (const broker of brokers) await warmUp(bench, broker)
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`sessions return, repeat ${repeat}`)
        for (const broker of brokers) {
          await measure(tally, RETURN, broker.name, async () => {
            await queue(bench, broker, QUEUEING)
            return await drainSessions(bench, broker)
          })
        }
      }
    })
    const mosquitto = persistentMosquitto(bench)
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`sessions return after a restart, repeat ${repeat}`)
      await measureCold(bench, tally, 'Mooring', mooring)
      await measureCold(bench, tally, 'mosquitto', mosquitto)
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: RETURN.rate.what, of: 'Mooring', against: 'mosquitto', atLeast: 3 },
        { row: RETURN.rate.what, of: 'Mooring', against: AEDES_LEVEL, atLeast: 50 },
        { row: COLD.rate.what, of: 'Mooring', against: 'mosquitto', atLeast: 1.2 },
      ],
    }
  },
}

/** Both brokers end in order in between, for mosquitto would lose what it holds. */
async function measureCold(bench: Bench, tally: Tally, name: string, start: Start): Promise<void> {
  await measure(tally, COLD, name, async () => {
    await withBrokers(bench, tally, [start], async ([broker]) => {
      if (broker !== undefined) await queue(bench, broker, QUEUEING)
    })
    let load: LoadResult | undefined
    await withBrokers(bench, tally, [start], async ([broker]) => {
      if (broker !== undefined) load = await drainSessions(bench, broker)
    })
    return load
  })
}

async function measure(
  tally: Tally,
  { rate, cost }: typeof RETURN | typeof COLD,
  name: string,
  attempt: () => Promise<LoadResult | undefined>,
): Promise<void> {
  const { result, refused } = await fairly(attempt, (load) => (load === undefined ? NOT_STARVED : drainUse(load)))
  tally.refused(rate, name, refused)
  if (result === undefined) return
  tally.add(rate, name, result.number('drain_per_s'))
  tally.add(cost, name, result.number('drain_cpu_us_per_msg'))
  const [lost, doubled] = [result.number('lost'), result.number('dup')]
  if (lost > 0) tally.note(`${name} lost ${lost} messages ${rate.what}.`)
  if (doubled > 0) tally.note(`${name} sent ${doubled} messages twice ${rate.what}.`)
}
