import type { Bench } from '../bench.ts'
import type { Broker } from '../brokers/broker.ts'
import { runMqttload } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { aedes, mooring, mosquitto, withBrokers } from './contestants.ts'
import type { Suite } from './suite.ts'

const P50 = { what: '5,000 messages/s, p50', unit: 'µs', better: 'lower' } as const
const P99 = { what: '5,000 messages/s, p99', unit: 'µs', better: 'lower' } as const

/** Open loop: from when a message was due, not from when the generator came to it. */
export const latency: Suite = {
  name: 'latency',
  title: 'Latency from publisher to subscriber, QoS 0, 100 pairs, open loop',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(100)
    await withBrokers(bench, tally, [mooring, aedes, mosquitto], async (brokers) => {
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`latency, repeat ${repeat}`)
        for (const broker of brokers) await measure(bench, tally, broker)
      }
    })
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: P50.what, of: 'Mooring', against: 'Aedes', atMost: 0.95 },
        { row: P50.what, of: 'Mooring', against: 'mosquitto', atMost: 1.15 },
      ],
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
        pubs: 100,
        rate: 5000,
        size: 100,
        warm: 0.5,
        time: 2.5,
      }),
    (load) => load.coreUse,
  )
  tally.refused(P50, name, refused)
  if (result === undefined) return
  tally.add(P50, name, result.number('lat_us.p50'))
  tally.add(P99, name, result.number('lat_us.p99'))
}
