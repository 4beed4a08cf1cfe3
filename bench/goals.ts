import type { Goal, Row } from './report.ts'
import { best, median, timesBetter } from './stats.ts'
import { quantity } from './quantity.ts'

export interface Outcome {
  readonly goal: string
  /** By the medians, and by the best repeat of each. */
  readonly measured: string
  readonly best: string
  readonly verdict: 'met' | 'missed' | 'not measured'
}

/** Holds a goal against what was measured. The medians decide; the best repeats are told beside them. */
export function outcomeOf(goal: Goal, rows: readonly Row[]): Outcome {
  const row = rows.find(({ what }) => what === goal.row)
  const valuesOf = (contestant: string): readonly number[] =>
    row?.series.find((series) => series.contestant === contestant)?.values ?? []
  const ours = valuesOf(goal.of)
  const theirs = goal.against === undefined ? undefined : valuesOf(goal.against)
  const text = describeGoal(goal, row?.unit ?? '')
  if (row === undefined || ours.length === 0 || theirs?.length === 0) {
    return { goal: text, measured: '–', best: '–', verdict: 'not measured' }
  }

  const compare = (pick: (values: readonly number[]) => number): number => {
    if (theirs === undefined) return pick(ours)
    return goal.atLeast === undefined ? pick(ours) / pick(theirs) : timesBetter(pick(ours), pick(theirs), row.better)
  }
  const measured = compare(median)
  const met = goal.atLeast === undefined ? measured <= (goal.atMost ?? Number.NaN) : measured >= goal.atLeast
  const show = (value: number): string => (theirs === undefined ? quantity(value, row.unit) : `${quantity(value)} ×`)
  return {
    goal: text,
    measured: show(measured),
    best: show(compare((values) => best(values, row.better))),
    verdict: met ? 'met' : 'missed',
  }
}

function describeGoal({ of, against, atLeast, atMost }: Goal, unit: string): string {
  const bound = atLeast === undefined ? `≤ ${quantity(atMost ?? Number.NaN)}` : `≥ ${quantity(atLeast)}`
  if (against === undefined) return `${of} ${bound} ${unit}`.trimEnd()
  return `${of} ${bound} × ${against}`
}
