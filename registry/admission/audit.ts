import type { Findings } from '../../storage/index.ts'
import { registryRooms as rooms } from '../store-rooms.ts'
import { parseStored } from '../stored-json.ts'
import { GENERATION_DIGITS } from './allow-list.ts'

const CURRENT = 'current'

/** Looks at who may register: is each entry of the list one, are there as many as it says, is each approval one? */
export class AdmissionAudit {
  readonly #findings: Findings
  readonly #entries = new Map<number, number>()
  #current: Readonly<Record<string, unknown>> | undefined

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @returns whether the record is in one of these rooms. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    const record = parseStored(value)
    switch (room) {
      case rooms.allowList: {
        const generation = Number(key.toString('latin1', 0, GENERATION_DIGITS))
        if (typeof record['manufacturerId'] !== 'string') this.#findings.drop(room, key, 'is not an entry of the list')
        else this.#entries.set(generation, (this.#entries.get(generation) ?? 0) + 1)
        return true
      }
      case rooms.allowListState:
        if (Number.isSafeInteger(record['generation'])) this.#current = record
        else this.#findings.drop(room, key, 'does not say which list is in force')
        return true
      case rooms.approvals:
        if (typeof record['manufacturerId'] !== 'string' || typeof record['state'] !== 'string') {
          this.#findings.drop(room, key, 'is not an approval')
        }
        return true
      default:
        return false
    }
  }

  /** Once every record was seen. */
  conclude(): void {
    if (this.#current === undefined) return
    const there = this.#entries.get(Number(this.#current['generation'])) ?? 0
    const { entries } = this.#current
    if (entries === there) return
    this.#findings.put(
      rooms.allowListState,
      Buffer.from(CURRENT),
      Buffer.from(JSON.stringify({ ...this.#current, entries: there })),
      `says that the allow-list has ${String(entries)} entries, and ${there} are there`,
    )
  }
}
