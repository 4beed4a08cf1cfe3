import type { HistoryColumns } from '../history.ts'

export type WithGaps = { readonly times: readonly number[] } & {
  readonly [Name in Exclude<keyof HistoryColumns, 'times'>]: readonly (number | null)[]
}

/**
 * The same with a moment of nothing wherever steps are missing: a line through the time in which the server did not run
 * would show what nobody has seen.
 *
 * @param step - in seconds; a little more is none that is missing.
 */
export function withGaps(history: HistoryColumns, step: number): WithGaps {
  const { times } = history
  const isAfterGap = times.map((time, index) => time - (times[index - 1] ?? time) > step * 1.5)
  const spread = <T>(values: readonly number[], between: (index: number) => T): (number | T)[] =>
    values.flatMap((value, index) => (isAfterGap[index] ? [between(index), value] : [value]))
  const column = (values: readonly number[]): (number | null)[] => spread(values, () => null)
  return {
    times: spread(times, (index) => (times[index - 1] ?? 0) + step),
    connected: column(history.connected),
    messagesIn: column(history.messagesIn),
    messagesOut: column(history.messagesOut),
    registrations: column(history.registrations),
    refused: column(history.refused),
  }
}
