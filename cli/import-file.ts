import { parse } from 'csv-parse'
import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { CSV_OPTIONS, type FileProblem, type RowReader } from '../admin/index.ts'
import { systemCode } from '../storage/index.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { printable, type Output } from './output.ts'
import type { Session } from './session.ts'

/** A file of another kind has a problem in every row; nobody reads them all. */
const PROBLEMS_SHOWN = 100

/** Reads the records of a file of one kind of rows. */
export type ReadRecords<Row> = (records: AsyncIterable<unknown>, reader: RowReader<Row>) => Promise<void>

/**
 * Hands the rows of a CSV file over as they are read, and gathers what is wrong with any.
 *
 * @param add - takes some rows in. @returns what is wrong with them.
 */
export async function readRows<Row>(
  session: Session,
  file: string,
  readRecords: ReadRecords<Row>,
  add: (rows: readonly Row[]) => Promise<readonly FileProblem[]>,
): Promise<{ problems: readonly FileProblem[]; count: number }> {
  const { output } = session
  const problems: FileProblem[] = []
  let count = 0
  try {
    await readFileRecords(resolve(session.context.cwd, file), readRecords, {
      rows: async (rows) => {
        problems.push(...(await add(rows)))
        count += rows.length
        output.progress(`${count} rows read, ${problems.length} problems`)
      },
      problem: (problem) => problems.push(problem),
    })
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    throw usageError(`${file} cannot be read: ${code}`)
  } finally {
    output.progress('')
  }
  return { problems: problems.toSorted((a, b) => a.line - b.line), count }
}

async function readFileRecords<Row>(file: string, readRecords: ReadRecords<Row>, reader: RowReader<Row>) {
  const parser = parse(CSV_OPTIONS)
  const input = createReadStream(file)
  input.on('error', (error) => parser.destroy(error))
  try {
    await readRecords(input.pipe(parser), reader)
  } finally {
    input.destroy()
  }
}

/** @returns the refusal of a file, after its rows were told by their lines. */
export function fileRefused(output: Output, file: string, problems: readonly FileProblem[]): CliError {
  const shown = problems.slice(0, PROBLEMS_SHOWN)
  output.answer({ problems: shown, applied: false }, () => '')
  for (const { line, problem } of shown) output.problem(`${file}:${line}: ${printable(problem)}`)
  if (problems.length > shown.length) output.problem(`and ${problems.length - shown.length} more`)
  const count = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`
  return new CliError(ExitCode.failure, 'ERR_IMPORT_REFUSED', `${file} has ${count}; nothing was changed`)
}

export const tagsText = (tags: readonly { readonly key: string; readonly value: string }[]): string =>
  tags.map(({ key, value }) => `${key}=${value}`).join(';')
