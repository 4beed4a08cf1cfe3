import type { Bench } from '../bench.ts'
import type { Broker } from '../brokers/broker.ts'
import type { Goal } from '../report.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { mooring, withBrokers } from './contestants.ts'
import {
  AEDES_LEVEL,
  aedesWithLevel,
  FEWER_NOTE,
  forget,
  messagesFor,
  persistentMosquitto,
  queue,
  queueUse,
  warmUp,
} from './queue-load.ts'
import type { Suite } from './suite.ts'

const WINDOWS = [
  { window: 20, mosquitto: 1.1 },
  { window: 64, mosquitto: 1.2 },
] as const

const rateOf = (window: number) => ({ what: `${window} in flight`, unit: '/s', better: 'higher' }) as const
const costOf = (window: number) =>
  ({ what: `${window} in flight, broker CPU a message`, unit: 'µs', better: 'lower' }) as const

/** Publishers whose messages have to wait for sessions that are away. Mooring alone has them on the disk before PUBACK. */
export const queueing: Suite = {
  name: 'queueing',
  title: 'Queueing QoS 1 for 50 sessions that are away, from 10 publishers',
  async run(bench) {
    const tally = new Tally()
    tally.note(FEWER_NOTE)
    await withBrokers(bench, tally, [mooring, aedesWithLevel, persistentMosquitto(bench)], async (brokers) => {
      for (const broker of brokers) await warmUp(bench, broker)
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        for (const { window } of WINDOWS) {
          bench.say(`queueing, ${window} in flight, repeat ${repeat}`)
          for (const broker of brokers) await measure(bench, tally, broker, window)
        }
      }
    })
    return { rows: tally.rows, notes: tally.notes, goals: WINDOWS.flatMap(goalsOf) }
  },
}

async function measure(bench: Bench, tally: Tally, broker: Broker, window: number): Promise<void> {
  const { result, refused } = await fairly(async () => {
    const load = await queue(bench, broker, { window })
    await forget(bench, broker)
    return load
  }, queueUse)
  tally.refused(rateOf(window), broker.name, refused)
  if (result === undefined) return
  tally.add(rateOf(window), broker.name, result.number('enqueue_per_s'))
  tally.add(costOf(window), broker.name, result.number('enqueue_cpu_us_per_msg'))
  if (result.number('acked') < messagesFor(broker)) tally.note(`${broker.name} did not acknowledge every message.`)
}

const goalsOf = ({ window, mosquitto }: (typeof WINDOWS)[number]): Goal[] => [
  { row: rateOf(window).what, of: 'Mooring', against: 'mosquitto', atLeast: mosquitto },
  { row: rateOf(window).what, of: 'Mooring', against: AEDES_LEVEL, atLeast: 4 },
]
