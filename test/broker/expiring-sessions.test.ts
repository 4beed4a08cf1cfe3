import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BrokerContext } from '../../broker/context.ts'
import { ExpiringSessions } from '../../broker/expiring-sessions.ts'
import { Logins } from '../../broker/login.ts'
import { Session } from '../../broker/session.ts'
import { memoryLog } from '../support/log.ts'

const SWEEP_MS = 60_000

/** What is asked of a context, over sessions whose time comes when the test says so. */
function aContext(...clientIds: readonly string[]) {
  const expired = new Set<string>()
  const forgotten: string[] = []
  const logins = new Logins()
  const faults = new Map<string, Error>()
  const context = {
    logins,
    sessions: new Map(clientIds.map((clientId) => [clientId, new Session(clientId, false)])),
    router: { drop: () => {} },
    persistence: {
      expiredSessions: () => [...expired],
      isExpired: (clientId: string) => expired.has(clientId),
      forgetSession: async (clientId: string) => {
        const fault = faults.get(clientId)
        if (fault !== undefined) throw fault
        forgotten.push(clientId)
      },
    },
  }
  /** Resolves when nothing is in line any more. */
  const settled = async (): Promise<void> => {
    await Promise.all(
      clientIds.map((clientId) => new Promise<void>((resolve) => logins.queue(clientId, async () => resolve()))),
    )
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { context: context as unknown as BrokerContext, logins, expired, forgotten, faults, settled }
}

test('sessions whose time has come end at the start, and nobody else', async (t) => {
  const { context, expired, forgotten, settled } = aContext('old', 'young')
  expired.add('old')
  const expiring = new ExpiringSessions(context, memoryLog())
  t.after(() => expiring.stop())
  await settled()
  assert.deepEqual([forgotten, expiring.ended], [['old'], 1])
  assert.deepEqual([...context.sessions.keys()], ['young'])
})

test('sessions whose time comes later end within a minute, until it is stopped', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { context, expired, forgotten, settled } = aContext('first', 'second')
  const expiring = new ExpiringSessions(context, memoryLog())
  expired.add('first')
  t.mock.timers.tick(SWEEP_MS - 1)
  await settled()
  assert.deepEqual(forgotten, [])
  t.mock.timers.tick(1)
  await settled()
  assert.deepEqual(forgotten, ['first'])

  expiring.stop()
  expired.add('second')
  t.mock.timers.tick(2 * SWEEP_MS)
  await settled()
  assert.deepEqual([forgotten, expiring.ended], [['first'], 1])
})

test('a client that comes back first keeps its session', async (t) => {
  const { context, logins, expired, forgotten, settled } = aContext('late')
  expired.add('late')
  let letIn: (() => void) | undefined
  const loggingIn = new Promise<void>((resolve) => (letIn = resolve))
  logins.queue('late', () => loggingIn)
  const expiring = new ExpiringSessions(context, memoryLog())
  t.after(() => expiring.stop())
  expired.delete('late')
  letIn?.()
  await settled()
  assert.deepEqual([forgotten, expiring.ended, context.sessions.size], [[], 0, 1])
})

test('a session that is gone already is not counted', async (t) => {
  const { context, expired, settled } = aContext('gone')
  expired.add('gone')
  context.sessions.clear()
  const expiring = new ExpiringSessions(context, memoryLog())
  t.after(() => expiring.stop())
  await settled()
  assert.equal(expiring.ended, 0)
})

test('a store that cannot be written is told, and the others end all the same', async (t) => {
  const { context, expired, forgotten, faults, settled } = aContext('one', 'two')
  for (const clientId of ['one', 'two']) expired.add(clientId)
  const error = new Error('the disk is full')
  faults.set('one', error)
  const log = memoryLog()
  const expiring = new ExpiringSessions(context, log)
  t.after(() => expiring.stop())
  await settled()
  assert.deepEqual(forgotten, ['two'])
  assert.deepEqual(
    log.lines.map((line) => [line.event, line['error']]),
    [['storage-failed', error]],
  )
})
