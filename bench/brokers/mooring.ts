import { availableParallelism } from 'node:os'
import { newPath } from '../bench.ts'
import { startChild } from '../children.ts'
import { runCommand } from '../command.ts'
import { program } from '../places.ts'
import type { Broker } from './broker.ts'

export interface MooringOptions {
  readonly data: string
  /** For its log. */
  readonly folder: string
  readonly cores?: readonly number[]
  /** Further settings, as `MOORING_…`. Everything else is at its default: hashed secrets, ACL, limits, store on disk. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface Mooring extends Broker {
  readonly httpPort: number
  /** 0 when it does not listen there. */
  readonly mqttsPort: number
  /** From the start of the process to the line that says that it serves, seen from outside. */
  readonly startMs: number
}

/** As `npm start` sets it. */
const poolThreads = { UV_THREADPOOL_SIZE: String(availableParallelism() + 4) }

export const runMooring = (args: readonly string[]): Promise<string> =>
  runCommand(process.execPath, [program, ...args], { env: poolThreads })

export async function startMooring({ data, folder, cores, settings }: MooringOptions): Promise<Mooring> {
  const startedAt = performance.now()
  const child = startChild({
    command: process.execPath,
    args: [program, 'serve', '--data', data],
    logFile: newPath(folder, 'mooring.log'),
    env: {
      ...poolThreads,
      MOORING_LISTEN_MQTT: '127.0.0.1:0',
      MOORING_LISTEN_HTTP: '127.0.0.1:0',
      MOORING_LOG_FORMAT: 'json',
      ...settings,
    },
    ...(cores && { cores }),
  })
  try {
    const listeners = await child.waitFor(servingListeners)
    const startMs = performance.now() - startedAt
    const port = (name: string): number => Number(/\d+$/.exec(listeners.get(name) ?? '')?.[0] ?? 0)
    return {
      name: 'Mooring',
      pid: child.pid,
      mqttPort: port('mqtt'),
      httpPort: port('http'),
      mqttsPort: port('mqtts'),
      startMs,
      stop: () => child.stop(),
    }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** The addresses in the one line that says that the server serves. */
function servingListeners(output: string): ReadonlyMap<string, string> | undefined {
  for (const line of output.split('\n').slice(0, -1)) {
    if (!line.includes('"event":"serving"')) continue
    const { listeners }: Record<string, unknown> = Object(JSON.parse(line))
    return new Map(Object.entries<string>(Object(listeners)))
  }
  return undefined
}
