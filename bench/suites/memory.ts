import type { Bench } from '../bench.ts'
import { runMqttload } from '../load-generators.ts'
import { Tally } from '../tally.ts'
import { aedes, mooring, mosquitto, withBrokers, type Start } from './contestants.ts'
import type { Suite } from './suite.ts'

const CONNECTIONS = 10_000
const PER_CONNECTION = {
  what: 'resident memory for each of 10,000 idle connections',
  unit: 'B',
  better: 'lower',
} as const

/** More repeats would tell nothing more: memory does not depend on the neighbours. */
const MOST_REPEATS = 2

/** Each broker anew: one that was large before would hide what its connections cost. */
export const memory: Suite = {
  name: 'memory',
  title: 'Memory of idle connections that have logged in, each as its own device',
  async run(bench) {
    const tally = new Tally()
    bench.say(`${CONNECTIONS} devices register`)
    await bench.fleet.grow(CONNECTIONS)
    for (let repeat = 1; repeat <= Math.min(bench.repeats, MOST_REPEATS); repeat++) {
      bench.say(`memory, repeat ${repeat}`)
      for (const startBroker of [mooring, aedes, mosquitto]) await measure(bench, tally, startBroker)
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: PER_CONNECTION.what, of: 'Mooring', against: 'Aedes', atMost: 0.45 },
        { row: PER_CONNECTION.what, of: 'Mooring', atMost: 7000 },
      ],
    }
  },
}

const measure = (bench: Bench, tally: Tally, startBroker: Start): Promise<void> =>
  withBrokers(bench, tally, [startBroker], async (brokers) => {
    for (const { name, mqttPort, pid } of brokers) {
      const load = await runMqttload('connect', bench.cores.load, {
        port: mqttPort,
        pid,
        creds: bench.fleet.devices,
        n: CONNECTIONS,
        cwin: 64,
        hold: 3,
      })
      const up = load.number('up') - load.number('dropped')
      if (up < CONNECTIONS) tally.note(`${name} held ${up} connections of ${CONNECTIONS}.`)
      tally.add(PER_CONNECTION, name, load.number('rss_bytes_per_conn'))
    }
  })
