/** What a run leaves behind: the content of `--json`, and the source of every table. */
export interface Report {
  readonly version: 1
  readonly suites: readonly SuiteReport[]
}

export interface SuiteReport {
  readonly name: string
  readonly title: string
  /** Types this suite again. */
  readonly command: string
  readonly measuredAt: string
  readonly machine: Machine
  readonly repeats: number
  readonly rows: readonly Row[]
  readonly goals: readonly Goal[]
  readonly notes: readonly string[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly node: string
  readonly mosquitto: string
}

export type Better = 'lower' | 'higher'

/** One quantity, measured side by side. */
export interface Row {
  readonly what: string
  readonly unit: string
  readonly better: Better
  readonly series: readonly Series[]
}

/** One contestant's values, one for each repeat that counts. */
export interface Series {
  readonly contestant: string
  readonly values: readonly number[]
  /** Repeats that were thrown away because the broker did not have its core. */
  readonly refused: number
}

/**
 * What a row should show. With `against` it is about a ratio of two contestants: `atLeast` counts how many times better
 * `of` is, `atMost` is its value over the other's. Without `against` it is about the value itself.
 */
export interface Goal {
  readonly row: string
  readonly of: string
  readonly against?: string
  readonly atLeast?: number
  readonly atMost?: number
}
