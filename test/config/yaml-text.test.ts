import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml } from '../../config/yaml-text.ts'

const repeated: readonly { name: string; text: string; places: readonly string[] }[] = [
  { name: 'at the top', text: 'a: 1\nb: 2\na: 3\n', places: ['3:1'] },
  { name: 'in other quotes', text: 'a: 1\n"a": 2\n\'a\': 3\n', places: ['2:1', '3:1'] },
  { name: 'below another name', text: 'a: 1\nb:\n  a: 2\n  a: 3\n', places: ['4:3'] },
  { name: 'in a list, between braces', text: '- { a: 1, a: 2 }\n- { a: 3 }\n', places: ['1:11'] },
  { name: 'in a later document', text: 'a: 1\n---\na: 1\na: 2\n', places: ['4:1'] },
  { name: 'that every object has', text: '__proto__: 1\n__proto__: 2\n', places: ['2:1'] },
]
for (const { name, text, places } of repeated) {
  test(`a name twice ${name} is told at each repetition`, () => {
    const { problems, documents } = parseYaml('FILE', text)
    assert.deepEqual(
      problems,
      places.map((place) => `FILE:${place}: this name was already used above`),
    )
    assert.deepEqual(documents, [])
  })
}

test('problems of all kinds are told in the order of their places', () => {
  const { problems } = parseYaml('FILE', 'a: 1\na: 2\nb: "\\q"\nb: 3\n')
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['FILE:2:1:', 'FILE:3:5:', 'FILE:4:1:'],
  )
})

test('as many names as fit into a file are read in the time that so many take, not in its square', () => {
  const text = Array.from({ length: 40_000 }, (_, index) => `k${index}: 1\n`).join('')
  const before = process.cpuUsage()
  assert.deepEqual(parseYaml('FILE', text).problems, [])
  const { user } = process.cpuUsage(before)
  // Of the processor, not of the clock: half a second, and more than ten when each name is compared with all others.
  assert.ok(user < 4_000_000, `${user} µs`)
})
