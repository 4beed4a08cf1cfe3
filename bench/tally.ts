import type { Better, Row } from './report.ts'

/** Collects the rows of a suite, in the order in which they are first mentioned. */
export class Tally {
  readonly #rows = new Map<string, { unit: string; better: Better; series: Map<string, Counted> }>()
  readonly #notes = new Set<string>()

  /** Mentions a row and a contestant even if nothing of it should come to count. */
  refused(of: Quantity, contestant: string, refused: number): void {
    this.#counted(of, contestant).refused += refused
  }

  add(of: Quantity, contestant: string, value: number): void {
    this.#counted(of, contestant).values.push(value)
  }

  note(text: string): void {
    this.#notes.add(text)
  }

  get rows(): Row[] {
    return [...this.#rows].map(([what, { unit, better, series }]) => ({
      what,
      unit,
      better,
      series: [...series].map(([contestant, counted]) => ({ contestant, ...counted })),
    }))
  }

  get notes(): string[] {
    return [...this.#notes]
  }

  #counted({ what, unit, better }: Quantity, contestant: string): Counted {
    const row = this.#rows.get(what) ?? { unit, better, series: new Map<string, Counted>() }
    this.#rows.set(what, row)
    const counted = row.series.get(contestant) ?? { values: [], refused: 0 }
    row.series.set(contestant, counted)
    return counted
  }
}

export interface Quantity {
  readonly what: string
  readonly unit: string
  readonly better: Better
}

interface Counted {
  readonly values: number[]
  refused: number
}
