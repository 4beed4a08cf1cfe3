import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomeOf } from '../../bench/goals.ts'
import { quantity } from '../../bench/quantity.ts'
import { best, median, timesBetter } from '../../bench/stats.ts'
import { aGoal, aRow } from './report.ts'

const medians: { name: string; values: number[]; is: number }[] = [
  { name: 'an odd number of values', values: [9, 1, 5], is: 5 },
  { name: 'an even number of values', values: [4, 1, 3, 2], is: 2.5 },
  { name: 'one value', values: [7], is: 7 },
  { name: 'values whose text sorts otherwise', values: [10, 9, 100], is: 10 },
  { name: 'nothing', values: [], is: Number.NaN },
]
for (const { name, values, is } of medians) {
  test(`the median of ${name} is ${is}`, () => assert.equal(median(values), is))
}

test('the best cost is the lowest, the best rate the highest, and of nothing there is none', () => {
  assert.equal(best([3, 1, 2], 'lower'), 1)
  assert.equal(best([3, 1, 2], 'higher'), 3)
  assert.equal(best([], 'lower'), Number.NaN)
})

test('a third of the cost and three times the rate are both three times better', () => {
  assert.equal(timesBetter(2, 6, 'lower'), 3)
  assert.equal(timesBetter(6, 2, 'higher'), 3)
})

const quantities: [value: number, unit: string, text: string][] = [
  [0.4567, 'µs', '0.46 µs'],
  [12.345, '', '12.3'],
  [1234.5, '/s', '1,235 /s'],
  [Number.NaN, 'µs', '–'],
]
for (const [value, unit, text] of quantities) {
  test(`${value} is told as ${text}`, () => assert.equal(quantity(value, unit), text))
}

const outcomes = [
  {
    name: 'a goal against a contestant that is missing is neither met nor missed',
    goal: aGoal({ against: 'mosquitto' }),
    row: aRow(),
    outcome: { goal: 'Mooring ≥ 12 × mosquitto', measured: '–', best: '–', verdict: 'not measured' },
  },
  {
    name: 'a goal about a row that is missing is neither met nor missed',
    goal: aGoal({ row: 'elsewhere' }),
    row: aRow(),
    outcome: { goal: 'Mooring ≥ 12 × Aedes', measured: '–', best: '–', verdict: 'not measured' },
  },
  {
    name: 'a contestant whose every repeat was refused is not measured',
    goal: aGoal(),
    row: aRow({
      series: [
        { contestant: 'Mooring', values: [], refused: 3 },
        { contestant: 'Aedes', values: [1], refused: 0 },
      ],
    }),
    outcome: { goal: 'Mooring ≥ 12 × Aedes', measured: '–', best: '–', verdict: 'not measured' },
  },
  {
    name: 'medians decide, even when the best repeats would do',
    goal: aGoal({ atLeast: 13 }),
    row: aRow(),
    outcome: { goal: 'Mooring ≥ 13 × Aedes', measured: '12 ×', best: '20 ×', verdict: 'missed' },
  },
  {
    name: 'a bound that is just reached is met',
    goal: aGoal(),
    row: aRow(),
    outcome: { goal: 'Mooring ≥ 12 × Aedes', measured: '12 ×', best: '20 ×', verdict: 'met' },
  },
  {
    name: 'a rate counts the other way round',
    goal: aGoal({ atLeast: 2 }),
    row: aRow({ better: 'higher' }),
    outcome: { goal: 'Mooring ≥ 2 × Aedes', measured: '0.08 ×', best: '0.08 ×', verdict: 'missed' },
  },
  {
    name: 'at most a part of another is its value over the other',
    goal: { row: 'pairs', of: 'Mooring', against: 'Aedes', atMost: 0.45 },
    row: aRow(),
    outcome: { goal: 'Mooring ≤ 0.45 × Aedes', measured: '0.08 ×', best: '0.05 ×', verdict: 'met' },
  },
  {
    name: 'a goal without an opponent is about the value itself',
    goal: { row: 'pairs', of: 'Aedes', atMost: 23 },
    row: aRow(),
    outcome: { goal: 'Aedes ≤ 23 µs', measured: '24 µs', best: '20 µs', verdict: 'missed' },
  },
] as const
for (const { name, goal, row, outcome } of outcomes) {
  test(name, () => assert.deepEqual(outcomeOf(goal, [row]), outcome))
}
