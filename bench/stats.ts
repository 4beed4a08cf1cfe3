import type { Better } from './report.ts'

/** NaN for nothing: a figure that was not measured is no figure. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const at = (index: number): number => sorted[index] ?? Number.NaN
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2
}

export function best(values: readonly number[], better: Better): number {
  if (values.length === 0) return Number.NaN
  return better === 'lower' ? Math.min(...values) : Math.max(...values)
}

/** How many times better `ours` is: 2 when a cost is half of theirs, or a rate twice theirs. */
export const timesBetter = (ours: number, theirs: number, better: Better): number =>
  better === 'lower' ? theirs / ours : ours / theirs
