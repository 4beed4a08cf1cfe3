import { outcomeOf } from './goals.ts'
import { quantity } from './quantity.ts'
import type { Series, SuiteReport } from './report.ts'
import { best, median } from './stats.ts'

/** A head and rows of cells. */
export interface Table {
  readonly head: readonly string[]
  readonly body: readonly (readonly string[])[]
}

const MARK = { met: '✓ met', missed: '✗ missed', 'not measured': '· not measured' } as const

/** A row for each quantity, a column for each contestant: the median, and in brackets the best repeat. */
export function figuresTable({ rows }: SuiteReport): Table {
  const contestants = [...new Set(rows.flatMap(({ series }) => series.map(({ contestant }) => contestant)))]
  return {
    head: ['', 'unit', ...contestants],
    body: rows.map(({ what, unit, better, series }) => {
      const cell = (found: Series | undefined): string =>
        found === undefined || found.values.length === 0
          ? '–'
          : `${quantity(median(found.values))} (${quantity(best(found.values, better))})`
      return [what, unit, ...contestants.map((name) => cell(series.find(({ contestant }) => contestant === name)))]
    }),
  }
}

export function goalsTable({ rows, goals }: SuiteReport): Table {
  return {
    head: ['', 'goal', 'measured', 'best', ''],
    body: goals.map((goal) => {
      const outcome = outcomeOf(goal, rows)
      return [goal.row, outcome.goal, outcome.measured, outcome.best, MARK[outcome.verdict]]
    }),
  }
}

/** Notes that were written down, and how many repeats do not count. */
export function notesOf({ rows, notes }: SuiteReport): string[] {
  const refused = new Map<string, number>()
  for (const series of rows.flatMap((row) => row.series)) {
    if (series.refused > 0) refused.set(series.contestant, (refused.get(series.contestant) ?? 0) + series.refused)
  }
  if (refused.size === 0) return [...notes]
  const counts = Array.from(refused, ([contestant, count]) => `${contestant} ${count}`).join(', ')
  return [...notes, `Refused and done again, because the broker had less than 80 % of its core: ${counts}.`]
}

/** For a terminal. */
export function renderText(suite: SuiteReport): string {
  const notes = notesOf(suite).map((note) => `  note: ${note}`)
  const parts = [
    `${suite.title}  (${suite.repeats} repeats: median, best in brackets)`,
    aligned(figuresTable(suite)),
    ...(suite.goals.length === 0 ? [] : [aligned(goalsTable(suite))]),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
  ]
  return `${parts.join('\n\n')}\n`
}

/** For docs/benchmarks.md. */
export function renderMarkdown(suite: SuiteReport): string {
  const { machine } = suite
  const notes = notesOf(suite).map((note) => `- ${note}`)
  const parts = [
    `\`${suite.command}\`, ${suite.repeats} repeats, ${suite.measuredAt.slice(0, 10)}, ${machine.cores} cores of ` +
      `${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, mosquitto ${machine.mosquitto}. Median, best in brackets.`,
    markdown(figuresTable(suite)),
    ...(suite.goals.length === 0 ? [] : [markdown(goalsTable(suite))]),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
  ]
  return parts.join('\n\n')
}

const widthsOf = ({ head, body }: Table): number[] =>
  head.map((cell, column) => Math.max(3, cell.length, ...body.map((row) => row[column]?.length ?? 0)))

function aligned(table: Table): string {
  const widths = widthsOf(table)
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
  return [line(table.head), ...table.body.map(line)].join('\n')
}

/** As the formatter of this repository would align it, so that it never has anything to change. */
function markdown(table: Table): string {
  const widths = widthsOf(table)
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(table.head), line(widths.map((width) => '-'.repeat(width))), ...table.body.map(line)].join('\n')
}
