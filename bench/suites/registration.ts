import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { newPath, type Bench } from '../bench.ts'
import { startMooring } from '../brokers/mooring.ts'
import { startChild } from '../children.ts'
import { runRegload, type LoadResult } from '../load-generators.ts'
import { contestantScript } from '../places.ts'
import { Tally } from '../tally.ts'
import type { Suite } from './suite.ts'

interface Server {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly tokenFile: string
  stop(): Promise<void>
}

const BURST = { what: 'a burst of 16,000 after a calm minute', unit: '/s', better: 'higher' } as const
const BURST_P99 = { what: 'answer in the burst, p99', unit: 'ms', better: 'lower' } as const
const RATE = { what: 'without end, each hashed when it comes', unit: '/s', better: 'higher' } as const
const P99 = { what: 'answer without end, p99', unit: 'ms', better: 'lower' } as const
const FULL = { what: 'from the start until the secrets of a burst are ready', unit: 's', better: 'lower' } as const
const MOORING = 'Mooring'
const EXPENSIVE = 'with argon2 m=19456 t=2'

/** Fewer than Mooring makes ahead at its defaults. */
const IN_BURST = 16_000
const MADE_AHEAD = 16_384
const LOOK_EVERY_MS = 500

/** A machine that is never calm would be waited for without end. */
const LONGEST_CALM_MS = 10 * 60_000

/** All fsync every registration. Server and load share two cores. */
export const registration: Suite = {
  name: 'registration',
  title: 'Registrations over 64 connections, each on disk before its answer, on two cores that server and load share',
  async run(bench) {
    const tally = new Tally()
    await measureBursts(bench, tally)
    const servers = [await startOurs(bench, { MOORING_REGISTRATION_PREPARED_SECRETS: '0' })]
    try {
      servers.push(await startExpensive(bench))
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`registrations, repeat ${repeat}`)
        for (const server of servers) await measure(tally, server, repeat)
      }
    } finally {
      for (const server of servers) await server.stop()
    }
    tally.note(`${EXPENSIVE} makes nothing ahead: its burst is its rate without end.`)
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: BURST.what, of: MOORING, atLeast: 1500 },
        { row: BURST.what, of: MOORING, against: EXPENSIVE, atLeast: 35 },
        { row: RATE.what, of: MOORING, atLeast: 1500 },
        { row: RATE.what, of: MOORING, against: EXPENSIVE, atLeast: 35 },
      ],
    }
  },
}

/** The server runs alone and is left in peace before each burst, as between two pallets of a factory. The first warms it up. */
async function measureBursts(bench: Bench, tally: Tally): Promise<void> {
  const startedAt = performance.now()
  const server = await startOurs(bench)
  const { name, pid, port, tokenFile } = server
  try {
    for (let repeat = 0; repeat <= bench.repeats; repeat++) {
      bench.say(`a calm minute, then a burst, ${repeat === 0 ? 'not counted' : `repeat ${repeat}`}`)
      await madeAhead(port)
      if (repeat === 0) tally.add(FULL, name, (performance.now() - startedAt) / 1000)
      const load = await runRegload({
        port,
        pid,
        'token-file': tokenFile,
        prefix: `burst-${repeat}-`,
        conns: 64,
        n: IN_BURST,
      })
      noteRefusals(tally, name, load, `burst ${repeat}`)
      if (repeat === 0) continue
      tally.add(BURST, name, load.number('per_s'))
      tally.add(BURST_P99, name, load.number('latency_us.p99') / 1000)
    }
  } finally {
    await server.stop()
  }
}

/** Resolves when the server has as many secrets as it makes ahead. */
async function madeAhead(port: number): Promise<void> {
  const giveUpAt = performance.now() + LONGEST_CALM_MS
  for (;;) {
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const ready = Number(/^mooring_prepared_secrets (\d+)$/m.exec(page)?.[1])
    if (ready >= MADE_AHEAD) return
    if (!(performance.now() < giveUpAt)) throw new Error(`Mooring has made ${ready} secrets ahead in ten minutes.`)
    await delay(LOOK_EVERY_MS)
  }
}

async function measure(tally: Tally, { name, pid, port, tokenFile }: Server, repeat: number): Promise<void> {
  const load = await runRegload({
    port,
    pid,
    'token-file': tokenFile,
    prefix: `repeat-${repeat}-`,
    conns: 64,
    warm: 2,
    time: 3,
  })
  tally.add(RATE, name, load.number('per_s'))
  tally.add(P99, name, load.number('latency_us.p99') / 1000)
  if (name === EXPENSIVE) {
    tally.add(BURST, name, load.number('per_s'))
    tally.add(BURST_P99, name, load.number('latency_us.p99') / 1000)
  }
  noteRefusals(tally, name, load, `repeat ${repeat}`)
}

function noteRefusals(tally: Tally, name: string, load: LoadResult, when: string): void {
  const failed = load.number('answers') - load.number('ok')
  if (failed > 0) tally.note(`${name}: ${failed} answers in ${when} were refusals.`)
}

async function startOurs({ folder, fleet, cores }: Bench, settings = {}): Promise<Server> {
  const server = await startMooring({ data: fleet.data, folder, cores: [cores.broker, cores.load], settings })
  const { pid, httpPort: port } = server
  return { name: MOORING, pid, port, tokenFile: fleet.tokenFile, stop: () => server.stop() }
}

async function startExpensive({ folder, cores }: Bench): Promise<Server> {
  const child = startChild({
    command: process.execPath,
    args: [contestantScript('expensive-registration'), '--data', newPath(folder, 'expensive-data')],
    logFile: newPath(folder, 'expensive.log'),
    cores: [cores.broker, cores.load],
    env: { UV_THREADPOOL_SIZE: String(availableParallelism() + 4) },
  })
  try {
    const { port, token } = await child.waitFor((output) => {
      const [, minted, listening] = /^token (\S+)\nlistening on (\d+)$/m.exec(output) ?? []
      return minted === undefined ? undefined : { token: minted, port: Number(listening) }
    })
    const tokenFile = newPath(folder, 'expensive-token.jwt')
    writeFileSync(tokenFile, token, { mode: 0o600 })
    return { name: EXPENSIVE, pid: child.pid, port, tokenFile, stop: () => child.stop() }
  } catch (error) {
    await child.stop()
    throw error
  }
}
