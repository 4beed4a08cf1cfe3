import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAllowListRows, type AllowListRow, type FileProblem } from '../../admin/index.ts'

async function read(text: string): Promise<{ rows: AllowListRow[]; problems: FileProblem[] }> {
  const rows: AllowListRow[] = []
  const problems: FileProblem[] = []
  async function* chunks(): AsyncGenerator<string> {
    yield text
  }
  await readAllowListRows(chunks(), {
    problem: (problem) => void problems.push(problem),
    rows: async (chunk) => void rows.push(...chunk),
  })
  return { rows, problems }
}

const refusals = [
  { name: 'an empty file', text: '', line: 1, problem: /the file is empty/ },
  { name: 'a misspelt column', text: 'manufacturerId,tag\nA1,\n', line: 1, problem: /names a column "tag"/ },
  { name: 'a row that is too long', text: 'manufacturerId\nA1\nA2,x\n', line: 3, problem: /it has 2 columns/ },
  { name: 'a tag without a value', text: 'manufacturerId,tags\nA1,site\n', line: 2, problem: /key=value/ },
  { name: 'a quote that is never closed', text: 'manufacturerId\n"A1\n', line: 2, problem: /never closed/ },
]

for (const { name, text, line, problem } of refusals) {
  test(`a file is refused for ${name}, with the number of its line`, async () => {
    const { problems } = await read(text)
    assert.equal(problems.length, 1)
    assert.match(problems[0]?.problem ?? '', problem)
    assert.equal(problems[0]?.line, line)
  })
}

test('a byte order mark, CRLF and columns in any order are fine', async () => {
  const { rows, problems } = await read('\uFEFFnote,Manufacturer_ID,tags\r\n"a, b",A1,site=berlin;line=3\r\n')
  assert.deepEqual(problems, [])
  assert.deepEqual(rows, [
    {
      line: 2,
      manufacturerId: 'A1',
      tags: [
        { key: 'site', value: 'berlin' },
        { key: 'line', value: '3' },
      ],
      note: 'a, b',
    },
  ])
})
