import { readFileSync } from 'node:fs'
import { newPath, type Bench } from '../bench.ts'
import type { Broker } from '../brokers/broker.ts'
import { flagsOf, LoadResult, mqttload, runMqttload } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { mooring, mosquitto, withBrokers, type Start } from './contestants.ts'
import type { Suite } from './suite.ts'

const CONNECTED = 50
const STORM = 1000
const P99 = { what: 'publish p99 while 1,000 devices log in', unit: 'ms', better: 'lower' } as const
const P50 = { what: 'publish p50 while 1,000 devices log in', unit: 'ms', better: 'lower' } as const

/**
 * Connected devices publish 1,000 messages/s while devices that the broker has not seen since its start log in, all at
 * once; measured is exactly the time that they take. Everything of the broker is on its one core, hashing too.
 */
export const storm: Suite = {
  name: 'storm',
  title: 'Connected devices during a storm of 1,000 logins never seen before (50 pairs, 1,000 messages/s)',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(CONNECTED + STORM)
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`storm, repeat ${repeat}`)
      for (const startBroker of [mooring, mosquitto]) await measure(bench, tally, startBroker)
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [{ row: P99.what, of: 'Mooring', atMost: 25 }],
    }
  },
}

async function measure(bench: Bench, tally: Tally, startBroker: Start): Promise<void> {
  let name = ''
  const { result, refused } = await fairly(
    async () => {
      let load: LoadResult | undefined
      await withBrokers(bench, tally, [startBroker], async ([broker]) => {
        if (broker === undefined) return
        name = broker.name
        load = await storming(bench, tally, broker)
      })
      return load
    },
    (load) => load?.coreUse ?? { wall: 1, broker: 0, idle: 1 },
  )
  if (name !== '') tally.refused(P99, name, refused)
  if (result === undefined) return
  tally.add(P99, name, result.number('lat_us.p99') / 1000)
  tally.add(P50, name, result.number('lat_us.p50') / 1000)
}

async function storming(bench: Bench, tally: Tally, { name, mqttPort, pid }: Broker): Promise<LoadResult> {
  const { cores, fleet, folder } = bench
  const outcome = newPath(folder, 'storm.json')
  const arrivals = flagsOf({ port: mqttPort, creds: fleet.devices, offset: CONNECTED, n: STORM, cwin: STORM })
  const load = await runMqttload('pairs', cores.load, {
    port: mqttPort,
    pid,
    core: cores.broker,
    creds: fleet.devices,
    'sub-creds': fleet.services,
    pubs: CONNECTED,
    rate: 1000,
    size: 100,
    warm: 1,
    time: 30,
    during: `exec '${mqttload}' connect --json --quiet ${arrivals.join(' ')} > '${outcome}'`,
  })
  const up = new LoadResult(readFileSync(outcome, 'utf8')).number('up')
  if (up < STORM) tally.note(`${name} let in ${up} of 1,000 devices.`)
  return load
}
