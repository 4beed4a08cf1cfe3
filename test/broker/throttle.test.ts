import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LimitExceeded } from '../../broker/codec/index.ts'
import { PLATFORM_THROTTLE, Throttle } from '../../broker/throttle.ts'
import { aBroker } from './support/broker.ts'
import { deviceIdOf } from './support/door.ts'
import { asDevice, dial, topicOf } from './support/wire.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND

/** The platform's rules, and a clock that the test owns. */
function aThrottle() {
  const clock = { now: 5_000 }
  const throttle = new Throttle(PLATFORM_THROTTLE, () => clock.now)
  const send = (count: number, topic = 't', clientId = 'c'): void => {
    for (let n = 0; n < count; n++) throttle.count(clientId, topic)
  }
  /** @returns for how long the client is kept out by one message too many. */
  const misbehave = (): number => {
    assert.throws(() => send(31), LimitExceeded)
    return throttle.bannedMs('c')
  }
  return { clock, throttle, send, misbehave }
}

test('the 31st message to one topic within 15 seconds is too many', () => {
  const { throttle, send } = aThrottle()
  send(30)
  assert.equal(throttle.bannedMs('c'), 0)
  assert.throws(() => send(1), /more than 30 messages to one topic in 15 s; it is kept out for 30 s/)
  assert.equal(throttle.bannedMs('c'), 30 * SECOND)
})

test('the 301st message of one client within 15 seconds is too many, whatever its topics', () => {
  const { throttle, send } = aThrottle()
  for (let topic = 0; topic < 10; topic++) send(30, `topic ${topic}`)
  assert.equal(throttle.bannedMs('c'), 0)
  assert.throws(() => send(1, 'another'), /more than 300 messages in 15 s/)
})

test('each window begins with its first message and counts anew', () => {
  const { clock, throttle, send } = aThrottle()
  send(30)
  clock.now += 15 * SECOND - 1
  assert.throws(() => send(1), LimitExceeded)
  const other = aThrottle()
  other.send(30)
  other.clock.now += 15 * SECOND
  other.send(30)
  assert.equal(other.throttle.bannedMs('c'), 0)
  assert.ok(throttle.bannedMs('c') > 0)
})

test('what others send does not count', () => {
  const { throttle, send } = aThrottle()
  for (let client = 0; client < 20; client++) send(30, 't', `client ${client}`)
  assert.throws(() => send(1, 't', 'client 7'), LimitExceeded)
  assert.equal(throttle.bannedMs('client 8'), 0)
})

test('each time a client is kept out for twice as long, for an hour at most', () => {
  const { clock, misbehave } = aThrottle()
  const seconds = Array.from({ length: 9 }, () => {
    const banned = misbehave()
    clock.now += banned
    return banned / SECOND
  })
  assert.deepEqual(seconds, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
})

test('the time that a client is kept out runs down to nothing', () => {
  const { clock, throttle, misbehave } = aThrottle()
  misbehave()
  clock.now += 29 * SECOND
  assert.equal(throttle.bannedMs('c'), SECOND)
  clock.now += 2 * SECOND
  assert.equal(throttle.bannedMs('c'), 0)
})

const afterwards = [
  { name: 'said nothing', talks: false },
  { name: 'published as often as it may', talks: true },
]

for (const { name, talks } of afterwards) {
  test(`who has behaved for an hour starts afresh: one that ${name}`, () => {
    const { clock, send, misbehave } = aThrottle()
    misbehave()
    clock.now += 30 * SECOND
    assert.equal(misbehave(), 60 * SECOND)
    clock.now += 60 * SECOND
    const goodUntil = clock.now + HOUR + SECOND
    for (; clock.now < goodUntil; clock.now += 10 * SECOND) if (talks) send(1)
    assert.equal(misbehave(), 30 * SECOND)
  })

  test(`who has behaved for less than an hour does not: one that ${name}`, () => {
    const { clock, send, misbehave } = aThrottle()
    misbehave()
    clock.now += 30 * SECOND
    const goodUntil = clock.now + HOUR - 60 * SECOND
    for (; clock.now < goodUntil; clock.now += 10 * SECOND) if (talks) send(1)
    assert.equal(misbehave(), 60 * SECOND)
  })
}

test('over the wire: the 31st message ends the connection, and the next login is answered 3, others unharmed', async (t) => {
  const broker = await aBroker(t, { options: { throttle: 'platform' } })
  const watcher = await broker.service('watcher')
  await watcher.subscribe('#')
  const fast = await broker.device(1)
  const other = await broker.device(2)
  for (let n = 1; n <= 31; n++) fast.publish(topicOf(1, 'state'), `message ${n}`)
  await fast.closed
  assert.equal(broker.counters().limitsExceeded, 1)
  const line = broker.log.lines.find(({ event }) => event === 'limit-exceeded')
  assert.equal(line?.['clientId'], deviceIdOf(1))

  const again = dial(broker)
  assert.equal((await again.login(asDevice(1)))['returnCode'], 3)
  await again.closed
  assert.equal(broker.counters().loginsRefused.not_allowed, 1)
  const refusal = broker.log.lines.find(({ event }) => event === 'login-refused')
  assert.match(String(refusal?.['reason']), /kept out for another 30 s/)

  other.publish(topicOf(2, 'state'), 'still there')
  await watcher.hearMessage('still there')
  assert.equal(watcher.messages.length, 31)
  assert.ok(!watcher.messages.includes('message 31'))
})

test('a wrong secret is told from a ban: whoever only knows a client id does not learn that it is kept out', async (t) => {
  const broker = await aBroker(t, { options: { throttle: 'platform' } })
  const fast = await broker.device(1)
  for (let n = 1; n <= 31; n++) fast.publish(topicOf(1, 'state'), `${n}`)
  await fast.closed
  const stranger = dial(broker)
  assert.equal((await stranger.login(asDevice(1, { password: Buffer.from('wrong') })))['returnCode'], 4)
})

test('without the preset nothing is counted', async (t) => {
  const broker = await aBroker(t)
  const device = await broker.device(1)
  for (let n = 1; n <= 400; n++) device.publish(topicOf(1, 'state'), `${n}`)
  await device.ping()
  assert.equal(device.isClosed, false)
})
