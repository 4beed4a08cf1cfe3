/** One row of a file, and the line on which it begins: a field in quotes may go over several. */
export interface CsvRow {
  readonly line: number
  readonly fields: readonly string[]
}

/** What follows is not read: where its rows begin is not known. */
export class CsvProblem extends Error {
  override readonly name = 'CsvProblem'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** More than an ID, a note and the tags of a row; a quote that is never closed must not fill the memory. */
const MAX_ROW_LENGTH = 16 * 1024

const PLAIN = /[^",\r\n]*/y
const LINE_END = /\r\n?|\n/y

/**
 * Reads CSV (RFC 4180) as it comes, at the command line and in the browser, where a library would be a quarter of all that
 * is loaded. A byte order mark, ends of lines of any kind and empty lines are fine; rows may be of different lengths.
 *
 * @throws CsvProblem
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRow> {
  let rest: Rest | undefined
  for await (const chunk of chunks) {
    if (chunk === '') continue
    if (rest === undefined) rest = { text: chunk.replace(/^\uFEFF/, ''), line: 1 }
    else rest = { ...rest, text: rest.text + chunk }
    rest = yield* wholeRows(rest, false)
  }
  if (rest !== undefined) yield* wholeRows(rest, true)
}

/** What is no whole row yet, and the line on which it begins. */
interface Rest {
  readonly text: string
  readonly line: number
}

function* wholeRows({ text, line }: Rest, isLast: boolean): Generator<CsvRow, Rest> {
  let start = 0
  while (start < text.length) {
    const row = rowAt(text, start, isLast, line)
    if ((row?.end ?? text.length) - start > MAX_ROW_LENGTH) {
      throw new CsvProblem(line, `a row is longer than ${MAX_ROW_LENGTH} characters`)
    }
    if (row === undefined) break
    if (!row.isEmpty) yield { line, fields: row.fields }
    line += row.lines
    start = row.end
  }
  return { text: text.slice(start), line }
}

interface FoundRow {
  readonly fields: readonly string[]
  readonly end: number
  readonly lines: number
  readonly isEmpty: boolean
}

/** @returns undefined when it does not end in this text, and the text goes on. */
function rowAt(text: string, start: number, isLast: boolean, line: number): FoundRow | undefined {
  const fields: string[] = []
  let lines = 0
  for (let at = start; ; at += 1) {
    const field = text[at] === '"' ? quotedAt(text, at) : plainAt(text, at)
    if (field === undefined) {
      if (isLast) throw new CsvProblem(line + lines, 'a quote is opened and never closed')
      return undefined
    }
    fields.push(field.value)
    lines += field.lines
    at = field.end
    // Of `\r` and of a quote the next character says what it is.
    if (!isLast && at + 1 >= text.length) return undefined
    if (text[at] === ',') continue
    const lineEnd = matchAt(LINE_END, text, at)
    if (at < text.length && lineEnd === '') throw new CsvProblem(line + lines, amiss(text[at]))
    return { fields, end: at + lineEnd.length, lines: lines + 1, isEmpty: at === start }
  }
}

const amiss = (character: string | undefined): string =>
  character === '"'
    ? 'a quote is in the middle of a field that does not begin with one'
    : 'there is more in a field after the quote that closes it'

interface Field {
  readonly value: string
  readonly end: number
  /** That it goes over, beside its own. */
  readonly lines: number
}

function plainAt(text: string, at: number): Field {
  const value = matchAt(PLAIN, text, at)
  return { value, end: at + value.length, lines: 0 }
}

/** @returns undefined when the text ends before it. */
function quotedAt(text: string, at: number): Field | undefined {
  let close = text.indexOf('"', at + 1)
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  if (close < 0) return undefined
  const value = text.slice(at + 1, close).replaceAll('""', '"')
  return { value, end: close + 1, lines: value.match(/\r\n?|\n/g)?.length ?? 0 }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}
