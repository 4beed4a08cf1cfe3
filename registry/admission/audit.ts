import type { Findings } from '../../storage/index.ts'
import { registryRooms as rooms } from '../store-rooms.ts'
import {
  count,
  hasShape,
  listOf,
  oneOf,
  optional,
  parseStored,
  storedAs,
  tag,
  text,
  time,
  type ShapeOf,
} from '../stored-json.ts'
import { GENERATION_DIGITS, type AllowListEntry, type Current } from './allow-list.ts'
import type { Approval } from './approvals.ts'

const CURRENT = 'current'
const ENTRY: ShapeOf<AllowListEntry> = { manufacturerId: text, tags: listOf(tag), note: text, line: count }
const STATE: ShapeOf<Current> = { generation: count, entries: count, importedAt: time }
const APPROVAL: ShapeOf<Approval> = {
  manufacturerId: text,
  state: oneOf(['waiting', 'approved', 'refused']),
  askedAt: time,
  decidedAt: optional(time),
  address: text,
  tokenId: optional(text),
}

/** Looks at who may register: is each entry of the list one, are there as many as it says, is each approval one? */
export class AdmissionAudit {
  readonly #findings: Findings
  readonly #now: () => Date
  readonly #entries = new Map<number, number>()
  #current: Current | undefined
  #isLost = false

  constructor(findings: Findings, now: () => Date) {
    this.#findings = findings
    this.#now = now
  }

  /** @returns whether the record is in one of these rooms. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    switch (room) {
      case rooms.allowList:
        this.#seeEntry(key, value)
        return true
      case rooms.allowListState:
        this.#current = storedAs<Current>(value, STATE)
        if (this.#current !== undefined) return true
        this.#isLost = true
        this.#findings.drop(room, key, 'does not say which list is in force')
        return true
      case rooms.approvals:
        if (!hasShape(parseStored(value), APPROVAL)) this.#findings.drop(room, key, 'is not an approval')
        return true
      default:
        return false
    }
  }

  #seeEntry(key: Buffer, value: Buffer): void {
    const generation = Number(key.toString('latin1', 0, GENERATION_DIGITS))
    if (!Number.isSafeInteger(generation) || !hasShape(parseStored(value), ENTRY)) {
      this.#findings.drop(rooms.allowList, key, 'is not an entry of the list')
    } else this.#entries.set(generation, (this.#entries.get(generation) ?? 0) + 1)
  }

  /** Once every record was seen. */
  conclude(): void {
    if (this.#current !== undefined) return this.#countEntries(this.#current)
    const [[generation, entries] = [0, 0], other] = this.#entries
    // Of two lists nobody knows which was in force; then nobody is expected.
    if (!this.#isLost || entries === 0 || other !== undefined) return
    const state = { generation, entries, importedAt: this.#now().toISOString() }
    this.#putState(state, `is to say that the list with ${entries} entries is in force, the only one there is`)
  }

  #countEntries(current: Current): void {
    const there = this.#entries.get(current.generation) ?? 0
    if (current.entries === there) return
    const problem = `says that the allow-list has ${current.entries} entries, and ${there} are there`
    this.#putState({ ...current, entries: there }, problem)
  }

  #putState(state: Current, problem: string): void {
    this.#findings.put(rooms.allowListState, Buffer.from(CURRENT), Buffer.from(JSON.stringify(state)), problem)
  }
}
