import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalFacts } from '../../../registry/index.ts'
import { Repeats } from '../../../registry/journal/repeats.ts'
import { Clock } from './support.ts'

const aRefusal = (accessKey: string): JournalFacts => ({ kind: 'login', result: 'refused', code: 'ERR_X', accessKey })

function aStage() {
  const told: JournalFacts[] = []
  const clock = new Clock()
  return { told, clock, repeats: new Repeats({ record: (facts) => void told.push(facts) }, clock.now) }
}

test('the first of a kind is told at once, and the same again in one entry with their number', () => {
  const { told, clock, repeats } = aStage()
  for (let index = 0; index < 1_000; index++) {
    repeats.tell('one', () => aRefusal('one'))
    clock.ms += 10
  }
  repeats.tell('two', () => aRefusal('two'))
  assert.deepEqual(told, [aRefusal('one'), aRefusal('two')])
  repeats.close()
  assert.deepEqual(told.slice(2), [{ ...aRefusal('one'), count: 999, since: '2026-03-01T00:00:00.010Z' }])
})

test('a flood of guesses, each with another key, writes a bounded number of entries, and every guess is counted', () => {
  const { told, repeats } = aStage()
  for (let index = 0; index < 100_000; index++) repeats.tell(`${index}`, () => aRefusal(`${index}`))
  repeats.close()
  assert.ok(told.length >= 2_000 && told.length < 2_100, `${told.length} entries`)
  assert.equal(
    told.reduce((sum, { count = 1 }) => sum + count, 0),
    100_000,
  )
  // The names that strangers choose stay out of what is told of all of them.
  assert.deepEqual(Object.keys(told.at(-1) ?? {}).toSorted(), ['code', 'count', 'kind', 'reason', 'result', 'since'])
})

test('the end of the time in which something is counted comes by itself', async () => {
  const clock = new Clock()
  const counted = new Promise<JournalFacts>((resolve) => {
    const journal = { record: (facts: JournalFacts) => void (facts.count === undefined || resolve(facts)) }
    const repeats = new Repeats(journal, clock.now, 1)
    for (let index = 0; index < 3; index++) repeats.tell('one', () => aRefusal('one'))
  })
  // The timer of the journal keeps no process alive, and a test is one.
  const alive = setInterval(() => {}, 1_000)
  assert.equal((await counted).count, 2)
  clearInterval(alive)
})
