import type { Findings } from '../../storage/index.ts'
import { DEVICE_FACETS_ROOM, INDEX_COMPLETE } from './device-index.ts'

/** Looks at the index of devices: leads it to all of them, and to no others? It is made anew from what they are. */
export class DeviceIndexAudit {
  readonly #findings: Findings
  readonly #there = new Set<string>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @returns whether the record is in this room. */
  see(room: string, key: Buffer): boolean {
    if (room !== DEVICE_FACETS_ROOM) return false
    this.#there.add(key.toString())
    return true
  }

  /** Once every record was seen, with the facets of all devices that stay. */
  conclude(devices: Iterable<readonly [id: string, facets: readonly string[]]>): void {
    // An index that is not complete is made by the next start.
    const isComplete = this.#there.delete(INDEX_COMPLETE)
    for (const [id, facets] of devices) {
      for (const facet of facets) {
        const key = facet + id
        if (this.#there.delete(key) || !isComplete) continue
        this.#findings.put(DEVICE_FACETS_ROOM, Buffer.from(key), Buffer.alloc(0), 'is missing, and its device is there')
      }
    }
    for (const key of this.#there) {
      this.#findings.drop(DEVICE_FACETS_ROOM, Buffer.from(key), 'leads to a device that is not there, or is otherwise')
    }
  }
}
