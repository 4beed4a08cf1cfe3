import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withGaps } from '../../../admin/ui/gaps.ts'

const steps = (...times: readonly number[]) => {
  const ones = times.map(() => 1)
  return { times, connected: ones, messagesIn: ones, messagesOut: ones, registrations: ones, refused: ones }
}

const cases = [
  { name: 'nothing', times: [], shown: [], connected: [] },
  { name: 'steps that follow each other', times: [10, 20, 30], shown: [10, 20, 30], connected: [1, 1, 1] },
  {
    name: 'a step that was short, and one that came late',
    times: [10, 13, 27],
    shown: [10, 13, 27],
    connected: [1, 1, 1],
  },
  {
    name: 'a time that nobody counted',
    times: [10, 20, 90, 100],
    shown: [10, 20, 30, 90, 100],
    connected: [1, 1, null, 1, 1],
  },
]

for (const { name, times, shown, connected } of cases) {
  test(`a chart of ${name}`, () => {
    const found = withGaps(steps(...times), 10)
    assert.deepEqual(found.times, shown)
    for (const column of ['connected', 'messagesIn', 'messagesOut', 'registrations', 'refused'] as const) {
      assert.deepEqual(found[column], connected)
    }
  })
}
