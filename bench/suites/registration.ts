import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { newPath, type Bench } from '../bench.ts'
import { startMooring } from '../brokers/mooring.ts'
import { startChild } from '../children.ts'
import { runRegload } from '../load-generators.ts'
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

const RATE = { what: 'registrations, 64 connections', unit: '/s', better: 'higher' } as const
const P99 = { what: 'answer, p99', unit: 'ms', better: 'lower' } as const
const MOORING = 'Mooring'
const EXPENSIVE = 'with argon2 m=19456 t=2'

/** Both fsync every registration. Server and load share two cores. */
export const registration: Suite = {
  name: 'registration',
  title: 'Registrations, each on disk before its answer, on two cores that server and load share',
  async run(bench) {
    const tally = new Tally()
    const servers = [await startOurs(bench)]
    try {
      servers.push(await startExpensive(bench))
      for (let repeat = 1; repeat <= bench.repeats; repeat++) {
        bench.say(`registrations, repeat ${repeat}`)
        for (const server of servers) await measure(tally, server, repeat)
      }
    } finally {
      for (const server of servers) await server.stop()
    }
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: RATE.what, of: MOORING, atLeast: 1500 },
        { row: RATE.what, of: MOORING, against: EXPENSIVE, atLeast: 35 },
      ],
    }
  },
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
  const failed = load.number('answers') - load.number('ok')
  if (failed > 0) tally.note(`${name}: ${failed} answers in repeat ${repeat} were refusals.`)
}

async function startOurs({ folder, fleet, cores }: Bench): Promise<Server> {
  const server = await startMooring({ data: fleet.data, folder, cores: [cores.broker, cores.load] })
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
