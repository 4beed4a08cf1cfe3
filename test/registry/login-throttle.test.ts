import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoginThrottle, type Clock } from '../../registry/login-throttle.ts'

/** A clock that a test moves; those who wait go on when their time has come. */
function manualClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0
  let waiting: { at: number; go: () => void }[] = []
  return {
    now: () => now,
    wait: (ms) => new Promise<void>((go) => waiting.push({ at: now + ms, go })),
    async advance(ms) {
      for (const end = now + ms; now < end;) {
        now = Math.min(end, now + 10)
        const due = waiting.filter(({ at }) => at <= now)
        waiting = waiting.filter(({ at }) => at > now)
        for (const { go } of due) go()
        await new Promise(setImmediate)
      }
    },
  }
}

/** Keeps `parallel` guesses under way from each address and notes when each was verified. */
function attack(throttle: LoginThrottle, clock: Clock, key: string, addresses: string[], parallel: number) {
  const guesses: number[] = []
  const stopped = new AbortController()
  const guesser = async (address: string): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await throttle.turn(key, true, address)
        guesses.push(clock.now())
        throttle.failed(key, true, address)
      } catch {
        await clock.wait(10)
      }
    }
  }
  for (const address of addresses) for (let n = 0; n < parallel; n++) void guesser(address)
  return {
    guesses,
    stop: () => stopped.abort(),
  }
}

const mostInOneSecond = (times: number[]): number =>
  Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1000).length))

const attacks = [
  { name: 'one address', addresses: ['192.0.2.1'], parallel: 50 },
  { name: 'a hundred addresses', addresses: Array.from({ length: 100 }, (_, n) => `192.0.2.${n}`), parallel: 2 },
]

for (const { name, addresses, parallel } of attacks) {
  test(`guesses at one key from ${name} are verified at most 20 times in any second`, async () => {
    const clock = manualClock()
    const throttle = new LoginThrottle(clock)
    const { guesses, stop } = attack(throttle, clock, 'key', addresses, parallel)
    await clock.advance(20_000)
    stop()
    assert.ok(guesses.length >= 10, `${guesses.length} guesses came through`)
    assert.ok(mostInOneSecond(guesses) <= 20, `${mostInOneSecond(guesses)} in one second`)
  })
}

test('guessing at random keys does not make it forget a real one', async () => {
  const clock = manualClock()
  const throttle = new LoginThrottle(clock)
  const { guesses, stop } = attack(throttle, clock, 'key', ['192.0.2.1', '192.0.2.2', '192.0.2.3'], 20)
  for (let second = 0; second < 5; second++) {
    for (let n = 0; n < 11_000; n++) throttle.failed(`random ${second} ${n}`, false, '192.0.2.9')
    await clock.advance(1_000)
  }
  stop()
  assert.ok(mostInOneSecond(guesses) <= 20)
})

test('the owner gets in at once from another address soon after the attack has ended', async () => {
  const clock = manualClock()
  const throttle = new LoginThrottle(clock)
  const { stop } = attack(
    throttle,
    clock,
    'key',
    Array.from({ length: 200 }, (_, n) => `192.0.2.${n}`),
    2,
  )
  await clock.advance(10_000)
  stop()
  await clock.advance(10_000)
  const asked = clock.now()
  const owner = throttle.turn('key', true, '198.51.100.1').then(() => clock.now() - asked)
  await clock.advance(1_000)
  assert.ok((await owner) <= 100)
})

test('the owner behind the address of the attacker gets in soon after the attack has ended', async () => {
  const clock = manualClock()
  const throttle = new LoginThrottle(clock)
  const { stop } = attack(throttle, clock, 'key', ['192.0.2.1'], 50)
  await clock.advance(10_000)
  stop()
  await clock.advance(10_000)
  const asked = clock.now()
  const owner = throttle.turn('key', true, '192.0.2.1').then(() => clock.now() - asked)
  await clock.advance(2_000)
  assert.ok((await owner) <= 1_000)
})

test('a right secret is no guess', async () => {
  const clock = manualClock()
  const throttle = new LoginThrottle(clock)
  for (let n = 0; n < 100; n++) {
    await throttle.turn('key', true, '192.0.2.1')
    throttle.succeeded('key', '192.0.2.1')
  }
  assert.equal(clock.now(), 0)
})
