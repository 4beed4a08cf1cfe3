import { PersistenceAudit, rooms } from '../broker/persistence/index.ts'
import { RegistryAudit } from '../registry/index.ts'
import { Findings, META, type KeyBounds, type RecordFault, type StoredRecord } from '../storage/index.ts'

/** The records of a store within bounds, in the order of their keys. */
export type RecordsWithin = (bounds: KeyBounds) => AsyncIterable<StoredRecord>

/** How many records there are of each kind. */
export type Counts = Readonly<Record<string, number>>

/** The room of a record and its key there. Rooms that this version does not know are rooms all the same. */
export function placeOf(key: Buffer): { readonly room: string; readonly rest: Buffer } {
  const end = key[0] === SEPARATOR ? key.indexOf(SEPARATOR, 1) : -1
  if (end === -1) return { room: '', rest: key }
  return { room: key.toString('latin1', 1, end), rest: key.subarray(end + 1) }
}

const SEPARATOR = '!'.charCodeAt(0)

export const keyAt = (room: string, rest: Buffer): Buffer =>
  room === '' ? rest : Buffer.concat([Buffer.from(`!${room}!`, 'latin1'), rest])

/** All records in the order in which {@link StoreAudit} wants to see them: what sessions have under way comes first. */
export async function* inOrderOfAudit(records: RecordsWithin): AsyncGenerator<StoredRecord> {
  const { gte, lt } = rooms.progress.range
  yield* records({ gte, lt })
  yield* records({ lt: gte })
  yield* records({ gte: lt })
}

/** Holds the records of a store against each other. */
export class StoreAudit {
  readonly #findings = new Findings()
  readonly #registry = new RegistryAudit(this.#findings)
  readonly #persistence = new PersistenceAudit(this.#findings)
  readonly #counts = new Map<string, number>()
  readonly #meta = new Map<string, string>()

  see([key, value]: StoredRecord): void {
    const { room, rest } = placeOf(key)
    this.#counts.set(room, (this.#counts.get(room) ?? 0) + 1)
    if (room === META) this.#meta.set(rest.toString(), value.toString())
    else if (!this.#registry.see(room, rest, value)) this.#persistence.see(room, rest, value)
  }

  async seeAll(records: RecordsWithin): Promise<void> {
    for await (const record of inOrderOfAudit(records)) this.see(record)
  }

  /** Once every record was seen. */
  conclude(): void {
    this.#registry.conclude()
    this.#persistence.conclude()
  }

  get faults(): readonly RecordFault[] {
    return this.#findings.faults
  }

  /** What the store says about itself, but for that. */
  get counts(): Counts {
    return Object.fromEntries(
      [...this.#counts].filter(([room]) => room !== META).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  }

  meta(key: string): string | undefined {
    return this.#meta.get(key)
  }

  /** The last start of which there is a message. */
  get lastBoot(): number {
    return this.#persistence.lastBoot
  }

  /** The same records without their faults; what the store says about itself is left out. */
  async *corrected(records: RecordsWithin): AsyncGenerator<StoredRecord> {
    for await (const record of records({})) {
      const { room, rest } = placeOf(record[0])
      if (room !== META && this.#findings.keeps(room, rest)) yield record
    }
    yield* this.#findings.written()
  }
}
