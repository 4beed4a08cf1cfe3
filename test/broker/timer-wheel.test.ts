import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TICK_MS, TimerWheel, type Deadline } from '../../broker/timer-wheel.ts'

/** A deadline that counts how often it was due. */
function aDeadline(due: (wheel: TimerWheel) => void = () => {}) {
  const deadline = { slot: -1, times: 0, due: (wheel: TimerWheel): void => (deadline.times++, due(wheel)) }
  return deadline satisfies Deadline
}

test('a deadline is due once its time is over, and not before', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const wheel = new TimerWheel()
  const deadline = aDeadline()
  wheel.put(deadline, 1_000)
  t.mock.timers.tick(1_000)
  assert.equal(deadline.times, 0)
  t.mock.timers.tick(TICK_MS)
  assert.equal(deadline.times, 1)
  t.mock.timers.tick(600_000)
  assert.equal(deadline.times, 1, 'due again without being put in again')
})

test('one that was dropped is not due, also when another of its tick drops it', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const wheel = new TimerWheel()
  const dropped = aDeadline()
  const later = aDeadline()
  const moved = aDeadline()
  const first = aDeadline(() => {
    wheel.drop(later)
    wheel.drop(moved)
    wheel.put(moved, 1_000)
  })
  for (const deadline of [first, later, moved, dropped]) wheel.put(deadline, 1_000)
  wheel.drop(dropped)
  t.mock.timers.tick(1_000 + TICK_MS)
  assert.deepEqual(
    [first, later, moved, dropped].map(({ times }) => times),
    [1, 0, 0, 0],
  )
  t.mock.timers.tick(1_000 + TICK_MS)
  assert.deepEqual(
    [first, later, moved, dropped].map(({ times }) => times),
    [1, 0, 1, 0],
  )
})

test('one that is further away than the wheel goes round is looked at once a round', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const wheel = new TimerWheel()
  const deadline = aDeadline()
  wheel.put(deadline, 24 * 3_600_000)
  t.mock.timers.tick(1_024 * TICK_MS)
  assert.equal(deadline.times, 1)
})
