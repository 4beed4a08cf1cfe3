import type { Bench } from '../bench.ts'
import type { Goal, Row } from '../report.ts'

/** One set of measurements. */
export interface Suite {
  readonly name: string
  readonly title: string
  run(bench: Bench): Promise<Findings>
}

export interface Findings {
  readonly rows: readonly Row[]
  readonly notes: readonly string[]
  readonly goals: readonly Goal[]
}
