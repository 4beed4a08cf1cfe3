import type { Bench } from '../bench.ts'
import { startAedes } from '../brokers/aedes.ts'
import type { Broker } from '../brokers/broker.ts'
import { startMooring } from '../brokers/mooring.ts'
import { startMosquitto } from '../brokers/mosquitto.ts'
import type { Tally } from '../tally.ts'

export const NO_MOSQUITTO =
  'mosquitto is not installed (Debian: apt install mosquitto), so nothing is compared with it.'

/** The cores and files of this run, as a broker is told them. */
export const placeOf = ({ folder, cores, fleet }: Bench) => ({
  folder,
  core: cores.broker,
  devices: fleet.devices,
  services: fleet.services,
})

export const startPinnedMooring = ({ folder, cores, fleet }: Bench, settings: Readonly<Record<string, string>> = {}) =>
  startMooring({ data: fleet.data, folder, cores: [cores.broker], settings })

export type Start = (bench: Bench) => Promise<Broker | undefined>

/** Each with logins and ACL. */
export const mooring: Start = (bench) => startPinnedMooring(bench)
export const aedes: Start = (bench) => startAedes('Aedes', placeOf(bench))
export const aedesWithCache: Start = (bench) => startAedes('Aedes + cache', placeOf(bench))
export const mosquitto: Start = (bench) => startMosquitto(placeOf(bench))

/**
 * Runs `work` with the brokers that could be started, and stops them. All run at the same time: one that nobody talks to
 * costs the others nothing, and repeats can be interleaved.
 */
export async function withBrokers(
  bench: Bench,
  tally: Tally,
  starts: readonly Start[],
  work: (brokers: readonly Broker[]) => Promise<void>,
): Promise<void> {
  const brokers: Broker[] = []
  try {
    for (const start of starts) {
      const broker = await start(bench)
      if (broker === undefined) tally.note(NO_MOSQUITTO)
      else brokers.push(broker)
    }
    await work(brokers)
  } finally {
    for (const broker of brokers) await broker.stop()
  }
}
