import { parse, type Parser } from 'csv-parse'
import { readAllowListRecords, type AllowListRow } from './allow-list-rows.ts'
import { CSV_OPTIONS, type FileProblem } from './csv-rows.ts'

export interface TextRead {
  /** Since the file began. */
  readonly rows: number
  /** What is wrong with them, and was not told before. */
  readonly problems: readonly FileProblem[]
}

/** A CSV file that arrives in pieces, cut anywhere, for those who cannot read CSV themselves. */
export class AllowListText {
  readonly #parser: Parser = parse(CSV_OPTIONS)
  readonly #reading: Promise<void>
  #problems: FileProblem[] = []
  #rows = 0
  #failure: unknown

  /** @param add - takes rows in. @returns what is wrong with them. */
  constructor(add: (rows: readonly AllowListRow[]) => Promise<readonly FileProblem[]>) {
    const reading = readAllowListRecords(this.#parser, {
      rows: async (rows) => {
        this.#problems.push(...(await add(rows)))
        this.#rows += rows.length
      },
      problem: (problem) => void this.#problems.push(problem),
    })
    this.#reading = reading.catch((error: unknown) => void (this.#failure = error))
  }

  /**
   * What is found late in a piece may be told with the next one.
   *
   * @throws what `add` throws.
   */
  async write(text: string): Promise<TextRead> {
    // The file may be found wanting meanwhile; the rest of it is then read by nobody.
    if (text !== '') await new Promise<void>((done) => void this.#parser.write(text, () => done()))
    return this.#read()
  }

  /** As {@link write}, of all that there was. */
  async end(): Promise<TextRead> {
    this.#parser.end()
    await this.#reading
    return this.#read()
  }

  #read(): TextRead {
    if (this.#failure !== undefined) throw this.#failure
    const problems = this.#problems
    this.#problems = []
    return { rows: this.#rows, problems }
  }
}
