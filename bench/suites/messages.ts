import type { Bench } from '../bench.ts'
import type { Broker } from '../brokers/broker.ts'
import { runMqttload, type LoadArgs } from '../load-generators.ts'
import type { Goal } from '../report.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { aedes, mooring, mosquitto, withBrokers } from './contestants.ts'
import type { Suite } from './suite.ts'

interface Case {
  readonly what: string
  readonly mode: 'pairs' | 'fanin' | 'fanout'
  readonly args: LoadArgs
  /** How many times less CPU for a delivered message. */
  readonly times: { readonly aedes: number; readonly mosquitto: number }
}

const CASES: readonly Case[] = [
  {
    what: 'QoS 0, 100 pairs, 20 in flight',
    mode: 'pairs',
    args: { qos: 0, window: 20 },
    times: { aedes: 12, mosquitto: 10 },
  },
  { what: 'QoS 0, 100 → 1', mode: 'fanin', args: { qos: 0, window: 20 }, times: { aedes: 15, mosquitto: 13 } },
  { what: 'QoS 0, 1 → 100', mode: 'fanout', args: { qos: 0, window: 20 }, times: { aedes: 13, mosquitto: 10 } },
  {
    what: 'QoS 0, 100 pairs, 1 in flight',
    mode: 'pairs',
    args: { qos: 0, window: 1 },
    times: { aedes: 1.8, mosquitto: 0.95 },
  },
  {
    what: 'QoS 1, 100 pairs, 20 in flight',
    mode: 'pairs',
    args: { qos: 1, window: 20 },
    times: { aedes: 10, mosquitto: 9 },
  },
  {
    what: 'QoS 1, 1 → 100, 10 in flight',
    mode: 'fanout',
    args: { qos: 1, window: 10 },
    times: { aedes: 8, mosquitto: 6 },
  },
]

const CLIENTS: Readonly<Record<Case['mode'], LoadArgs>> = {
  pairs: { pubs: 100 },
  fanin: { pubs: 100, subs: 1 },
  fanout: { subs: 100 },
}

/** Devices publish under their own topic, clients of one service key subscribe to it. */
export const messages: Suite = {
  name: 'messages',
  title: 'Broker CPU for a delivered message, 100-byte payloads, logins and ACL on',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(100)
    await withBrokers(bench, tally, [mooring, aedes, mosquitto], async (brokers) => {
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        for (const one of CASES) {
          bench.say(`${one.what}, repeat ${repeat}`)
          for (const broker of brokers) await measure(bench, tally, one, broker)
        }
      }
    })
    return { rows: tally.rows, notes: tally.notes, goals: CASES.flatMap(goalsOf) }
  },
}

async function measure({ cores, fleet }: Bench, tally: Tally, one: Case, broker: Broker): Promise<void> {
  const { result, refused } = await fairly(
    () =>
      runMqttload(one.mode, cores.load, {
        port: broker.mqttPort,
        pid: broker.pid,
        core: cores.broker,
        creds: fleet.devices,
        'sub-creds': fleet.services,
        size: 100,
        warm: 0.5,
        time: 1.5,
        ...CLIENTS[one.mode],
        ...one.args,
      }),
    (load) => load.coreUse,
  )
  const cost = { what: one.what, unit: 'µs', better: 'lower' } as const
  tally.refused(cost, broker.name, refused)
  if (result === undefined) return
  tally.add(cost, broker.name, result.number('cpu_us_per_msg'))
  const lost = result.number('lost')
  if (lost > 0) tally.note(`${one.what}: ${broker.name} lost messages.`)
}

const goalsOf = ({ what, times }: Case): Goal[] => [
  { row: what, of: 'Mooring', against: 'Aedes', atLeast: times.aedes },
  { row: what, of: 'Mooring', against: 'mosquitto', atLeast: times.mosquitto },
]
