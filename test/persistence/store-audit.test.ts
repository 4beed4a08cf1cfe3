import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rooms, type Room } from '../../broker/persistence/layout.ts'
import { PersistenceAudit } from '../../broker/persistence/index.ts'
import { encode, encodeAlone, prepare, sizeWith } from '../../broker/persistence/message-codec.ts'
import { readProgress, Stage, writeProgress } from '../../broker/persistence/progress.ts'
import { Findings } from '../../storage/index.ts'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

function segment(...sequences: readonly number[]): Buffer {
  const parts = sequences.map((sequence) => {
    const prepared = prepare({ topic: 't', payload: 'x', qos: 1 }, 1, false, 0)
    const targets = [{ session: 1, qos: 1 as const, messageId: -1 }]
    const bytes = Buffer.alloc(sizeWith(prepared, 1))
    encode(bytes, 0, prepared, sequence, targets)
    return bytes
  })
  return Buffer.concat(parts)
}

const sent = (sequence: number) => ({ sequence, stage: Stage.SENT, messageId: 1 })
const retained = encodeAlone(prepare({ topic: 't', payload: 'x', qos: 1 }, 1, true, 0))

type Records = Map<string, readonly [room: Room, key: Buffer, value: Buffer]>

/** One session with a subscription, two messages of which one is under way, a QoS 2 identifier, a retained message, a will. */
function sound(): Records {
  return new Map([
    ['progress', [rooms.progress, rooms.progress.ofSession(1), writeProgress({ reached: 7, exceptions: [sent(5)] })]],
    ['inbound', [rooms.inbound, rooms.inbound.ofSession(1, '0007'), Buffer.alloc(0)]],
    ['messages', [rooms.messages, rooms.messages.ofSequence(5), segment(5, 8)]],
    ['retained', [rooms.retained, rooms.retained.ofText('t'), retained]],
    ['session', [rooms.sessions, rooms.sessions.ofText('c'), json({ number: 1 })]],
    ['subscription', [rooms.subscriptions, rooms.subscriptions.ofSession(1, 'a/#'), json({ topic: 'a/#', qos: 1 })]],
    ['will', [rooms.wills, rooms.wills.ofText('1:0'), json({ topic: 't', payload: '', clientId: 'c' })]],
  ])
}

function audited(records: Records): Findings {
  const findings = new Findings()
  const audit = new PersistenceAudit(findings)
  for (const [room, key, value] of records.values()) {
    assert.equal(audit.see(room.name, key.subarray(room.prefixLength), value), true)
  }
  audit.conclude()
  return findings
}

const faultsOf = (records: Records): string[] =>
  audited(records).faults.map(({ room, problem }) => `${room} ${problem}`)

/** `value` in the place of that of the record. */
function holding(name: string, value: Buffer): Records {
  const records = sound()
  const [room, key] = records.get(name)!
  return records.set(name, [room, key, value])
}

function without(name: string): Records {
  const records = sound()
  records.delete(name)
  return records
}

const cases: { name: string; records: Records; says: RegExp }[] = [
  {
    name: 'a session that is no JSON',
    records: holding('session', Buffer.from('{')),
    says: /^sessions cannot be read/,
  },
  { name: 'a session without a number', records: holding('session', json({})), says: /^sessions .*it has no number/ },
  {
    name: 'a subscription of no session',
    records: without('session'),
    says: /^subscriptions belongs to session 1, which is not there/,
  },
  { name: 'an identifier of no session', records: without('session'), says: /^inbound belongs to session 1/ },
  {
    name: 'a subscription to something else',
    records: holding('subscription', json({ topic: 'b', qos: 1 })),
    says: /^subscriptions .*it is no subscription/,
  },
  { name: 'progress that is cut', records: holding('progress', Buffer.alloc(5)), says: /^progress cannot be read/ },
  {
    name: 'a message under way that is lost',
    records: without('messages'),
    says: /^progress 1 messages are missing that were under way to c/,
  },
  {
    name: 'messages that are cut',
    records: holding('messages', segment(5, 8).subarray(0, -1)),
    says: /^messages .*cut off/,
  },
  { name: 'messages out of order', records: holding('messages', segment(5, 4)), says: /^messages .*not in order/ },
  { name: 'other messages', records: holding('messages', segment(6)), says: /^messages .*begins with another message/ },
  {
    name: 'no messages',
    records: holding('messages', Buffer.alloc(0)),
    says: /^messages .*begins with another message/,
  },
  {
    name: 'a retained message that is cut',
    records: holding('retained', retained.subarray(0, 9)),
    says: /^retained cannot/,
  },
  { name: 'a will that is none', records: holding('will', json({ topic: 't' })), says: /^wills .*it is no will/ },
]
for (const { name, records, says } of cases) {
  test(`the broker's records: ${name}`, () => {
    const faults = faultsOf(records)
    assert.ok(
      faults.some((fault) => says.test(fault)),
      faults.join('\n'),
    )
  })
}

test("the broker's records: sound ones are left alone, and the last start is known by its messages", () => {
  assert.deepEqual(faultsOf(sound()), [])
  const records = sound()
  records.set('later', [rooms.messages, rooms.messages.ofSequence(3 * 2 ** 32), segment(3 * 2 ** 32)])
  const audit = new PersistenceAudit(new Findings())
  for (const [room, key, value] of records.values()) audit.see(room.name, key.subarray(room.prefixLength), value)
  assert.equal(audit.lastBoot, 3)
})

test("the broker's records: two sessions with one number would read each other's messages, so one of them goes", () => {
  const records = sound().set('twin', [rooms.sessions, rooms.sessions.ofText('d'), json({ number: 1 })])
  const findings = audited(records)
  assert.deepEqual(
    findings.faults.map(({ key, problem }) => `${key}: ${problem}`),
    ['d: cannot be read: its number 1 is that of the session c'],
  )
  assert.equal(findings.keeps('sessions', Buffer.from('c')), true)
  assert.equal(findings.keeps('sessions', Buffer.from('d')), false)
})

test("the broker's records: what is missing is not waited for any more, the rest stays under way", () => {
  const progress = writeProgress({ reached: 9, exceptions: [sent(5), sent(6)] })
  const findings = audited(holding('progress', progress))
  const [[, value] = []] = [...findings.written()]
  assert.deepEqual(readProgress(value!), { reached: 9, exceptions: [sent(5)] })
})
