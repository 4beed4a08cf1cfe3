import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { PersistenceOptions } from '../../broker/persistence/index.ts'
import { message, queued } from '../contract/persistence.ts'
import { classicPlace, memoryPlace, places, Restartable } from '../support/persistence.ts'

const inMemory = (t: TestContext, options?: PersistenceOptions) => Restartable.open(t, memoryPlace(), options)

const subscriber = (subject: Restartable, id: string, topic = 'a/b'): Promise<void> =>
  subject.persistence.addSubscriptions({ id }, [{ topic, qos: 1 }])

const enqueue = (subject: Restartable, id: string, payload: string, more: object = {}): Promise<void> =>
  subject.persistence.outgoingEnqueueCombi([{ clientId: id, qos: 1 }], message(payload, more))

// ---- bounds

const bounds: readonly { readonly what: string; readonly options: PersistenceOptions }[] = [
  { what: 'messages', options: { maxQueueMessages: 3 } },
  { what: 'bytes', options: { maxQueueBytes: 200 } },
]
for (const { what, options } of bounds) {
  test(`a session that holds its most ${what} gets no more, and others do`, async (t) => {
    const subject = await inMemory(t, options)
    await subscriber(subject, 'slow')
    await subscriber(subject, 'other')
    for (const text of ['1', '2', '3']) await enqueue(subject, 'slow', text)
    for (const text of ['4', '5']) {
      await subject.persistence.outgoingEnqueueCombi([{ clientId: 'slow' }, { clientId: 'other' }], message(text))
    }
    assert.deepEqual(await queued(subject.persistence, 'slow'), ['1', '2', '3'])
    assert.deepEqual(await queued(subject.persistence, 'other'), ['4', '5'])
    assert.equal(subject.persistence.counters().refusedQueued, 2)
    assert.equal(subject.log.lines.filter(({ event }) => event === 'queue-full').length, 1, 'said once')

    await subject.persistence.outgoingUpdate({ id: 'slow' }, { ...(await first(subject, 'slow')), messageId: 1 })
    await subject.persistence.outgoingClearMessageId({ id: 'slow' }, { messageId: 1 })
    await enqueue(subject, 'slow', '6')
    assert.deepEqual(await queued(subject.persistence, 'slow'), ['2', '3', '6'])
  })
}

const first = async (subject: Restartable, id: string): Promise<object> =>
  (await subject.persistence.outgoingStream({ id }).toArray())[0] as object

test('past the bytes of all queues only a session that holds less than its share gets more', async (t) => {
  const subject = await inMemory(t, { maxQueuedBytes: 4000 })
  await subscriber(subject, 'greedy')
  await subscriber(subject, 'modest')
  for (let n = 0; n < 100; n++) await enqueue(subject, 'greedy', `${n}`)
  const { messages: held, bytes } = subject.persistence.queueOf('greedy')
  assert.ok(held < 100 && bytes <= 4000 && bytes > 3800)
  await enqueue(subject, 'modest', 'm')
  assert.deepEqual(await queued(subject.persistence, 'modest'), ['m'])
})

test('a retained message for which there is no room is not kept, nor is the one that it replaces', async (t) => {
  const subject = await inMemory(t, { maxRetainedMessages: 2, maxRetainedBytes: 300 })
  const retain = (topic: string, payload: string) =>
    subject.persistence.storeRetained(message(payload, { topic, retain: true }))
  await retain('1', 'a')
  await retain('2', 'b')
  await retain('3', 'c')
  await retain('2', 'x'.repeat(400))
  await subject.restart()
  const kept = [...subject.persistence.retainedMessages(['#'])].map(({ topic }) => topic)
  assert.deepEqual(kept, ['1'])
})

// ---- time

/** @returns how many sessions have ended. */
async function expire({ persistence }: Restartable): Promise<number> {
  const clientIds = persistence.expiredSessions()
  for (const clientId of clientIds) await persistence.forgetSession(clientId)
  return clientIds.length
}

test('a session ends so long after its client left, whatever starts are between', async (t) => {
  const subject = await inMemory(t, { sessionExpiryMs: 1000 })
  await subscriber(subject, 'gone')
  await subscriber(subject, 'there')
  subject.persistence.sessionClosed('gone')
  await subject.persistence.openSession('brief')
  subject.persistence.sessionClosed('brief', 100)
  subject.now += 600
  await subject.restart()
  assert.equal(await expire(subject), 1)
  subject.persistence.sessionOpened('there')
  subject.now += 500
  assert.equal(await expire(subject), 1)
  await subject.restart()
  const sessions = [...subject.persistence.storedSessions()].map(({ clientId }) => clientId)
  assert.deepEqual(sessions, ['there'])
})

test('the session of a client that was there when the process died ends in due time too', async (t) => {
  const subject = await inMemory(t, { sessionExpiryMs: 1000 })
  await subscriber(subject, 's')
  await subject.restart()
  subject.now += 600
  await subject.restart()
  subject.now += 600
  assert.equal(await expire(subject), 1)
})

test('a message whose time has passed is not delivered, unless it was under way', async (t) => {
  const subject = await inMemory(t, { messageExpiryMs: 5000 })
  await subscriber(subject, 's')
  await enqueue(subject, 's', 'short', { messageExpiry: subject.now + 100 })
  const sent = message('sent', { messageExpiry: subject.now + 100 })
  await subject.persistence.outgoingEnqueueCombi([{ clientId: 's' }], sent)
  await subject.persistence.outgoingUpdate({ id: 's' }, { ...sent, messageId: 5 })
  await enqueue(subject, 's', 'by default')
  subject.now += 200
  assert.deepEqual(await queued(subject.persistence, 's'), ['sent 5', 'by default'])
  subject.now += 5000
  await subject.restart()
  assert.deepEqual(await queued(subject.persistence, 's'), ['sent 5'])
})

// ---- what costs the disk

test('what nobody keeps costs no commit', async (t) => {
  const subject = await inMemory(t)
  await subject.persistence.addSubscriptions({ id: 'zero' }, [{ topic: 'a/b', qos: 0 }])
  const { persistence } = subject
  const before = persistence.counters().commits
  await persistence.outgoingEnqueueCombi(await persistence.subscriptionsByTopic('a/b'), message('m'))
  await persistence.outgoingEnqueueCombi([{ clientId: 'unknown' }], message('m'))
  await persistence.outgoingClearMessageId({ id: 'clean' }, { messageId: 1 })
  await persistence.incomingStorePacket({ id: 'clean' }, { messageId: 1 })
  await persistence.incomingDelPacket({ id: 'clean' }, { messageId: 1 })
  await persistence.cleanSubscriptions({ id: 'clean' })
  await persistence.cleanIncoming({ id: 'clean' })
  await persistence.delWill({ id: 'clean' })
  await persistence.forgetSession('unknown')
  await persistence.idle()
  assert.equal(persistence.counters().commits, before)
})

test('what is asked together shares one commit, answered in the order of the calls', async (t) => {
  const subject = await inMemory(t)
  await subscriber(subject, 's')
  const before = subject.persistence.counters().commits
  const order: string[] = []
  const note = (what: string) => () => void order.push(what)
  await Promise.all([
    enqueue(subject, 's', '1').then(note('queued')),
    subject.persistence.storeRetained(message('r', { retain: true })).then(note('retained')),
    subscriber(subject, 'other').then(note('subscribed')),
    enqueue(subject, 's', '2').then(note('queued')),
  ])
  assert.deepEqual(order, ['queued', 'retained', 'subscribed', 'queued'])
  assert.equal(subject.persistence.counters().commits, before + 1)
})

test('500 filters in one SUBSCRIBE are 500 records in one commit', async (t) => {
  const subject = await inMemory(t)
  const before = subject.persistence.counters().commits
  const subscriptions = Array.from({ length: 500 }, (_, n) => ({ topic: `a/${n}`, qos: 1 as const }))
  await subject.persistence.addSubscriptions({ id: 's' }, subscriptions)
  assert.equal(subject.persistence.counters().commits, before + 1)
  const keys = await subject.database.level.keys({ gte: '!subscriptions!', lt: '!subscriptions"' }).all()
  assert.equal(keys.length, 500)
})

test('a session is forgotten in one commit, however much it holds, and nothing of it is left', async (t) => {
  const subject = await inMemory(t)
  const keysBefore = await subject.database.level.keys().all()
  await subscriber(subject, 's')
  await Promise.all(Array.from({ length: 1000 }, (_, n) => enqueue(subject, 's', `${n}`)))
  await subject.persistence.incomingStorePacket({ id: 's' }, { messageId: 1 })
  await subject.persistence.outgoingUpdate({ id: 's' }, { ...(await first(subject, 's')), messageId: 1 })
  const before = subject.persistence.counters().commits
  await subject.persistence.forgetSession('s')
  await subject.persistence.idle()
  assert.equal(subject.persistence.counters().commits, before + 1)
  assert.deepEqual(
    (await subject.database.level.keys().all()).filter((key) => key !== 'commit'),
    keysBefore.filter((key) => key !== 'commit'),
  )
  await subscriber(subject, 's')
  assert.deepEqual(await queued(subject.persistence, 's'), [])
})

test('a message that many sessions wait for is stored once, and until the last of them has it', async (t) => {
  const subject = await inMemory(t)
  const ids = Array.from({ length: 20 }, (_, n) => `s${n}`)
  for (const id of ids) await subscriber(subject, id)
  const packet = message('x'.repeat(10_000))
  await subject.persistence.outgoingEnqueueCombi(await subject.persistence.subscriptionsByTopic('a/b'), packet)
  const stored = async () => await subject.database.level.values({ gte: '!messages!', lt: '!messages"' }).all()
  assert.equal((await stored()).length, 1)
  assert.ok(subject.persistence.counters().queuedBytes < 11_000)
  for (const [n, id] of ids.entries()) {
    assert.equal((await stored()).length, 1, `before ${n}`)
    await subject.persistence.outgoingUpdate({ id }, { ...packet, messageId: 1 })
    await subject.persistence.outgoingClearMessageId({ id }, { messageId: 1 })
  }
  await subject.persistence.idle()
  assert.deepEqual(await stored(), [])
})

for (const [name, place] of Object.entries(places)) {
  test(`${name}: a session that does not read does not keep what others had`, async (t) => {
    const subject = await Restartable.open(t, place(), { spareBytes: 20_000, cacheBytes: 0 })
    await subscriber(subject, 'slow')
    await subscriber(subject, 'fast')
    let packetId = 0
    const live = { reserve: () => (packetId = (packetId % 2) + 1), takenBack: () => {} }
    subject.persistence.openQueue('fast').attach(live)
    const expected: string[] = []
    for (let n = 0; n < 300; n++) {
      const packet = message(`${n}`.padEnd(500))
      const forSlow = n % 10 === 0
      if (forSlow) expected.push(`${n}`.padEnd(500))
      const targets = [{ clientId: 'fast' }, ...(forSlow ? [{ clientId: 'slow' }] : [])]
      const filler = message('filler'.padEnd(2000))
      await Promise.all([
        subject.persistence.outgoingEnqueueCombi(targets, packet),
        subject.persistence.outgoingEnqueueCombi([{ clientId: 'fast' }], filler),
      ])
      await Promise.all(
        [1, 2].map((id) => subject.persistence.outgoingClearMessageId({ id: 'fast' }, { messageId: id })),
      )
    }
    await subject.persistence.idle()
    const { level } = subject.database
    const stored = await level
      .values<string, Buffer>({ gte: '!messages!', lt: '!messages"', valueEncoding: 'buffer' })
      .all()
    const bytes = stored.reduce((sum, value) => sum + value.length, 0)
    assert.ok(bytes < 60_000, `${bytes} bytes for 30 messages of 500`)
    assert.deepEqual(await queued(subject.persistence, 'slow'), expected)
    await subject.restart()
    assert.deepEqual(await queued(subject.persistence, 'slow'), expected)
  })
}

test('bodies beyond what may be cached are read from the disk, in order', async (t) => {
  const subject = await Restartable.open(t, classicPlace(), { cacheBytes: 5000 })
  await subscriber(subject, 's')
  const texts = Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(1000, '.'))
  for (const text of texts) await enqueue(subject, 's', text)
  assert.deepEqual(await queued(subject.persistence, 's'), texts)
  await subject.restart()
  assert.deepEqual(await queued(subject.persistence, 's'), texts)
})

// ---- sessions

test('what was handed out of the stored sessions stays as it was when one of them changes', async (t) => {
  const subject = await inMemory(t)
  await subject.persistence.addSubscriptions({ id: 's' }, [{ topic: 'a', qos: 1 }])
  const [stored] = [...subject.persistence.storedSessions()]
  assert.ok(stored !== undefined)
  await subject.persistence.addSubscriptions({ id: 's' }, [{ topic: 'b', qos: 2 }])
  await subject.persistence.removeSubscriptions({ id: 's' }, ['a'])
  assert.deepEqual([...stored.subscriptions], [['a', { qos: 1 }]])
  assert.deepEqual(await subject.persistence.subscriptionsByClient({ id: 's' }), [{ topic: 'b', qos: 2 }])
})

test('whom a topic reaches is answered from the first question on, and after every change that follows', async (t) => {
  const subject = await inMemory(t)
  const [one, other] = [{ id: 'one' }, { id: 'other' }]
  await subject.persistence.addSubscriptions(one, [{ topic: 'a/+', qos: 1 }])
  const reached = async (): Promise<string[]> =>
    (await subject.persistence.subscriptionsByTopic('a/b')).map(({ clientId, qos }) => `${clientId} ${qos}`).toSorted()
  assert.deepEqual(await reached(), ['one 1'])
  await subject.persistence.addSubscriptions(other, [{ topic: 'a/b', qos: 1 }])
  await subject.persistence.addSubscriptions(one, [{ topic: 'a/+', qos: 2 }])
  assert.deepEqual(await reached(), ['one 2', 'other 1'])
  await subject.persistence.addSubscriptions(one, [{ topic: 'a/+', qos: 0 }])
  assert.deepEqual(await reached(), ['other 1'])
  await subject.persistence.forgetSession('other')
  assert.deepEqual(await reached(), [])
})

test('a subscription is after a restart what it was before, whatever stands in its filter and beside it', async (t) => {
  const subject = await inMemory(t)
  const subscriptions = [
    { topic: 'a/b', qos: 0 },
    { topic: 'a/+', qos: 1 },
    { topic: '#', qos: 2 },
    { topic: '', qos: 1 },
    { topic: '","qos":0}', qos: 2 },
    { topic: 'quotes "/\\ and \u0001', qos: 1 },
    { topic: 'ä/漢字/🚲', qos: 2 },
    { topic: 'mqtt 5', qos: 1, rh: 2, rap: true, nl: false, subscriptionIdentifier: 12 },
  ] as const
  await subject.persistence.addSubscriptions({ id: 's' }, subscriptions)
  await subject.restart()
  const after = await subject.persistence.subscriptionsByClient({ id: 's' })
  assert.equal(after.length, subscriptions.length)
  for (const given of subscriptions) {
    assert.deepEqual(
      after.find(({ topic }) => topic === given.topic),
      given,
    )
  }
})

test('a session without subscriptions is a session, after a restart too', async (t) => {
  const subject = await inMemory(t)
  assert.equal(await subject.persistence.openSession('s'), false)
  await subject.restart()
  assert.ok(subject.persistence.hasSession('s'))
  assert.equal(await subject.persistence.openSession('s'), true)
  const stored = Array.from(subject.persistence.storedSessions(), (one) => [one.clientId, one.subscriptions.size])
  assert.deepEqual(stored, [['s', 0]])
  await subject.persistence.forgetSession('s')
  await subject.restart()
  assert.equal(subject.persistence.hasSession('s'), false)
})

test('what was queued for a session that has ended is not given to the next one of that name', async (t) => {
  const subject = await inMemory(t)
  await subscriber(subject, 'a')
  await subscriber(subject, 'b')
  await subject.persistence.outgoingEnqueueCombi([{ clientId: 'a' }, { clientId: 'b' }], message('for both'))
  await subject.persistence.forgetSession('b')
  await subject.restart()
  await subscriber(subject, 'b')
  await subscriber(subject, 'c')
  await subject.restart()
  assert.deepEqual(await queued(subject.persistence, 'b'), [])
  assert.deepEqual(await queued(subject.persistence, 'c'), [])
  assert.deepEqual(await queued(subject.persistence, 'a'), ['for both'])
})

test('a packet id that the connection reserves for a message is on disk with it', async (t) => {
  const subject = await inMemory(t)
  await subscriber(subject, 's')
  subject.persistence.openQueue('s').attach({ reserve: () => 77, takenBack: () => {} })
  await enqueue(subject, 's', 'm')
  assert.deepEqual(await queued(subject.persistence, 's'), ['m 77'])
  await subject.restart()
  assert.deepEqual(await queued(subject.persistence, 's'), ['m 77'])
  await subject.persistence.outgoingClearMessageId({ id: 's' }, { messageId: 77 })
  await subject.restart()
  assert.deepEqual(await queued(subject.persistence, 's'), [])
})
