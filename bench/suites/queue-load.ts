import { mkdirSync } from 'node:fs'
import { newPath, type Bench } from '../bench.ts'
import { startAedes } from '../brokers/aedes.ts'
import type { Broker } from '../brokers/broker.ts'
import { startMosquitto } from '../brokers/mosquitto.ts'
import { runMqttload, type LoadArgs, type LoadResult } from '../load-generators.ts'
import type { CoreUse } from '../starvation.ts'
import { placeOf, type Start } from './contestants.ts'

/** Sessions that are away, and those who publish to them; all under the one service key, so that a login costs little. */
const SESSIONS = 50
const PUBLISHERS = 10

export const MESSAGES = 200_000
/** It would take most of the time of a run: what is compared are rates. */
const FEWER_MESSAGES = 20_000

export const AEDES_LEVEL = 'Aedes + level'
export const FEWER_NOTE = `${AEDES_LEVEL} gets ${FEWER_MESSAGES.toLocaleString('en-US')} messages, for it is slow.`

export const messagesFor = ({ name }: Broker): number => (name === AEDES_LEVEL ? FEWER_MESSAGES : MESSAGES)

export const aedesWithLevel: Start = (bench) =>
  startAedes(AEDES_LEVEL, placeOf(bench), { store: newPath(bench.folder, 'aedes-level') })

/** One that finds its sessions again when it is started again. */
export function persistentMosquitto({ folder }: Bench): Start {
  const store = newPath(folder, 'mosquitto-store')
  mkdirSync(store)
  return (bench) => startMosquitto(placeOf(bench), store)
}

export const queue = (bench: Bench, broker: Broker, args: LoadArgs): Promise<LoadResult> =>
  run(bench, broker, { msgs: messagesFor(broker), only: 'queue', ...args })

/** Also ends the sessions. */
export const drain = (bench: Bench, broker: Broker, args: LoadArgs = {}): Promise<LoadResult> =>
  run(bench, broker, { msgs: messagesFor(broker), only: 'drain', ...args })

/** Ends the sessions with all that waits for them. */
export async function forget({ cores, fleet }: Bench, { mqttPort }: Broker): Promise<void> {
  await runMqttload('connect', cores.load, { port: mqttPort, creds: fleet.services, n: SESSIONS })
}

/** So that nobody is measured with code that has not run yet. */
export async function warmUp(bench: Bench, broker: Broker): Promise<void> {
  const few = { msgs: FEWER_MESSAGES / 2, window: 20 }
  await queue(bench, broker, few)
  await drain(bench, broker, few)
}

export const queueUse = (load: LoadResult): CoreUse => useOf(load, 'enqueue')
export const drainUse = (load: LoadResult): CoreUse => useOf(load, 'drain')

const useOf = (load: LoadResult, phase: string): CoreUse => ({
  wall: load.number(`${phase}_s`),
  broker: load.number(`${phase}_cpu_s`),
  idle: load.number(`${phase}_idle_s`),
})

const run = ({ cores, fleet }: Bench, { mqttPort, pid }: Broker, args: LoadArgs): Promise<LoadResult> =>
  runMqttload('persist', cores.load, {
    port: mqttPort,
    pid,
    core: cores.broker,
    creds: fleet.services,
    subs: SESSIONS,
    pubs: PUBLISHERS,
    size: 100,
    ...args,
  })
