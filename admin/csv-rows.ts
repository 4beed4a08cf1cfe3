/** Files of CSV that become rows of something. What the values may be is the registry's to say. */

export interface FileProblem {
  readonly line: number
  readonly problem: string
}

export interface RowReader<Row> {
  /** @returns when more rows may come. */
  rows(rows: readonly Row[]): Promise<void>
  problem(problem: FileProblem): void
}

export interface RowShape<Column extends string, Row> {
  readonly columns: readonly Column[]
  /** The one that must be there. */
  readonly required: Column
  /** @returns the row, or what is wrong with it. */
  rowOf(field: (column: Column) => string, line: number): Row | string
  /** Rows in one request. */
  readonly atOnce: number
}

export interface RowTag {
  key: string
  value: string
}

/** Each request is a write that has to reach the disk; with the longest of IDs, notes and tags it is cut by bytes. */
const BYTES_AT_ONCE = 768 * 1024
/** More than an ID, a note and the tags of a row; a line without an end must not fill the memory. */
const MAX_ROW_BYTES = 16 * 1024

/** How csv-parse is to read such a file, at the command line and in the browser (RFC 4180; BOM and CRLF are fine). */
export const CSV_OPTIONS = {
  bom: true,
  info: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: MAX_ROW_BYTES,
} as const

type Records = AsyncIterable<unknown> | Iterable<unknown>

/**
 * Reads what csv-parse makes of a file with {@link CSV_OPTIONS}. The first record names the columns, in any order; others
 * than those of the shape are an error, as a misspelt one would be lost in silence.
 *
 * @throws what is no fault of the file.
 */
export async function readCsvRecords<Column extends string, Row>(
  records: Records,
  shape: RowShape<Column, Row>,
  reader: RowReader<Row>,
): Promise<void> {
  try {
    await readRecords(records, shape, reader)
  } catch (error) {
    if (error instanceof HeaderProblem) return reader.problem({ line: error.line, problem: error.message })
    const problem = csvProblem(error)
    if (problem === undefined) throw error
    reader.problem(problem)
  }
}

/** What the columns mean is not known, so nothing after it is worth reading. */
class HeaderProblem extends Error {
  override readonly name = 'HeaderProblem'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

async function readRecords<Column extends string, Row>(
  records: Records,
  shape: RowShape<Column, Row>,
  reader: RowReader<Row>,
): Promise<void> {
  let columns: readonly Column[] | undefined
  let chunk: Row[] = []
  let bytes = 0
  for await (const item of records) {
    const { fields, line } = recordOf(item)
    if (columns === undefined) {
      const header = headerOf(fields, shape)
      if (typeof header === 'string') throw new HeaderProblem(line, header)
      columns = header
      continue
    }
    const row = rowIn(fields, columns, line, shape)
    if (typeof row === 'string') {
      reader.problem({ line, problem: row })
      continue
    }
    chunk.push(row)
    bytes += JSON.stringify(row).length * 3
    if (chunk.length >= shape.atOnce || bytes >= BYTES_AT_ONCE) {
      await reader.rows(chunk)
      chunk = []
      bytes = 0
    }
  }
  if (columns === undefined) reader.problem({ line: 1, problem: 'the file is empty; its first row names the columns' })
  if (chunk.length > 0) await reader.rows(chunk)
}

/** What csv-parse gives for each record with `info: true`. */
function recordOf(item: unknown): { fields: readonly string[]; line: number } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { record, info } = item as { record: string[]; info: { lines: number } }
  return { fields: record, line: info.lines }
}

/** @returns the columns, or what is wrong with them. */
function headerOf<Column extends string>(
  fields: readonly string[],
  { columns: known, required }: RowShape<Column, unknown>,
): readonly Column[] | string {
  const columns: Column[] = []
  for (const field of fields) {
    const name = field.trim()
    const column = known.find((one) => one.toLowerCase() === name.toLowerCase().replaceAll(/[ _-]/g, ''))
    if (column === undefined) {
      return `the first row names a column ${JSON.stringify(name)}; there are ${known.join(', ')}`
    }
    if (columns.includes(column)) return `the first row names the column ${column} twice`
    columns.push(column)
  }
  return columns.includes(required) ? columns : `the first row must name a column ${required}`
}

/** @returns the row, or what is wrong with it. */
function rowIn<Column extends string, Row>(
  fields: readonly string[],
  columns: readonly Column[],
  line: number,
  shape: RowShape<Column, Row>,
): Row | string {
  if (fields.length !== columns.length) {
    return `it has ${fields.length} columns; the first row names ${columns.length}`
  }
  return shape.rowOf((column) => fields[columns.indexOf(column)] ?? '', line)
}

/** `key=value;key=value`. @returns the tags, or what is wrong with them. */
export function tagsOf(text: string): RowTag[] | string {
  const pairs = text.split(';').filter((pair) => pair.trim() !== '')
  const bad = pairs.find((pair) => !pair.includes('='))
  if (bad !== undefined) return `the tag ${JSON.stringify(bad)} is not of the form key=value`
  return pairs.map((pair) => {
    const at = pair.indexOf('=')
    return { key: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() }
  })
}

/** @returns undefined when it is no error of csv-parse, whose builds each have a class of their own. */
function csvProblem(error: unknown): FileProblem | undefined {
  const { code, message, lines }: { code?: unknown; message?: unknown; lines?: unknown } = Object(error)
  if (typeof code !== 'string' || !code.startsWith('CSV_')) return undefined
  return { line: Number(lines ?? 0), problem: `${csvText(code, String(message))}; the rest was not read` }
}

function csvText(code: string, message: string): string {
  if (code === 'CSV_MAX_RECORD_SIZE') return `a row is longer than ${MAX_ROW_BYTES} bytes`
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is opened and never closed'
  return message
}
