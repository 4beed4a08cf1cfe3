import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { connectOperator, MAX_CHANGES_PER_PAGE, type Operator } from '../../../admin/index.ts'
import type { Bench } from '../../bench.ts'
import type { Broker } from '../../brokers/broker.ts'
import { runMqttload } from '../../load-generators.ts'
import type { Goal } from '../../report.ts'
import type { Tally } from '../../tally.ts'
import { startPinnedMooring } from '../contestants.ts'

const CONNECTED = 10_000
const LOOK_EVERY_MS = 5
const HOLD_SECONDS = 20

const ONE = {
  what: 'disabling one device while 10,000 are connected, until its connection has ended',
  unit: 'ms',
  better: 'lower',
} as const
const ALL = { what: 'disabling all 10,000, until no connection is left', unit: 's', better: 'lower' } as const

export async function measureDisable(bench: Bench, tally: Tally): Promise<void> {
  bench.say(`${CONNECTED} devices register`)
  await bench.fleet.grow(CONNECTED + 1)
  const broker = await startPinnedMooring(bench, { MOORING_LIMITS_CONNECTIONS: String(2 * CONNECTED) })
  try {
    const operator = await connectOperator(bench.fleet.data)
    if (operator === undefined) throw new Error('the server is not there')
    bench.say(`${CONNECTED} devices connect, and are disabled`)
    const { devices } = bench.fleet
    const args = { port: broker.mqttPort, pid: broker.pid, creds: devices, n: CONNECTED, cwin: 64, hold: HOLD_SECONDS }
    const load = runMqttload('connect', bench.cores.load, args)
    await until(operator, (connected) => connected >= CONNECTED)
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      tally.add(ONE, broker.name, await disableOne(devices, broker, operator))
    }
    tally.add(ALL, broker.name, (await disableAll(operator)) / 1000)
    await load
    for await (const _ of changes(operator, 'enable'));
  } finally {
    await broker.stop()
  }
}

export const disableGoals: readonly Goal[] = [{ row: ONE.what, of: 'Mooring', atMost: 1000 }]

/** One that the load generator does not have. */
async function disableOne(devices: string, { mqttPort }: Broker, operator: Operator): Promise<number> {
  const line = readFileSync(devices, 'utf8').split('\n')[CONNECTED] ?? ''
  const [clientId = '', username = '', password = ''] = line.split(' ')
  const login = { clientId, username, password, reconnectPeriod: 0 }
  const client = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, login)
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  const begun = performance.now()
  await operator.disableDevice({ device: clientId })
  await closed
  const took = performance.now() - begun
  await client.endAsync()
  await operator.enableDevice({ device: clientId })
  return took
}

async function disableAll(operator: Operator): Promise<number> {
  const begun = performance.now()
  for await (const _ of changes(operator, 'disable'));
  await until(operator, (connected) => connected === 0)
  return performance.now() - begun
}

async function* changes(operator: Operator, kind: 'disable' | 'enable'): AsyncGenerator<number> {
  for (let after: string | undefined; ;) {
    const page = await operator.changeDevices({
      change: { kind },
      devices: { prefix: 'fleet-' },
      limit: MAX_CHANGES_PER_PAGE,
      ...(after === undefined ? {} : { after }),
    })
    yield page.changed.length
    after = page.next
    if (after === undefined) return
  }
}

async function until(operator: Operator, enough: (connected: number) => boolean): Promise<void> {
  while (!enough((await operator.status()).connectedClients)) await delay(LOOK_EVERY_MS)
}
