import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { History, type Steps, type Totals } from '../../admin/index.ts'

interface Given {
  readonly earlier?: Steps
  readonly from?: number
}

function aHistory(t: TestContext, { earlier, from = 1_700_000_000_000 }: Given = {}) {
  const clock = { now: from, elapsed: 0 }
  let totals: Totals = { connected: 0, messagesIn: 0, messagesOut: 0, registrations: 0, refused: 0 }
  let kept: Steps | undefined
  const history = new History(() => totals, {
    earlier,
    keep: async (steps) => {
      kept = structuredClone(steps)
    },
    now: () => clock.now,
    elapsed: () => clock.elapsed,
  })
  t.after(() => history.stop())
  const pass = (times: number, more: Partial<Totals> = {}): void => {
    for (let index = 0; index < times; index++) {
      clock.now += 10_000
      clock.elapsed += 10_000
      totals = {
        connected: more.connected ?? totals.connected,
        messagesIn: totals.messagesIn + (more.messagesIn ?? 0),
        messagesOut: totals.messagesOut + (more.messagesOut ?? 0),
        registrations: totals.registrations + (more.registrations ?? 0),
        refused: totals.refused + (more.refused ?? 0),
      }
      void history.take()
    }
  }
  return { history, pass, clock, kept: () => kept }
}

test('at the start there is nothing to show', (t) => {
  const { history } = aHistory(t)
  for (const span of ['1h', '24h'] as const) assert.deepEqual(history.of(span).times, [])
  assert.deepEqual(history.registrationsOfDay(), { accepted: 0, refused: 0 })
})

test('messages are shown a second, registrations as they were counted, clients as they stood', (t) => {
  const { history, pass } = aHistory(t)
  pass(1, { connected: 3, messagesIn: 25, messagesOut: 1000, registrations: 2, refused: 1 })
  pass(1, { connected: 4, messagesIn: 0 })
  assert.deepEqual(history.of('1h'), {
    times: [1_700_000_010, 1_700_000_020],
    connected: [3, 4],
    messagesIn: [2.5, 0],
    messagesOut: [100, 0],
    registrations: [2, 0],
    refused: [1, 0],
  })
})

test('an hour and a day are kept, however long it runs', (t) => {
  const { history, pass } = aHistory(t)
  pass(3 * 8640, { messagesIn: 10, registrations: 1, refused: 2 })
  const hour = history.of('1h')
  const day = history.of('24h')
  assert.deepEqual([hour.times.length, day.times.length], [360, 288])
  assert.equal(hour.times.at(-1)! - hour.times[0]!, 3590)
  assert.equal(day.times.at(-1)! - day.times[0]!, 86_100)
  assert.ok(hour.messagesIn.every((rate) => rate === 1))
  assert.ok(day.registrations.every((count) => count === 30))
  assert.deepEqual(history.registrationsOfDay(), { accepted: 8640, refused: 17_280 })
})

test('what an earlier process counted is shown, with a gap for the time between', async (t) => {
  const one = aHistory(t)
  one.pass(45, { messagesIn: 10, registrations: 1, refused: 3 })
  one.clock.now += 4000
  one.clock.elapsed += 4000
  await one.history.stop()
  const stopped = one.clock.now
  const later = aHistory(t, { earlier: one.kept()!, from: stopped + 600_000 })
  assert.deepEqual(later.history.registrationsOfDay(), { accepted: 45, refused: 135 })
  later.pass(33, { messagesIn: 20, registrations: 2 })

  const hour = later.history.of('1h')
  assert.deepEqual(hour.messagesIn, [...Array(45).fill(1), 0, ...Array(33).fill(2)])
  assert.deepEqual(hour.times.slice(44, 47), [stopped / 1000 - 4, stopped / 1000, stopped / 1000 + 610])
  const day = later.history.of('24h')
  assert.deepEqual(day.registrations, [30, 15, 60])
  assert.deepEqual(day.times.slice(1), [stopped / 1000, stopped / 1000 + 900])
  assert.deepEqual(later.history.registrationsOfDay(), { accepted: 45 + 66, refused: 135 })
})

test('it is kept every five minutes and at the end, and not by a process that ran for a moment', async (t) => {
  const { history, pass, kept } = aHistory(t)
  pass(29)
  assert.equal(kept(), undefined)
  pass(1)
  assert.deepEqual([kept()?.['1h'].length, kept()?.['24h'].length], [30, 1])
  pass(1)
  await history.stop()
  assert.deepEqual([kept()?.['1h'].length, kept()?.['24h'].length], [31, 2])

  const brief = aHistory(t, { earlier: kept()! })
  brief.clock.elapsed += 9000
  await brief.history.stop()
  assert.equal(brief.kept(), undefined)
})

test('what is older than an hour or a day is not shown after a long pause', async (t) => {
  const one = aHistory(t)
  one.pass(60, { registrations: 1 })
  await one.history.stop()
  const afterTwoHours = aHistory(t, { earlier: one.kept()!, from: one.clock.now + 7_200_000 })
  assert.equal(afterTwoHours.history.of('1h').times.length, 0)
  assert.equal(afterTwoHours.history.of('24h').times.length, 2)
  const afterTwoDays = aHistory(t, { earlier: one.kept()!, from: one.clock.now + 172_800_000 })
  assert.equal(afterTwoDays.history.of('24h').times.length, 0)
  assert.deepEqual(afterTwoDays.history.registrationsOfDay(), { accepted: 0, refused: 0 })
})

const YEARS = 20 * 365 * 86_400_000
const jumps = [
  { name: 'that begins in 2003', by: -YEARS },
  { name: 'that begins in 2043', by: YEARS },
]

for (const { name, by } of jumps) {
  test(`a clock ${name} hides what was counted until it is right, and removes nothing`, async (t) => {
    const one = aHistory(t)
    one.pass(60, { messagesIn: 10, registrations: 1 })
    await one.history.stop()
    const later = aHistory(t, { earlier: one.kept()!, from: one.clock.now + 10_000 + by })
    assert.deepEqual(later.history.of('24h').times, [])
    later.pass(6, { messagesIn: 50 })
    assert.deepEqual(later.history.of('1h').messagesIn, Array(6).fill(5))
    later.clock.now -= by
    assert.deepEqual(later.history.of('1h').messagesIn, Array(60).fill(1))
    later.pass(1, { messagesIn: 20 })
    assert.deepEqual(later.history.of('1h').messagesIn, [...Array(60).fill(1), 2])
  })
}

test('of an hour that a clock which was set back shows twice, the second is shown, and rates stay what they are', (t) => {
  const { history, pass, clock } = aHistory(t)
  pass(180, { messagesIn: 10 })
  clock.now -= 900_000
  pass(30, { messagesIn: 20 })
  const { times, messagesIn } = history.of('1h')
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  )
  assert.equal(new Set(times).size, times.length)
  assert.deepEqual(messagesIn, [...Array(90).fill(1), ...Array(30).fill(2)])
})
