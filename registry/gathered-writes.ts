import { setTimeout as delay } from 'node:timers/promises'
import type { Writer, WriteOperation } from '../storage/index.ts'

/** Half a millisecond of answers. */
const ANSWERED_TOGETHER = 4

interface Gathering {
  readonly operations: WriteOperation[]
  readonly written: Promise<void>
}

/**
 * One write for what many callers want written within a few milliseconds. The fsync of a commit costs the processor
 * 0.17 ms whatever the commit holds, a quarter of a hash; under load most would hold two or three registrations. A caller
 * that comes alone does not wait.
 */
export class GatheredWrites {
  readonly #writer: Pick<Writer, 'write'>
  readonly #everyMs: number
  #gathering: Gathering | undefined
  #lastAt = -Infinity
  readonly #answered: (() => void)[] = []

  /** @param everyMs - no two writes begin within this time; the longest that a caller waits for others. */
  constructor(writer: Pick<Writer, 'write'>, everyMs: number) {
    this.#writer = writer
    this.#everyMs = everyMs
  }

  /** Resolves once `operations` are on disk, all of them; rejects when none of them is. */
  async write(operations: readonly WriteOperation[]): Promise<void> {
    const gathering = (this.#gathering ??= this.#gather())
    gathering.operations.push(...operations)
    await gathering.written
    await this.#turn()
  }

  #gather(): Gathering {
    const operations: WriteOperation[] = []
    return { operations, written: this.#writeWhenDue(operations) }
  }

  async #writeWhenDue(operations: readonly WriteOperation[]): Promise<void> {
    const waitMs = this.#lastAt + this.#everyMs - performance.now()
    // Without a wait, a turn of the microtask queue: the first caller's operations are not here yet.
    await (waitMs > 0 ? delay(waitMs) : undefined)
    this.#lastAt = performance.now()
    this.#gathering = undefined
    await this.#writer.write(operations)
  }

  /** A few callers go on in each turn of the event loop: hashes that are done must not wait for all of their answers. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#answered.push(resolve)
      if (this.#answered.length === 1) setImmediate(() => this.#nextTurn())
    })
  }

  #nextTurn(): void {
    for (const resolve of this.#answered.splice(0, ANSWERED_TOGETHER)) resolve()
    if (this.#answered.length > 0) setImmediate(() => this.#nextTurn())
  }
}
