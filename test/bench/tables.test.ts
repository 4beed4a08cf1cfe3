import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { figuresTable, goalsTable, notesOf, renderMarkdown, renderText } from '../../bench/render.ts'
import { suites } from '../../bench/suites/index.ts'
import { Tally } from '../../bench/tally.ts'
import { withTables } from '../../bench/write-docs.ts'
import { aGoal, aRow, aSuite } from './report.ts'

const COST = { what: 'pairs', unit: 'µs', better: 'lower' } as const

test('a contestant that is missing from a row leaves its cell empty', () => {
  const rows = [aRow(), aRow({ what: 'fan-in', series: [{ contestant: 'mosquitto', values: [9], refused: 0 }] })]
  assert.deepEqual(figuresTable(aSuite({ rows })), {
    head: ['', 'unit', 'Mooring', 'Aedes', 'mosquitto'],
    body: [
      ['pairs', 'µs', '2 (1)', '24 (20)', '–'],
      ['fan-in', 'µs', '–', '–', '9 (9)'],
    ],
  })
})

test('a goal that was missed is marked, and one that was not measured is not called met', () => {
  const goals = [aGoal(), aGoal({ atLeast: 13 }), aGoal({ against: 'mosquitto' })]
  const marks = goalsTable(aSuite({ goals })).body.map((row) => row.at(-1))
  assert.deepEqual(marks, ['✓ met', '✗ missed', '· not measured'])
})

test('refused repeats are told, by contestant over all rows', () => {
  const tally = new Tally()
  tally.add(COST, 'Mooring', 1)
  tally.refused(COST, 'Mooring', 0)
  tally.refused(COST, 'Aedes', 3)
  tally.refused({ ...COST, what: 'fan-in' }, 'Aedes', 1)
  assert.deepEqual(notesOf(aSuite({ rows: tally.rows, notes: ['mosquitto is missing.'] })), [
    'mosquitto is missing.',
    'Refused and done again, because the broker had less than 80 % of its core: Aedes 4.',
  ])
})

test('a tally keeps the order in which things were mentioned, and says a note once', () => {
  const tally = new Tally()
  tally.add(COST, 'Mooring', 1)
  tally.add({ ...COST, what: 'fan-in' }, 'Aedes', 5)
  tally.add(COST, 'Mooring', 2)
  tally.note('again')
  tally.note('again')
  assert.deepEqual(
    tally.rows.map(({ what, series }) => [what, series]),
    [
      ['pairs', [{ contestant: 'Mooring', values: [1, 2], refused: 0 }]],
      ['fan-in', [{ contestant: 'Aedes', values: [5], refused: 0 }]],
    ],
  )
  assert.deepEqual(tally.notes, ['again'])
})

test('the text for a terminal stands in columns', () => {
  assert.equal(
    renderText(aSuite()),
    [
      'Messages  (3 repeats: median, best in brackets)',
      '',
      '         unit  Mooring  Aedes',
      '  pairs  µs    2 (1)    24 (20)',
      '',
      '         goal                  measured  best',
      '  pairs  Mooring ≥ 12 × Aedes  12 ×      20 ×  ✓ met',
      '',
    ].join('\n'),
  )
})

const place = (name: string, text: string): string => `<!-- bench:${name} -->\n\n${text}\n\n<!-- /bench:${name} -->\n`
const page = `# Page\n\n${place('messages', 'old')}\n${place('start', 'kept')}`

test('a suite without a place in the page is refused', () => {
  const suite = aSuite({ name: 'elsewhere' })
  assert.throws(() => withTables(page, { version: 1, suites: [suite] }), /has no <!-- bench:elsewhere -->/)
})

test('tables replace what stood between their markers, and what was not measured stays', () => {
  const report = { version: 1, suites: [aSuite()] } as const
  const written = withTables(page, report)
  assert.equal(written, `# Page\n\n${place('messages', renderMarkdown(aSuite()))}\n${place('start', 'kept')}`)
  assert.equal(withTables(written, report), written)
})

test('docs/benchmarks.md has a place for every suite', () => {
  const docs = readFileSync('docs/benchmarks.md', 'utf8')
  for (const { name } of suites) {
    assert.ok(
      withTables(docs, { version: 1, suites: [aSuite({ name })] }).includes(place(name, renderMarkdown(aSuite()))),
    )
  }
})
