import { CsvProblem, readCsv, type CsvRow } from './csv.ts'

/** One line of a file that becomes the allow-list. What the values may be is the registry's to say. */
export interface AllowListRow {
  readonly line: number
  readonly manufacturerId: string
  readonly tags: { key: string; value: string }[]
  readonly note: string
}

export interface FileProblem {
  readonly line: number
  readonly problem: string
}

export interface AllowListReader {
  /** @returns when more rows may come. */
  rows(rows: readonly AllowListRow[]): Promise<void>
  problem(problem: FileProblem): void
}

/** Rows in one request, and in one page of an answer. */
export const MAX_ROWS_PER_PAGE = 1000
/** Each request is a write that has to reach the disk; with the longest of IDs, notes and tags it is cut by bytes. */
const BYTES_AT_ONCE = 768 * 1024

const COLUMNS = ['manufacturerId', 'tags', 'note'] as const

type Column = (typeof COLUMNS)[number]

/**
 * Reads such a file. Its first row names the columns: `manufacturerId`, and perhaps `tags` (`key=value;key=value`) and
 * `note`. In any order; others are an error, as a misspelt one would be lost in silence.
 *
 * @throws what is no fault of the file.
 */
export async function readAllowListRows(chunks: AsyncIterable<string>, reader: AllowListReader): Promise<void> {
  try {
    await readRows(readCsv(chunks), reader)
  } catch (error) {
    if (error instanceof HeaderProblem) return reader.problem({ line: error.line, problem: error.message })
    if (!(error instanceof CsvProblem)) throw error
    reader.problem({ line: error.line, problem: `${error.message}; the rest was not read` })
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

async function readRows(rows: AsyncIterable<CsvRow>, reader: AllowListReader): Promise<void> {
  let columns: readonly Column[] | undefined
  let chunk: AllowListRow[] = []
  let bytes = 0
  for await (const { fields, line } of rows) {
    if (columns === undefined) {
      const header = headerOf(fields)
      if (typeof header === 'string') throw new HeaderProblem(line, header)
      columns = header
      continue
    }
    const row = rowOf(fields, columns, line)
    if (typeof row === 'string') {
      reader.problem({ line, problem: row })
      continue
    }
    chunk.push(row)
    bytes += JSON.stringify(row).length * 3
    if (chunk.length >= MAX_ROWS_PER_PAGE || bytes >= BYTES_AT_ONCE) {
      await reader.rows(chunk)
      chunk = []
      bytes = 0
    }
  }
  if (columns === undefined) reader.problem({ line: 1, problem: 'the file is empty; its first row names the columns' })
  if (chunk.length > 0) await reader.rows(chunk)
}

/** @returns the columns, or what is wrong with them. */
function headerOf(fields: readonly string[]): readonly Column[] | string {
  const columns: Column[] = []
  for (const field of fields) {
    const name = field.trim()
    const column = COLUMNS.find((one) => one.toLowerCase() === name.toLowerCase().replaceAll(/[ _-]/g, ''))
    if (column === undefined) {
      return `the first row names a column ${JSON.stringify(name)}; there are ${COLUMNS.join(', ')}`
    }
    if (columns.includes(column)) return `the first row names the column ${column} twice`
    columns.push(column)
  }
  return columns.includes('manufacturerId') ? columns : 'the first row must name a column manufacturerId'
}

/** @returns the row, or what is wrong with it. */
function rowOf(fields: readonly string[], columns: readonly Column[], line: number): AllowListRow | string {
  if (fields.length !== columns.length) {
    return `it has ${fields.length} columns; the first row names ${columns.length}`
  }
  const field = (column: Column): string => fields[columns.indexOf(column)] ?? ''
  const tags = tagsOf(field('tags'))
  if (typeof tags === 'string') return tags
  return { line, manufacturerId: field('manufacturerId'), tags, note: field('note') }
}

function tagsOf(text: string): AllowListRow['tags'] | string {
  const pairs = text.split(';').filter((pair) => pair.trim() !== '')
  const bad = pairs.find((pair) => !pair.includes('='))
  if (bad !== undefined) return `the tag ${JSON.stringify(bad)} is not of the form key=value`
  return pairs.map((pair) => {
    const at = pair.indexOf('=')
    return { key: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() }
  })
}
