import type { Bench } from '../bench.ts'
import { startAedes } from '../brokers/aedes.ts'
import type { Broker } from '../brokers/broker.ts'
import { startMooring } from '../brokers/mooring.ts'
import { runMqttload, type LoadResult } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { aedesWithCache, mooring, mosquitto, placeOf, withBrokers } from './contestants.ts'
import type { Suite } from './suite.ts'

const RATE = { what: 'returning devices, 32 at a time', unit: '/s', better: 'higher' } as const
const COST = { what: 'broker CPU for one of them', unit: 'µs', better: 'lower' } as const
const ALL_IN = { what: '1,000 at once after a restart: all in', unit: 's', better: 'lower' } as const
const CONNACK = { what: '1,000 at once after a restart: CONNACK p99', unit: 'ms', better: 'lower' } as const

const RETURNING = 4000
const COLD = 1000
const ARGON2 = 'Aedes + argon2'
/** Each costs some 25 ms, at its start and at every login. */
const ARGON2_DEVICES = 60

/** What a login costs a device that was here before, and what a thousand cost that were not since the start. */
export const logins: Suite = {
  name: 'logins',
  title: 'Logins: each device with its own key and secret',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(RETURNING)
    await withBrokers(bench, tally, [mooring, aedesWithCache, aedesWithArgon2, mosquitto], async (brokers) => {
      bench.say('every device logs in once')
      for (const broker of brokers) await logIn(bench, broker)
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`returning devices, repeat ${repeat}`)
        for (const broker of brokers) await measureReturning(bench, tally, broker)
      }
    })
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`1,000 devices after a restart, repeat ${repeat}`)
      await measureCold(bench, tally)
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: RATE.what, of: 'Mooring', against: ARGON2, atLeast: 40 },
        { row: RATE.what, of: 'Mooring', against: 'Aedes + cache', atLeast: 2.2 },
        { row: RATE.what, of: 'Mooring', against: 'mosquitto', atLeast: 0.9 },
        { row: ALL_IN.what, of: 'Mooring', atMost: 5 },
        { row: CONNACK.what, of: 'Mooring', atMost: 1000 },
      ],
    }
  },
}

const aedesWithArgon2 = (bench: Bench): Promise<Broker> =>
  startAedes(ARGON2, { ...placeOf(bench), devices: bench.fleet.firstDevices(ARGON2_DEVICES) }, { secrets: 'argon2' })

async function logIn({ cores, fleet }: Bench, { name, mqttPort, pid }: Broker): Promise<LoadResult> {
  const n = name === ARGON2 ? ARGON2_DEVICES : RETURNING
  const load = await runMqttload('connect', cores.load, {
    port: mqttPort,
    pid,
    core: cores.broker,
    creds: fleet.devices,
    n,
    cwin: 32,
  })
  if (load.number('up') !== n) throw new Error(`${name} refused ${n - load.number('up')} of ${n} logins`)
  return load
}

async function measureReturning(bench: Bench, tally: Tally, broker: Broker): Promise<void> {
  const { result, refused } = await fairly(
    () => logIn(bench, broker),
    (load) => load.coreUse,
  )
  tally.refused(RATE, broker.name, refused)
  if (result === undefined) return
  tally.add(RATE, broker.name, result.number('connects_per_s'))
  tally.add(COST, broker.name, result.number('cpu_us_per_connect'))
}

/** Nothing is remembered after a restart: every one of them costs a hash. As in a registration, both cores are shared. */
async function measureCold({ fleet, folder, cores }: Bench, tally: Tally): Promise<void> {
  const broker = await startMooring({ data: fleet.data, folder, cores: [cores.broker, cores.load] })
  let result: LoadResult
  try {
    result = await runMqttload('connect', cores.load, {
      port: broker.mqttPort,
      pid: broker.pid,
      creds: fleet.devices,
      n: COLD,
      cwin: COLD,
    })
  } finally {
    await broker.stop()
  }
  const out = COLD - result.number('up')
  if (out > 0) tally.note(`${out} of 1,000 devices were not let in.`)
  tally.add(ALL_IN, 'Mooring', result.number('seconds'))
  tally.add(CONNACK, 'Mooring', result.number('connack_us.p99') / 1000)
}
