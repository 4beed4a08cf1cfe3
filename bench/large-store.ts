import { newPath } from './bench.ts'
import { runMooring } from './brokers/mooring.ts'
import { runCommand } from './command.ts'
import { contestantScript } from './places.ts'

export interface StoreContents {
  readonly devices?: number
  /** Each with two subscriptions. */
  readonly sessions?: number
  readonly retained?: number
}

/** A data folder of the product's own, with so much in it. @returns its path and a service key. */
export async function makeLargeStore(
  folder: string,
  { devices = 0, sessions = 0, retained = 0 }: StoreContents,
): Promise<{ readonly data: string; readonly username: string; readonly password: string }> {
  const data = newPath(folder, 'large-data')
  // What belongs to a new folder is in it before it is filled.
  const key: Record<string, unknown> = Object(
    JSON.parse(await runMooring(['key', 'create', '--service', 'bench', '--data', data, '--json'])),
  )
  const counts = { devices, sessions, retained }
  await runCommand(process.execPath, [
    contestantScript('fill-store'),
    '--data',
    data,
    ...Object.entries(counts).flatMap(([name, count]) => [`--${name}`, String(count)]),
  ])
  return { data, username: String(key['accessKey']), password: String(key['accessSecret']) }
}
