import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { CsvProblem, readCsv, type CsvRow } from '../../admin/csv.ts'

/** Read in such pieces. */
async function rowsOf(...pieces: readonly string[]): Promise<CsvRow[]> {
  async function* chunks(): AsyncGenerator<string> {
    yield* pieces
  }
  const rows: CsvRow[] = []
  for await (const row of readCsv(chunks())) rows.push(row)
  return rows
}

/** Every place where a file can be cut in two. */
const cuts = (text: string): [string, string][] =>
  Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)])

const LONG = 'x'.repeat(16 * 1024)

const refusals = [
  { name: 'a quote that is never closed', text: 'a\nb,"c\nd\n', line: 2, message: /never closed/ },
  { name: 'text after a closing quote', text: 'a\n"b"c,d\n', line: 2, message: /after the quote that closes it/ },
  { name: 'a quote in the middle of a field', text: 'a\n\nb"c\n', line: 3, message: /in the middle of a field/ },
  { name: 'a row without an end', text: `a\n${LONG}x`, line: 2, message: /longer than 16384 characters/ },
  { name: 'a quoted field without an end', text: `a\n"${LONG}\n`, line: 2, message: /longer than 16384 characters/ },
]

for (const { name, text, line, message } of refusals) {
  test(`${name} is told with its line, wherever the file is cut`, async () => {
    for (const pieces of text.length > 100 ? [[text]] : cuts(text)) {
      await assert.rejects(rowsOf(...pieces), (error) => {
        assert.ok(error instanceof CsvProblem)
        assert.match(error.message, message)
        assert.equal(error.line, line)
        return true
      })
    }
  })
}

const readings = [
  { name: 'an empty file', text: '', rows: [] },
  { name: 'a byte order mark and nothing else', text: '\uFEFF', rows: [] },
  { name: 'no end of the last line', text: 'a,b', rows: [[1, 'a', 'b']] },
  { name: 'an empty field at the end', text: 'a,', rows: [[1, 'a', '']] },
  { name: 'CRLF', text: 'a,b\r\nc,d\r\n', rows: [[1, 'a', 'b'], [2, 'c', 'd']] }, // prettier-ignore
  {
    name: 'ends of lines of different kinds',
    text: 'a\rb\nc\r\nd',
    rows: [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ],
  },
  {
    name: 'empty lines',
    text: '\n\na\n\n\nb\n\n',
    rows: [
      [3, 'a'],
      [6, 'b'],
    ],
  },
  {
    name: 'quotes, commas and lines in quotes',
    text: '\uFEFF"a ""b"", c","d\r\ne"\nf\n',
    rows: [
      [1, 'a "b", c', 'd\r\ne'],
      [3, 'f'],
    ],
  },
  {
    name: 'an empty field in quotes',
    text: '""\na',
    rows: [
      [1, ''],
      [2, 'a'],
    ],
  },
  { name: 'spaces as they are', text: ' a , b\n', rows: [[1, ' a ', ' b']] },
] as const

for (const { name, text, rows } of readings) {
  test(`${name}: read the same wherever the file is cut`, async () => {
    for (const pieces of cuts(text)) {
      const found = (await rowsOf(...pieces)).map(({ line, fields }) => [line, ...fields])
      assert.deepEqual(found, rows)
    }
  })
}

const quoted = (value: string): string => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)

test('what is read is what a library reads', async () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'ü', '😀', ' ', ',', '"', '\n', ';', '='), maxLength: 6 })
  const files = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(files, fc.constantFrom('\n', '\r\n'), fc.nat(50), async (table, lineEnd, cut) => {
      const text = table.map((row) => row.map(quoted).join(',')).join(lineEnd)
      const expected: string[][] = parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true })
      const found = await rowsOf(text.slice(0, cut), text.slice(cut))
      assert.deepEqual(
        found.map(({ fields }) => fields),
        expected,
      )
    }),
    { numRuns: 500 },
  )
})
