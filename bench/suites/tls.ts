import { chmodSync, writeFileSync } from 'node:fs'
import { generate } from 'selfsigned'
import { newPath, type Bench } from '../bench.ts'
import type { Mooring } from '../brokers/mooring.ts'
import { runMqttload, type LoadArgs } from '../load-generators.ts'
import { fairly } from '../starvation.ts'
import { Tally } from '../tally.ts'
import { startPinnedMooring } from './contestants.ts'
import type { Suite } from './suite.ts'

const COST = { what: 'QoS 0, 100 pairs, 20 in flight', unit: 'µs', better: 'lower' } as const
const PLAIN = 'tcp'
const TLS = 'tls'
const WS = 'WebSocket'
const WS_PER_PACKET = 'WebSocket, frame per packet'

/**
 * What the way costs. `WebSocket` puts what a client sends at once into one frame; many clients put every packet into a
 * frame of its own, so that is told too.
 */
export const tls: Suite = {
  name: 'tls',
  title: 'Broker CPU for a delivered message by the way it travels (publishers and subscribers alike)',
  async run(bench) {
    const tally = new Tally()
    await bench.fleet.grow(100)
    const broker = await startPinnedMooring(bench, await withCertificate(bench))
    try {
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`tcp, tls and WebSocket, repeat ${repeat}`)
        await measure(bench, tally, broker, PLAIN, { port: broker.mqttPort })
        await measure(bench, tally, broker, TLS, { port: broker.mqttsPort, tls: true })
        await measure(bench, tally, broker, WS, { port: broker.httpPort, ws: true })
        await measure(bench, tally, broker, WS_PER_PACKET, {
          port: broker.httpPort,
          ws: true,
          'ws-per-packet': true,
        })
      }
    } finally {
      await broker.stop()
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: COST.what, of: TLS, against: PLAIN, atMost: 1.6 },
        { row: COST.what, of: WS, against: PLAIN, atMost: 1.3 },
        { row: COST.what, of: WS_PER_PACKET, against: PLAIN, atMost: 1.3 },
      ],
    }
  },
}

async function measure(bench: Bench, tally: Tally, { pid }: Mooring, name: string, way: LoadArgs): Promise<void> {
  const { cores, fleet } = bench
  const { result, refused } = await fairly(
    () =>
      runMqttload('pairs', cores.load, {
        pid,
        core: cores.broker,
        creds: fleet.devices,
        'sub-creds': fleet.services,
        pubs: 100,
        window: 20,
        size: 100,
        warm: 0.5,
        time: 1.5,
        ...way,
      }),
    (load) => load.coreUse,
  )
  tally.refused(COST, name, refused)
  if (result !== undefined) tally.add(COST, name, result.number('cpu_us_per_msg'))
}

async function withCertificate({ folder }: Bench): Promise<Record<string, string>> {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' })
  const cert = newPath(folder, 'server.pem')
  const key = newPath(folder, 'server.key')
  writeFileSync(cert, pems.cert)
  writeFileSync(key, pems.private)
  chmodSync(key, 0o600)
  return { MOORING_LISTEN_MQTTS: '127.0.0.1:0', MOORING_TLS_CERT: cert, MOORING_TLS_KEY: key }
}
