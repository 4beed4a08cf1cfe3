import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { History, type Totals } from '../../admin/index.ts'

function aHistory(t: TestContext) {
  let now = 1_700_000_000_000
  let totals: Totals = { connected: 0, messagesIn: 0, messagesOut: 0, registrations: 0, refused: 0 }
  const history = new History(
    () => totals,
    () => now,
  )
  t.after(() => history.stop())
  const pass = (times: number, more: Partial<Totals> = {}): void => {
    for (let index = 0; index < times; index++) {
      now += 10_000
      totals = {
        connected: more.connected ?? totals.connected,
        messagesIn: totals.messagesIn + (more.messagesIn ?? 0),
        messagesOut: totals.messagesOut + (more.messagesOut ?? 0),
        registrations: totals.registrations + (more.registrations ?? 0),
        refused: totals.refused + (more.refused ?? 0),
      }
      history.take()
    }
  }
  return { history, pass }
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
