import type { Findings } from '../../storage/index.ts'
import { flag, hasShape, optional, parseStored, time, type ShapeOf } from '../stored-json.ts'
import { RETURNS_ROOM, type ReturnRecord } from './returns.ts'

const RECORD: ShapeOf<ReturnRecord> = { provisional: flag, until: optional(time) }

/** Looks at who may come back: is each record one, and is its device there? */
export class ReturnsAudit {
  readonly #findings: Findings
  readonly #ids: string[] = []

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @returns whether the record is in this room. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    if (room !== RETURNS_ROOM) return false
    if (hasShape(parseStored(value), RECORD)) this.#ids.push(key.toString())
    else this.#findings.drop(room, key, 'does not say whether a device may come back')
    return true
  }

  /** Once every record was seen. */
  conclude(isDevice: (id: string) => boolean): void {
    for (const id of this.#ids) {
      if (isDevice(id)) continue
      this.#findings.drop(RETURNS_ROOM, Buffer.from(id), `belongs to the device ${id}, which is not there`)
    }
  }
}
