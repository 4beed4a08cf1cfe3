import { stringify } from 'csv-stringify/sync'

/** An answer, or one of a list of them. */
export type Row = Readonly<Record<string, unknown>>

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The rows of an answer: those of its only list, or the answer itself. */
export function rowsOf(answer: unknown): Row[] {
  if (!isRow(answer)) return []
  const lists = Object.values(answer).filter((value) => Array.isArray(value))
  const [list] = lists
  return lists.length === 1 && list !== undefined && list.every(isRow) && isOnlyList(answer) ? list : [answer]
}

/** A list with where its next page begins, and nothing else that would be lost. */
const isOnlyList = (answer: Row): boolean =>
  Object.entries(answer).every(([name, value]) => Array.isArray(value) || name === 'next')

/** A table, with the names of the fields above it unless they stand there already. What is no plain value is JSON. */
export function toCsv(rows: readonly Row[], { head } = { head: true }): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (columns.length === 0) return ''
  // A spreadsheet must not take what a device calls itself for a formula.
  return stringify([...(head ? [columns] : []), ...rows.map((row) => columns.map((column) => cellOf(row[column])))], {
    escape_formulas: true,
  })
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
