import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Message, Segment } from '../../broker/persistence/message-log.ts'
import { NO_ID } from '../../broker/persistence/progress.ts'
import { StoredSession } from '../../broker/persistence/stored-session.ts'

const segment = new Segment(Buffer.from('key'), undefined, 0, true)
const message = (sequence: number): Message =>
  new Message(segment, 0, { sequence, size: 1, expiry: 0, brokerId: '1', brokerCounter: sequence })

const sequencesOf = (session: StoredSession): number[] => {
  const sequences: number[] = []
  for (let entry = session.after(0); entry !== undefined; entry = session.after(entry.sequence)) {
    sequences.push(entry.sequence)
  }
  return sequences
}

test('messages that were moved together are restored beside older ones, in order, with their identifiers', () => {
  const session = new StoredSession('s', 1)
  // A record that holds what was left of several comes first when the oldest message is in it.
  for (const [sequence, packetId] of [
    [5, NO_ID],
    [900, 7],
    [10, NO_ID],
    [20, NO_ID],
  ] as const) {
    assert.ok(session.restore(message(sequence), 1, packetId), `${sequence} is taken for done`)
  }
  assert.equal(session.restored(), 0)
  assert.deepEqual(sequencesOf(session), [5, 10, 20, 900])
  assert.equal(session.findByMessageId(7)?.sequence, 900)
})

test('an identifier that was given back is free, and is not that of its message after a start', () => {
  const session = new StoredSession('s', 1)
  const given = session.push(message(1), 1, 5)
  session.unassign(given)
  const next = session.push(message(2), 1, 5)
  assert.equal(session.findByMessageId(5), next)

  const again = new StoredSession('s', 1)
  again.restoreProgress(session.progress())
  for (const sequence of [1, 2]) again.restore(message(sequence), 1, 5)
  again.restored()
  assert.equal(again.findByMessageId(5)?.sequence, 2)
  assert.equal(again.after(0)?.messageId, NO_ID)
})
