import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Readable } from 'node:stream'
import type { GivenPacket } from '../../broker/persistence/message-codec.ts'

type Qos = 0 | 1 | 2

/** What the suite asks of a persistence: Aedes' contract. */
export interface Contract {
  addSubscriptions(client: { id: string }, subscriptions: { topic: string; qos: Qos }[]): Promise<unknown>
  removeSubscriptions(client: { id: string }, filters: string[]): Promise<unknown>
  subscriptionsByClient(client: { id: string }): Promise<{ topic: string; qos: Qos }[]>
  subscriptionsByTopic(topic: string): Promise<{ clientId?: string; qos: Qos }[]>
  storeRetained(packet: GivenPacket): Promise<unknown>
  createRetainedStreamCombi(filters: string[]): Readable
  outgoingEnqueue(target: { clientId: string }, packet: GivenPacket): Promise<unknown>
  outgoingEnqueueCombi(targets: { clientId: string; qos?: Qos }[], packet: GivenPacket): Promise<unknown>
  outgoingUpdate(client: { id: string }, packet: object): Promise<unknown>
  outgoingClearMessageId(client: { id: string }, packet: object): Promise<unknown>
  outgoingStream(client: { id: string }): Readable
  incomingStorePacket(client: { id: string }, packet: object): Promise<unknown>
  incomingGetPacket(client: { id: string }, packet: object): Promise<unknown>
  incomingDelPacket(client: { id: string }, packet: object): Promise<unknown>
}

export interface Subject {
  readonly persistence: Contract
  /** The process ends and starts again. */
  restart(): Promise<unknown>
}

let counter = 0

/** As Aedes would number it in one start. */
export const message = (payload: string, more: Partial<GivenPacket> = {}): GivenPacket => ({
  topic: 'a/b',
  payload: Buffer.from(payload),
  qos: 1,
  retain: false,
  brokerId: '000000000001',
  brokerCounter: ++counter,
  ...more,
})

interface Queued {
  readonly cmd: string
  readonly payload?: Buffer
  /** aedes-persistence-level says null for none. */
  readonly messageId?: number | null
  readonly brokerId?: string
  readonly brokerCounter?: number
}

const queueOf = async (persistence: Contract, id: string): Promise<Queued[]> =>
  (await persistence.outgoingStream({ id }).toArray()) as Queued[]

/** The queue in words: a message by its payload and packet id, a PUBREL by its packet id. */
export const queued = async (persistence: Contract, id: string): Promise<string[]> =>
  (await queueOf(persistence, id)).map(({ cmd, payload, messageId }) =>
    [cmd === 'pubrel' ? 'pubrel' : String(payload), ...(typeof messageId === 'number' ? [messageId] : [])].join(' '),
  )

const topicsOf = async (persistence: Contract, filters: string[]): Promise<string[]> =>
  (await persistence.createRetainedStreamCombi(filters).toArray())
    .map((packet: { topic: string }) => packet.topic)
    .toSorted()

/**
 * A persistence of Aedes is whatever passes this.
 *
 * @param wrong - names of tests that this implementation is known to fail, with what it does instead.
 */
export function persistenceContract(
  name: string,
  open: (t: TestContext) => Promise<Subject>,
  wrong: Readonly<Record<string, string>> = {},
): void {
  const behaviour = (title: string, run: (subject: Subject) => Promise<void>): void => {
    const todo = wrong[title]
    if (todo === undefined) test(`${name}: ${title}`, async (t) => run(await open(t)))
    else test(`${name} does not: ${title}`, async (t) => assert.rejects(async () => run(await open(t)), todo))
  }

  // ---- subscriptions

  behaviour('a subscription of QoS 0 keeps nothing, and takes nothing from others', async ({ persistence }) => {
    await persistence.addSubscriptions({ id: 's' }, [{ topic: '#', qos: 1 }])
    await persistence.addSubscriptions({ id: 's' }, [{ topic: 'a/b', qos: 0 }])
    await persistence.addSubscriptions({ id: 't' }, [{ topic: 'a/b', qos: 0 }])
    const found = await persistence.subscriptionsByTopic('a/b')
    assert.deepEqual(
      found.map(({ clientId, qos }) => [clientId, qos]),
      [['s', 1]],
    )
  })

  behaviour('a client is found once, at the highest QoS of what matches', async ({ persistence }) => {
    await persistence.addSubscriptions({ id: 's' }, [
      { topic: '#', qos: 1 },
      { topic: 'a/+', qos: 2 },
      { topic: 'a/b', qos: 1 },
      { topic: 'c', qos: 2 },
    ])
    const found = await persistence.subscriptionsByTopic('a/b')
    assert.deepEqual(
      found.map(({ clientId, qos }) => [clientId, qos]),
      [['s', 2]],
    )
  })

  behaviour('a wildcard in front does not reach topics that begin with $', async ({ persistence }) => {
    await persistence.addSubscriptions({ id: 's' }, [
      { topic: '#', qos: 1 },
      { topic: '+/x', qos: 1 },
    ])
    assert.deepEqual(await persistence.subscriptionsByTopic('$dev/x'), [])
    await persistence.addSubscriptions({ id: 's' }, [{ topic: '$dev/+', qos: 1 }])
    assert.equal((await persistence.subscriptionsByTopic('$dev/x')).length, 1)
  })

  behaviour('a filter that is removed takes no other with it', async ({ persistence }) => {
    await persistence.addSubscriptions({ id: 's' }, [
      { topic: '#', qos: 1 },
      { topic: 'a/b', qos: 1 },
    ])
    await persistence.removeSubscriptions({ id: 's' }, ['#'])
    assert.equal((await persistence.subscriptionsByTopic('a/b')).length, 1)
    assert.deepEqual(await persistence.subscriptionsByTopic('c'), [])
  })

  behaviour('subscriptions are the same after a restart', async (subject) => {
    const given = [
      { topic: 'a/b', qos: 0 as const, rh: 1, rap: true, nl: true },
      { topic: 'a/+', qos: 2 as const, rh: 0, rap: false, nl: false, subscriptionIdentifier: 9 },
    ]
    await subject.persistence.addSubscriptions({ id: 's' }, given)
    await subject.restart()
    const found = await subject.persistence.subscriptionsByClient({ id: 's' })
    assert.deepEqual(
      found.toSorted((a, b) => (a.topic < b.topic ? 1 : -1)),
      given,
    )
    assert.deepEqual(
      (await subject.persistence.subscriptionsByTopic('a/b')).map(({ qos }) => qos),
      [2],
    )
  })

  // ---- queues

  behaviour('a message is kept at the QoS of the subscription, without RETAIN and DUP', async ({ persistence }) => {
    await persistence.addSubscriptions({ id: 's' }, [{ topic: 'a/b', qos: 1 }])
    const found = await persistence.subscriptionsByTopic('a/b')
    const packet = { ...message('m', { qos: 2, retain: true }), dup: true }
    await persistence.outgoingEnqueueCombi(found as { clientId: string; qos: Qos }[], packet)
    const [stored] = (await queueOf(persistence, 's')) as unknown as Record<string, unknown>[]
    assert.deepEqual([stored?.['qos'], stored?.['retain'], stored?.['dup']], [1, false, false])
  })

  behaviour(
    'what was queued before a restart comes before what was queued after it, four times over',
    async (subject) => {
      await subject.persistence.addSubscriptions({ id: 's' }, [{ topic: 'a/b', qos: 1 }])
      const sent: string[] = []
      for (const start of [1, 2, 3, 4]) {
        // Aedes counts from 1 again with each start, and the id of a start is not always a greater one.
        for (let n = 1; n <= 20; n++) {
          const packet = message(`${start} ${n}`, { brokerId: `broker ${9 - start}`, brokerCounter: n })
          await subject.persistence.outgoingEnqueueCombi([{ clientId: 's', qos: 1 }], packet)
          sent.push(`${start} ${n}`)
        }
        await subject.restart()
      }
      assert.deepEqual(await queued(subject.persistence, 's'), sent)
    },
  )

  behaviour('a broker id that stays the same over restarts overwrites nothing', async (subject) => {
    await subject.persistence.addSubscriptions({ id: 's' }, [{ topic: 'a/b', qos: 1 }])
    for (const payload of ['old', 'new']) {
      const packet = message(payload, { brokerId: 'same', brokerCounter: 1 })
      await subject.persistence.outgoingEnqueueCombi([{ clientId: 's', qos: 1 }], packet)
      await subject.restart()
    }
    assert.deepEqual(await queued(subject.persistence, 's'), ['old', 'new'])
  })

  behaviour('how far each message has come is known after a restart', async (subject) => {
    const client = { id: 's' }
    await subject.persistence.addSubscriptions(client, [{ topic: 'a/b', qos: 2 }])
    const packets = ['acknowledged', 'sent', 'received', 'acknowledged early', 'waiting'].map((text) =>
      message(text, { qos: 2 }),
    )
    for (const packet of packets) {
      await subject.persistence.outgoingEnqueueCombi([{ clientId: 's', qos: 2 }], packet)
    }
    for (const [n, packet] of packets.entries()) {
      if (n < 4) await subject.persistence.outgoingUpdate(client, { ...packet, messageId: n + 1 })
    }
    await subject.persistence.outgoingClearMessageId(client, { messageId: 1 })
    await subject.persistence.outgoingUpdate(client, { cmd: 'pubrel', messageId: 3 })
    await subject.persistence.outgoingClearMessageId(client, { messageId: 4 })
    const expected = ['sent 2', 'pubrel 3', 'waiting']
    assert.deepEqual(await queued(subject.persistence, 's'), expected)
    await subject.restart()
    assert.deepEqual(await queued(subject.persistence, 's'), expected)
    const [sent] = await queueOf(subject.persistence, 's')
    await subject.persistence.outgoingUpdate(client, { ...sent, messageId: 7 })
    await subject.persistence.outgoingClearMessageId(client, { messageId: 3 })
    await subject.restart()
    assert.deepEqual(await queued(subject.persistence, 's'), ['sent 7', 'waiting'])
  })

  behaviour('properties and expiry of a message survive', async (subject) => {
    await subject.persistence.addSubscriptions({ id: 's' }, [{ topic: 'a/b', qos: 1 }])
    const properties = {
      correlationData: Buffer.from([0, 255, 1]),
      userProperties: { type: 'Buffer', data: ['x', 'y'] },
      contentType: 'text/plain',
    }
    const messageExpiry = 4_000_000_000_000
    const packet = message('m', { properties, messageExpiry })
    await subject.persistence.outgoingEnqueueCombi([{ clientId: 's', qos: 1 }], packet)
    await subject.restart()
    const [stored] = (await queueOf(subject.persistence, 's')) as unknown as Record<string, unknown>[]
    assert.deepEqual(stored?.['properties'], properties)
    assert.equal(stored?.['messageExpiry'], messageExpiry)
  })

  behaviour('ids that begin alike, or hold what keys are made of, do not mix', async (subject) => {
    const ids = ['abc', 'abcd', 'abc:d', 'abc!', '!', 'ü', '\u{1f600}', '__proto__', 'abc/+/#']
    for (const id of ids) {
      await subject.persistence.addSubscriptions({ id }, [{ topic: 'a/b', qos: 1 }])
      await subject.persistence.outgoingEnqueueCombi([{ clientId: id, qos: 1 }], message(id))
      await subject.persistence.incomingStorePacket({ id }, { messageId: 1 })
    }
    await subject.persistence.incomingDelPacket({ id: 'abc' }, { messageId: 1 })
    await subject.restart()
    for (const id of ids) assert.deepEqual(await queued(subject.persistence, id), [id])
    await assert.rejects(subject.persistence.incomingGetPacket({ id: 'abc' }, { messageId: 1 }), /no such packet/)
    for (const id of ids.slice(1)) await subject.persistence.incomingGetPacket({ id }, { messageId: 1 })
  })

  behaviour('a message that is not there cannot be updated, nor acknowledged', async ({ persistence }) => {
    const client = { id: 's' }
    await persistence.addSubscriptions(client, [{ topic: 'a/b', qos: 1 }])
    for (const packet of [
      { ...message('m'), messageId: 1 },
      { cmd: 'pubrel', messageId: 1 },
    ]) {
      await assert.rejects(persistence.outgoingUpdate(client, packet), /no such packet/)
    }
    assert.equal(await persistence.outgoingClearMessageId(client, { messageId: 1 }), undefined)
  })

  // ---- retained messages

  behaviour('the last retained message of each topic is the one that stays', async (subject) => {
    const topics = Array.from({ length: 200 }, (_, n) => `t/${n}`)
    const writes = topics.flatMap((topic) =>
      ['0', '1', '2', '3'].map((text) => subject.persistence.storeRetained(message(text, { topic, retain: true }))),
    )
    await Promise.all(writes)
    for (const _ of [1, 2]) {
      const stored = (await subject.persistence.createRetainedStreamCombi(['t/#']).toArray()) as GivenPacket[]
      assert.equal(stored.length, topics.length)
      assert.deepEqual([...new Set(stored.map(({ payload }) => String(payload)))], ['3'])
      await subject.restart()
    }
  })

  const RETAINED = ['a', 'a/b', 'a/b/c', 'a//c', '/b', '$sys/x', 'ü/ü']
  const matches: readonly (readonly [filter: string, topics: readonly string[]])[] = [
    ['a', ['a']],
    ['a/#', ['a', 'a/b', 'a/b/c', 'a//c']],
    ['+', ['a']],
    ['+/b', ['a/b', '/b']],
    ['a/+', ['a/b']],
    ['a/+/c', ['a/b/c', 'a//c']],
    ['#', RETAINED.filter((topic) => !topic.startsWith('$'))],
    ['$sys/#', ['$sys/x']],
    ['+/x', []],
    ['ü/+', ['ü/ü']],
    ['nothing/+/here', []],
    ['nothing', []],
  ]
  for (const [filter, topics] of matches) {
    behaviour(`the filter ${filter} finds the retained messages that it matches`, async ({ persistence }) => {
      for (const topic of RETAINED) await persistence.storeRetained(message('m', { topic, retain: true }))
      assert.deepEqual(await topicsOf(persistence, [filter]), topics.toSorted())
    })
  }

  behaviour('an empty retained message removes the one before, for good', async (subject) => {
    await subject.persistence.storeRetained(message('m', { retain: true }))
    await subject.persistence.storeRetained(message('', { retain: true }))
    await subject.restart()
    assert.deepEqual(await topicsOf(subject.persistence, ['#', 'a/b']), [])
  })
}
