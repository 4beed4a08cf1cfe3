import Table from 'cli-table3'
import { styleText } from 'node:util'
import { rowsOf, toCsv, type Row } from './rows.ts'

/** Where data and talk go: data to stdout, so that it can be piped, everything else to stderr. */
export interface Streams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  readonly stdoutIsTTY: boolean
  readonly stderrIsTTY: boolean
  readonly env: NodeJS.ProcessEnv
}

/** How much is said, and how. */
export interface Tone {
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color?: boolean
}

type Style = Parameters<typeof styleText>[0]

/** Whether to colour is decided here, for the stream that is written to. */
const ALWAYS = { validateStream: false }

/** `table` is for people; the others are for programs: one document, a line for each row, a table for a spreadsheet. */
export const OUTPUT_FORMATS = ['table', 'json', 'jsonl', 'csv'] as const

export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** Writes for one reader: a program, or a person. */
export class Output {
  readonly #streams: Streams
  readonly #format: OutputFormat
  readonly #tone: Tone

  constructor(streams: Streams, format: OutputFormat, tone: Tone = {}) {
    this.#streams = streams
    this.#format = format
    this.#tone = tone
  }

  /** Not a program: what is printed is a table, or text. */
  get isForPeople(): boolean {
    return this.#format === 'table'
  }

  get isVerbose(): boolean {
    return this.#tone.verbose === true
  }

  /** The answer of a command: `data` for a program, the text of `human` for a person. */
  answer(data: unknown, human: () => string): void {
    this.#streams.stdout.write(this.#format === 'table' ? withNewline(human()) : this.#forProgram(data))
  }

  /**
   * The answer of a command that gives row after row, each as soon as it is there: together they are one document, or
   * one table. `end` is to be called also when the command fails, as what was given stays given.
   *
   * @param list - the field of the document that holds the rows.
   */
  rows<T extends Row>(list: string, human: (row: T) => string): { add(row: T): void; end(more?: object): void } {
    const { stdout } = this.#streams
    const format = this.#format
    let count = 0
    return {
      add: (row) => {
        if (format === 'json') stdout.write(`${count === 0 ? `{${JSON.stringify(list)}:[` : ','}${jsonLine(row)}`)
        else if (format === 'csv') stdout.write(toCsv([row], { head: count === 0 }))
        else stdout.write(format === 'jsonl' ? `${jsonLine(row)}\n` : withNewline(human(row)))
        count += 1
      },
      end: (more = {}) => {
        if (format !== 'json') return
        const others = Object.entries(more).map(([name, value]) => `,${JSON.stringify(name)}:${jsonLine(value)}`)
        stdout.write(`${count === 0 ? `{${JSON.stringify(list)}:[` : ''}]${others.join('')}}\n`)
      },
    }
  }

  /** A line ahead of the answer, for a person who watches; a program waits for the answer. */
  line(text: string): void {
    if (this.#format === 'table') this.#streams.stdout.write(withNewline(text))
  }

  /** Something a person should know; one JSON document says all of it itself. */
  note(text: string): void {
    if (this.#tone.quiet !== true) this.problem(text)
  }

  /** The same, where it says what is wrong: whoever wants quiet wants that too. */
  problem(text: string): void {
    if (this.#format !== 'json') this.#streams.stderr.write(withNewline(this.styledError('dim', text)))
  }

  /** How something was done, for whoever wants to see that. */
  detail(text: string): void {
    if (this.isVerbose) this.note(text)
  }

  /** Takes the place of the last such line, on a terminal; a file would only fill with them. The last one is empty. */
  progress(text: string): void {
    if (this.#format === 'json' || this.#tone.quiet === true) return
    if (this.#streams.stderrIsTTY) this.#streams.stderr.write(`\r\u001b[K${text}`)
  }

  styled(style: Style, text: string): string {
    return this.#colours(this.#streams.stdoutIsTTY) ? styleText(style, text, ALWAYS) : text
  }

  styledError(style: Style, text: string): string {
    return this.#colours(this.#streams.stderrIsTTY) ? styleText(style, text, ALWAYS) : text
  }

  /** Columns under their names, as wide as their widest cell. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): string {
    return columns([head.map((name) => this.styled('dim', name)), ...rows.map((row) => row.map(printable))])
  }

  #forProgram(data: unknown): string {
    if (this.#format === 'csv') return toCsv(rowsOf(data))
    const documents = this.#format === 'json' ? [data] : rowsOf(data)
    return documents.map((document) => `${jsonLine(document)}\n`).join('')
  }

  // https://no-color.org: set and not empty.
  #colours(isTTY: boolean): boolean {
    return isTTY && this.#tone.color !== false && (this.#streams.env['NO_COLOR'] ?? '') === ''
  }
}

/** `name  value` lines, aligned. */
export const fields = (rows: readonly (readonly [name: string, value: string])[]): string =>
  columns(rows.map(([name, value]) => [name, printable(value)]))

function columns(rows: readonly (readonly string[])[]): string {
  const table = new Table({ chars: NO_BORDERS, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

// Control characters, and the marks that turn the direction of writing: a device's name must not move the cursor of
// the operator's terminal, colour it, or show one id as another.
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu

/** Text from outside, for a terminal: what would steer it is shown as an escape. */
export const printable = (text: string): string => text.replaceAll(UNPRINTABLE, escaped)

/** As `printable`, for text of more than one line. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n')

/** One JSON document on one line that is harmless on a terminal too. */
export const jsonLine = (value: unknown): string => JSON.stringify(value).replaceAll(UNPRINTABLE, escaped)

// Every one of them is a single UTF-16 unit, so this is also JSON.
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const withNewline = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
