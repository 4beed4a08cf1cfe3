import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AllowListRow, FileProblem } from '../../admin/index.ts'
import { AllowListText } from '../../admin/allow-list-text.ts'

async function readText(...pieces: readonly string[]): Promise<{ rows: AllowListRow[]; problems: FileProblem[] }> {
  const rows: AllowListRow[] = []
  const problems: FileProblem[] = []
  const text = new AllowListText(async (some) => {
    rows.push(...some)
    return []
  })
  for (const piece of pieces) problems.push(...(await text.write(piece)).problems)
  const read = await text.end()
  problems.push(...read.problems)
  assert.equal(read.rows, rows.length)
  return { rows, problems }
}

/** Every place where a file can be cut in two. */
const cuts = (text: string): [string, string][] =>
  Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)])

const refusals = [
  { name: 'an empty file', text: '', line: 1, problem: /the file is empty/ },
  { name: 'a misspelt column', text: 'manufacturerId,tag\nA1,\n', line: 1, problem: /names a column "tag"/ },
  { name: 'a row that is too long', text: 'manufacturerId\nA1\nA2,x\n', line: 3, problem: /it has 2 columns/ },
  { name: 'a tag without a value', text: 'manufacturerId,tags\nA1,site\n', line: 2, problem: /key=value/ },
  { name: 'a quote that is never closed', text: 'manufacturerId\n"A1\n', line: 2, problem: /never closed/ },
]

for (const { name, text, line, problem } of refusals) {
  test(`a file that comes in pieces is refused for ${name} with the number of its line, wherever it is cut`, async () => {
    for (const pieces of cuts(text)) {
      const { problems } = await readText(...pieces)
      assert.equal(problems.length, 1)
      assert.match(problems[0]?.problem ?? '', problem)
      assert.equal(problems[0]?.line, line)
    }
  })
}

test('a file that comes in pieces may have a byte order mark, CRLF, and columns in any order', async () => {
  const text = '\uFEFFnote,Manufacturer_ID,tags\r\n"a, b",A1,site=berlin;line=3\r\n'
  const tags = [
    { key: 'site', value: 'berlin' },
    { key: 'line', value: '3' },
  ]
  for (const pieces of cuts(text)) {
    const { rows, problems } = await readText(...pieces)
    assert.deepEqual(problems, [])
    assert.deepEqual(rows, [{ line: 2, manufacturerId: 'A1', tags, note: 'a, b' }])
  }
})

test('a large file that comes in pieces is read to its end', async () => {
  const lines = Array.from({ length: 25_000 }, (_, index) => `A${index},"a note, of ""${index}"" "\n`).join('')
  const pieces = `manufacturerId,note\n${lines}`.match(/[^]{1,10007}/g)
  const { rows, problems } = await readText(...(pieces ?? []))
  assert.deepEqual(problems, [])
  assert.equal(rows.length, 25_000)
  assert.deepEqual(rows.at(-1), { line: 25_001, manufacturerId: 'A24999', tags: [], note: 'a note, of "24999" ' })
})

test('what refuses the rows is told to whoever sends the file, and the rest is not read', async () => {
  let asked = 0
  const text = new AllowListText(() => {
    asked++
    return Promise.reject(new Error('the import is gone'))
  })
  const send = async (): Promise<void> => {
    await text.write('manufacturerId\n')
    for (let row = 0; row < 5_000; row++) await text.write(`A${row}\n`)
    await text.end()
  }
  await assert.rejects(send(), /the import is gone/)
  await assert.rejects(text.end(), /the import is gone/)
  assert.equal(asked, 1)
})
