import { Level } from 'level'

/** What is to happen to a write. */
export type Fault =
  /** Nothing of it arrives. */
  | 'lost'
  /** All of it arrives, and is said to have failed, as after an fsync that failed. */
  | 'unsure'
  | undefined

/** A database whose writes fail when they are told to. */
export class FaultyLevel extends Level {
  /** Counts the writes, from 1. */
  writes = 0
  syncs = 0
  /** Decides the fate of write `n`. */
  fault: (n: number) => Fault = () => undefined

  override batch(): never {
    const chained = super.batch()
    const write = chained.write.bind(chained)
    chained.write = async (options: { readonly sync?: boolean | undefined } = {}) => {
      this.writes++
      if (options.sync === true) this.syncs++
      const fault = this.fault(this.writes)
      if (fault === 'lost') await chained.close()
      else await write(options)
      if (fault !== undefined) throw new Error('Input/output error')
    }
    return chained as never
  }
}
