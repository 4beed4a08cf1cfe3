import type { Findings } from '../../storage/index.ts'
import { parseStored } from '../stored-json.ts'
import { GENESIS, seal, statedHash, unsealed } from './chain.ts'
import { JOURNAL_ROOMS as rooms, keyOf, sizeOf, type Anchor, type Head } from './journal-store.ts'

/** Entries that follow each other, each checked against the one before it. */
interface Run {
  /** The entry before the first: from there they can be checked. It is not of them itself, even where it is there. */
  readonly anchor: Anchor
  last: Anchor
  bytes: number
}

const START: Anchor = { seq: 0, hash: GENESIS }

/**
 * Looks at the journal: does each entry follow from the one before, from the anchor to the head? Where the chain is
 * broken the longest part that holds together is kept, and an entry at its end says what is gone. Entries must be shown
 * in the order of their keys; memory holds none of them.
 */
export class JournalAudit {
  readonly #findings: Findings
  readonly #now: () => Date
  readonly #runs: Run[] = []
  #first: (Anchor & { readonly text: string }) | undefined
  #before: Anchor | undefined
  #newest = 0
  #isDamaged = false
  #anchor: Anchor | undefined
  #head: Head | undefined

  constructor(findings: Findings, now: () => Date) {
    this.#findings = findings
    this.#now = now
  }

  /** @returns whether the record is in one of these rooms. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    if (room === rooms.entries) this.#seeEntry(key, value)
    else if (room === rooms.meta) this.#seeMeta(key, value)
    else return false
    return true
  }

  #seeEntry(key: Buffer, value: Buffer): void {
    const text = value.toString()
    const seq = Number(key.toString())
    const hash = statedHash(text)
    if (hash === undefined || keyOf(seq) !== key.toString() || parseStored(value)['seq'] !== seq) {
      this.#isDamaged = true
      this.#findings.drop(rooms.entries, key, 'is not an entry of the journal')
      return
    }
    const before = this.#before
    const run = this.#runs.at(-1)
    this.#before = { seq, hash }
    this.#newest = seq
    this.#first ??= { seq, hash, text }
    if (run === undefined || before?.seq !== seq - 1) {
      this.#runs.push({ anchor: { seq, hash }, last: { seq, hash }, bytes: 0 })
    } else if (unsealed(text, before.hash) === undefined) {
      this.#findings.tell(rooms.entries, key, 'does not follow from the entry before it')
      this.#runs.push({ anchor: { seq, hash }, last: { seq, hash }, bytes: 0 })
    } else {
      run.last = { seq, hash }
      run.bytes += sizeOf(text)
    }
  }

  #seeMeta(key: Buffer, value: Buffer): void {
    const { seq, hash, bytes, closed } = parseStored(value)
    if (typeof seq !== 'number' || typeof hash !== 'string' || hash.length !== GENESIS.length) {
      this.#isDamaged = true
      this.#findings.drop(rooms.meta, key, 'does not say where the journal begins or ends')
    } else if (key.toString() === 'anchor') this.#anchor = { seq, hash }
    else this.#head = { seq, hash, bytes: Number(bytes), closed: closed === true }
  }

  /** Once every record was seen. */
  conclude(): void {
    const isNew = this.#first === undefined && this.#anchor === undefined && this.#head === undefined
    if (isNew && !this.#isDamaged) return
    const anchor = this.#anchor ?? START
    const runs = this.#checkedRuns(anchor)
    const [kept, ...others] = runs.toSorted(
      (one, other) => lengthOf(other) - lengthOf(one) || other.last.seq - one.last.seq,
    )
    if (!this.#isDamaged && others.length === 0 && this.#isWhole(kept, anchor)) this.#concludeHead(kept)
    else this.#cut(kept ?? emptyBehind(anchor, this.#head), others)
  }

  /** The first run begins with the first entry itself when that follows from the anchor, or from nothing. */
  #checkedRuns(anchor: Anchor): Run[] {
    const [run, ...others] = this.#runs
    const first = this.#first
    if (run === undefined || first === undefined) return []
    const { seq, text } = first
    const before = [anchor, START].find((one) => one.seq === seq - 1 && unsealed(text, one.hash) !== undefined)
    if (before === undefined) return this.#runs
    return [{ anchor: before, last: run.last, bytes: run.bytes + sizeOf(text) }, ...others]
  }

  /** From the anchor to the head, or beyond it. */
  #isWhole(run: Run | undefined, anchor: Anchor): boolean {
    if (run === undefined) return this.#head?.seq === anchor.seq
    return run.anchor.seq === anchor.seq && (this.#head?.seq ?? 0) <= run.last.seq
  }

  #concludeHead(run: Run | undefined): void {
    const head = this.#head
    if (run === undefined) return
    if (head?.seq === run.last.seq && head.hash === run.last.hash && head.bytes === run.bytes) return
    this.#putHead({ ...run.last, bytes: run.bytes }, 'does not say where the journal ends and how much it takes')
  }

  #cut(kept: Run, others: readonly Run[]): void {
    const oldest = Math.min((this.#anchor ?? START).seq, (this.#first?.seq ?? Infinity) - 1)
    const newest = Math.max(this.#head?.seq ?? 0, this.#newest)
    const count = newest - oldest - lengthOf(kept)
    for (const { anchor, last } of others) this.#giveUp(anchor.seq, last.seq)
    this.#giveUp(kept.anchor.seq, kept.anchor.seq)

    const left = lengthOf(kept) === 0 ? 'none is left' : `${kept.anchor.seq + 1} to ${kept.last.seq} are left`
    const reason = `store repaired: of the entries ${oldest + 1} to ${newest} ${left}`
    const seq = kept.last.seq + 1
    const facts = { kind: 'journal', result: 'lost', reason, count } as const
    const { text, hash } = seal(seq, this.#now().toISOString(), facts, kept.last.hash)
    const key = Buffer.from(keyOf(seq))
    this.#findings.put(rooms.entries, key, Buffer.from(text), `is to say what is lost: ${reason.replace(/^.*: /, '')}`)
    this.#putAnchor(kept.anchor)
    this.#putHead({ seq, hash, bytes: kept.bytes + sizeOf(text) }, `is to be entry ${seq}`)
  }

  #giveUp(from: number, to: number): void {
    for (let seq = from; seq <= to; seq++) this.#findings.dropToo(rooms.entries, Buffer.from(keyOf(seq)))
  }

  #putAnchor(anchor: Anchor): void {
    if (this.#anchor?.hash === anchor.hash) return
    const value = Buffer.from(JSON.stringify(anchor))
    this.#findings.put(rooms.meta, Buffer.from('anchor'), value, `is to be entry ${anchor.seq}`)
  }

  #putHead(head: Omit<Head, 'closed'>, problem: string): void {
    const value = Buffer.from(JSON.stringify({ ...head, closed: this.#head?.closed ?? false }))
    this.#findings.put(rooms.meta, Buffer.from('head'), value, problem)
  }
}

const lengthOf = ({ anchor, last }: Run): number => last.seq - anchor.seq

/** Of a journal whose entries are all gone. */
function emptyBehind(anchor: Anchor, head: Head | undefined): Run {
  const { seq, hash } = head === undefined || head.seq < anchor.seq ? anchor : head
  return { anchor: { seq, hash }, last: { seq, hash }, bytes: 0 }
}
