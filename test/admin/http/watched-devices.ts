import type { WatchDevice } from '../../../admin/index.ts'

type Heard = Parameters<WatchDevice>[1]

/** A broker, as far as tails look at one. */
export class WatchedDevices {
  readonly #heard = new Map<string, Set<Heard>>()

  readonly watch: WatchDevice = (deviceId, heard) => {
    const all = this.#heard.get(deviceId) ?? new Set()
    this.#heard.set(deviceId, all.add(heard))
    return () => {
      all.delete(heard)
      if (all.size === 0) this.#heard.delete(deviceId)
    }
  }

  get devices(): string[] {
    return [...this.#heard.keys()]
  }

  publish(deviceId: string, payload: string | Buffer, topic = `losant/${deviceId}/state`): void {
    const message = { topic, payload: Buffer.from(payload), qos: 0, retain: false }
    for (const heard of this.#heard.get(deviceId) ?? []) heard(message)
  }
}
