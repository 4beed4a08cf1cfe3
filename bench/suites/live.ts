import type { Bench } from '../bench.ts'
import type { Broker } from '../brokers/broker.ts'
import { runMqttload } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { mooring, withBrokers } from './contestants.ts'
import { persistentMosquitto } from './queue-load.ts'
import type { Suite } from './suite.ts'

const RATE = { what: '100 pairs, 20 in flight', unit: '/s', better: 'higher' } as const
const COST = { what: '100 pairs, 20 in flight, broker CPU a message', unit: 'µs', better: 'lower' } as const

/** Subscribers that are there and whose sessions outlive them: with Mooring each message is on the disk before it leaves. */
export const live: Suite = {
  name: 'live',
  title: 'QoS 1 to subscribers that are there, with sessions that outlive their connections',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(100)
    await withBrokers(bench, tally, [mooring, persistentMosquitto(bench)], async (brokers) => {
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`live, repeat ${repeat}`)
        for (const broker of brokers) await measure(bench, tally, broker)
      }
    })
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [{ row: RATE.what, of: 'Mooring', against: 'mosquitto', atLeast: 1.5 }],
    }
  },
}

async function measure({ cores, fleet }: Bench, tally: Tally, { name, mqttPort, pid }: Broker): Promise<void> {
  const { result, refused } = await fairly(
    () =>
      runMqttload('pairs', cores.load, {
        port: mqttPort,
        pid,
        core: cores.broker,
        creds: fleet.devices,
        'sub-creds': fleet.services,
        keep: true,
        qos: 1,
        pubs: 100,
        window: 20,
        size: 100,
        warm: 1,
        time: 3,
      }),
    (load) => load.coreUse,
  )
  tally.refused(RATE, name, refused)
  if (result === undefined) return
  tally.add(RATE, name, result.number('msgs_per_s'))
  tally.add(COST, name, result.number('cpu_us_per_msg'))
  if (result.number('lost') > 0) tally.note(`${name} lost messages.`)
}
