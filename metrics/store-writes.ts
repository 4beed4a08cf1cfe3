import { Counter, Histogram } from 'prom-client'

interface Writer<Operation> {
  write(operations: readonly Operation[]): Promise<void>
}

/** From a disk that answers from its cache to one that hangs. */
const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** How long writes to the store take, seen from where they are asked for: once for each group of registrations. */
export class StoreWrites {
  readonly seconds = new Histogram({
    name: 'mooring_store_write_seconds',
    help: 'Time from asking for a write of devices or keys until it was acknowledged, its fsync included; many registrations share one.',
    buckets: BUCKETS_SECONDS,
    registers: [],
  })
  readonly failures = new Counter({
    name: 'mooring_store_write_failures_total',
    help: 'Writes of devices or keys that failed.',
    registers: [],
  })

  /** The same writer, timed. */
  watch<Operation>(writer: Writer<Operation>): Writer<Operation> {
    return { write: (operations) => this.#time(writer, operations) }
  }

  async #time<Operation>(writer: Writer<Operation>, operations: readonly Operation[]): Promise<void> {
    const startedAt = performance.now()
    try {
      await writer.write(operations)
    } catch (error) {
      this.failures.inc()
      throw error
    }
    this.seconds.observe((performance.now() - startedAt) / 1000)
  }
}
