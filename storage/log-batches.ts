import { Cursor } from './cursor.ts'
import { blockEndOf, endOfRecord, HEADER_BYTES, nextRecordAt } from './log-format.ts'
import type { Entry } from './table.ts'

/** What a log holds: every version of a record that was written to it, and where it is damaged. */
export interface LogContent {
  readonly entries: Entry[]
  /** At which bytes. A record that the end of the file cuts off is none: nobody was promised it. */
  readonly damagedAt: number[]
}

/** Reads a log around its damages. Each batch in it counts whole or not at all. */
export function readLog(log: Buffer): LogContent {
  const entries: Entry[] = []
  const damagedAt: number[] = []
  for (const { batch, at } of batchesOf(log, damagedAt)) {
    try {
      entries.push(...entriesOfBatch(batch))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      damagedAt.push(at)
    }
  }
  return { entries, damagedAt }
}

const Type = { FULL: 1, FIRST: 2, MIDDLE: 3, LAST: 4 } as const

/** A batch is one record, or several that follow each other when it does not fit into a block. */
function* batchesOf(log: Buffer, damagedAt: number[]): Generator<{ readonly batch: Buffer; readonly at: number }> {
  let brokenAt: number | undefined
  let begun: { readonly parts: Buffer[]; readonly at: number } | undefined
  for (let at = 0; at + HEADER_BYTES <= log.length;) {
    const end = endOfRecord(log, at)
    if (end === undefined) {
      brokenAt ??= at
      begun = undefined
      at = nextWholeAfter(log, at)
      continue
    }
    if (brokenAt !== undefined) damagedAt.push(brokenAt)
    brokenAt = undefined
    const part = log.subarray(at + HEADER_BYTES, end)
    const type = log[at + 6]
    if (type === Type.FULL) yield { batch: part, at }
    if (type === Type.FULL || type === Type.FIRST) begun = type === Type.FIRST ? { parts: [part], at } : undefined
    else begun?.parts.push(part)
    if (type === Type.LAST && begun !== undefined) {
      yield { batch: Buffer.concat(begun.parts), at: begun.at }
      begun = undefined
    }
    at = nextRecordAt(end)
  }
}

/** Where to go on behind a record that is not whole: its length may be right all the same. */
function nextWholeAfter(log: Buffer, at: number): number {
  const next = nextRecordAt(at + HEADER_BYTES + log.readUInt16LE(at + 4))
  return endOfRecord(log, next) === undefined ? blockEndOf(log, at) : next
}

const HEADER = { sequence: 0, count: 8, bytes: 12 } as const
const VALUE = 1

/** Source: LevelDB db/write_batch.cc. */
function entriesOfBatch(batch: Buffer): Entry[] {
  const first = batch.readUIntLE(HEADER.sequence, 6) + batch.readUInt16LE(HEADER.sequence + 6) * 2 ** 48
  const count = batch.readUInt32LE(HEADER.count)
  const entries: Entry[] = []
  const cursor = new Cursor(batch, HEADER.bytes)
  while (cursor.at < batch.length) {
    const [type] = cursor.take(1)
    if (type === undefined || type > VALUE) throw new RangeError('a record is neither written nor deleted')
    const key = cursor.bytes()
    entries.push({ key, sequence: first + entries.length, value: type === VALUE ? cursor.bytes() : undefined })
  }
  if (entries.length !== count) throw new RangeError('a batch does not hold as many records as it says')
  return entries
}
