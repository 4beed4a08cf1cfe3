import { newPath } from '../bench.ts'
import { startChild } from '../children.ts'
import { contestantScript } from '../places.ts'
import type { Broker, BrokerPlace } from './broker.ts'

export interface AedesOptions {
  /** What a login costs. @defaultValue 'remembered' */
  readonly secrets?: 'remembered' | 'argon2'
  /** A folder for aedes-persistence-level; in memory when it is missing. */
  readonly store?: string
}

/** Stock Aedes. */
export async function startAedes(
  name: string,
  { folder, core, devices, services }: BrokerPlace,
  { secrets = 'remembered', store }: AedesOptions = {},
): Promise<Broker> {
  const child = startChild({
    command: process.execPath,
    args: [
      contestantScript('aedes'),
      '--devices',
      devices,
      '--services',
      services,
      '--secrets',
      secrets,
      ...(store === undefined ? [] : ['--store', store]),
    ],
    logFile: newPath(folder, 'aedes.log'),
    cores: [core],
  })
  try {
    const mqttPort = await child.waitFor((output) => {
      const port = /^listening on (\d+)$/m.exec(output)?.[1]
      return port === undefined ? undefined : Number(port)
    })
    return { name, pid: child.pid, mqttPort, stop: () => child.stop() }
  } catch (error) {
    await child.stop()
    throw error
  }
}
