import { Socket } from 'node:net'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Bench } from '../bench.ts'
import { startMooring } from '../brokers/mooring.ts'
import { readRoom, rooms } from '../../broker/persistence/index.ts'
import { openDatabase } from '../../storage/index.ts'
import { makeLargeStore } from '../large-store.ts'
import { Tally } from '../tally.ts'
import type { Suite } from './suite.ts'

const SIZE = 100_000
const FILTERS = 500
/** Answers of a process that has just started are about its compiler. */
const WARM_UP = 20

const RETAINED = {
  what: 'SUBSCRIBE to one topic of 100,000 retained, until its message',
  unit: 'ms',
  better: 'lower',
} as const
const SUBACK = { what: 'SUBSCRIBE with 500 filters, until SUBACK', unit: 'ms', better: 'lower' } as const
const RECORDS = { what: 'records for these 500', unit: '', better: 'lower' } as const
const START = {
  what: 'start on 100,000 sessions, 200,000 subscriptions, 100,000 devices',
  unit: 's',
  better: 'lower',
} as const

/** What a store that has grown costs whoever asks it something. */
export const store: Suite = {
  name: 'store',
  title: 'A store that has grown',
  async run(bench) {
    const tally = new Tally()
    await subscribing(bench, tally)
    await starting(bench, tally)
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: RETAINED.what, of: 'Mooring', atMost: 5 },
        { row: SUBACK.what, of: 'Mooring', atMost: 50 },
        { row: RECORDS.what, of: 'Mooring', atMost: FILTERS },
        { row: START.what, of: 'Mooring', atMost: 3 },
      ],
    }
  },
}

async function subscribing(bench: Bench, tally: Tally): Promise<void> {
  bench.say('100,000 messages are retained')
  const { data, ...login } = await makeLargeStore(bench.folder, { retained: SIZE })
  const broker = await startMooring({
    data,
    folder: bench.folder,
    cores: [bench.cores.broker],
    settings: { MOORING_MQTT_MAX_SUBSCRIPTIONS_PER_PACKET: String(FILTERS) },
  })
  const connect = async (clientId: string, clean: boolean): Promise<MqttClient> => {
    const options = { ...login, clientId, clean, reconnectPeriod: 0 }
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.mqttPort}`, options)
    // The 500 filters go out in two writes, and the client's kernel would hold the second back for 40 ms, until the first
    // is acknowledged (Nagle's algorithm, RFC 1122 §4.2.3.4).
    if (client.stream instanceof Socket) client.stream.setNoDelay(true)
    return client
  }
  try {
    const reader = await connect('reader', true)
    for (let number = 0; number < WARM_UP; number++) await timeToRetained(reader, number)
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`subscribing, repeat ${repeat}`)
      tally.add(RETAINED, broker.name, await timeToRetained(reader, SIZE - repeat))
      const session = await connect(`session-${repeat}`, false)
      const filters = Array.from({ length: FILTERS }, (_, number) => `losant/${repeat}/${number}/+`)
      const begun = performance.now()
      await session.subscribeAsync(filters, { qos: 1 })
      tally.add(SUBACK, broker.name, performance.now() - begun)
      await session.endAsync()
    }
    await reader.endAsync()
  } finally {
    await broker.stop()
  }
  tally.add(RECORDS, broker.name, (await subscriptionsIn(data)) / bench.repeats)
}

async function timeToRetained(client: MqttClient, number: number): Promise<number> {
  const topic = `losant/${number}/state`
  const begun = performance.now()
  const message = new Promise<string>((resolve) => client.once('message', resolve))
  await client.subscribeAsync(topic, { qos: 1 })
  const heard = await message
  if (heard !== topic) throw new Error(`a message of ${heard} instead of ${topic}`)
  return performance.now() - begun
}

async function subscriptionsIn(data: string): Promise<number> {
  const database = await openDatabase(data)
  let records = 0
  for await (const _ of readRoom(database.level, rooms.subscriptions)) records++
  await database.close()
  return records
}

/** It may use every core, as it would. */
async function starting({ folder, repeats, say }: Bench, tally: Tally): Promise<void> {
  say('100,000 sessions and as many devices are made')
  const { data } = await makeLargeStore(folder, { devices: SIZE, sessions: SIZE })
  for (let repeat = 1; repeat <= repeats; repeat++) {
    say(`start, repeat ${repeat}`)
    const server = await startMooring({ data, folder })
    await server.stop()
    tally.add(START, server.name, server.startMs / 1000)
  }
}
