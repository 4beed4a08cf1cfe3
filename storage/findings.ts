import { isUtf8 } from 'node:buffer'

/** A record that is wrong, or goes with no other. */
export interface RecordFault {
  readonly room: string
  /** As text; bytes that are none are in hexadecimal. */
  readonly key: string
  readonly problem: string
}

/** What was found wrong with the records of a store, and what would set it right. */
export class Findings {
  readonly faults: RecordFault[] = []
  readonly #corrections = new Map<string, Buffer | undefined>()

  /** The record is of no use. */
  drop(room: string, key: Buffer, problem: string): void {
    this.#note(room, key, problem)
    this.#corrections.set(nameOf(room, key), undefined)
  }

  /** Goes with one that was told of. */
  dropToo(room: string, key: Buffer): void {
    this.#corrections.set(nameOf(room, key), undefined)
  }

  /** The record is missing, or should hold `value`. */
  put(room: string, key: Buffer, value: Buffer, problem: string): void {
    this.#note(room, key, problem)
    this.#corrections.set(nameOf(room, key), value)
  }

  /** What cannot be set right. */
  tell(room: string, key: Buffer, problem: string): void {
    this.#note(room, key, problem)
  }

  /** Whether the record stays as it is. */
  keeps(room: string, key: Buffer): boolean {
    return !this.#corrections.has(nameOf(room, key))
  }

  /** Records that are to be written, under the keys of the database. */
  *written(): Generator<readonly [key: Buffer, value: Buffer]> {
    for (const [name, value] of this.#corrections) {
      if (value !== undefined) yield [Buffer.from(name, 'latin1'), value]
    }
  }

  #note(room: string, key: Buffer, problem: string): void {
    this.faults.push({ room, key: keyText(key), problem })
  }
}

const nameOf = (room: string, key: Buffer): string => `!${room}!${key.toString('latin1')}`

/** A key for a person to read. */
export function keyText(key: Buffer): string {
  return isText(key) ? key.toString() : key.toString('hex')
}

/** Whether bytes and text are the same thing: read as UTF-8 and written again, nothing is different. */
export const isText = (bytes: Buffer): boolean => isUtf8(bytes) && !bytes.includes(0)
