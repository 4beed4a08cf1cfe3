import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PublishPacket, Subscription } from '../../broker/aedes-internals.d.ts'
import type { Connection } from '../../broker/connection.ts'
import { hooksOf, type Gates } from '../../broker/hooks.ts'
import { memoryLog } from '../support/log.ts'

/** Only a plain `true` opens a gate. */

const CLIENT = {} as Connection
const PACKET = { topic: 't' } as PublishPacket
const SUBSCRIPTION: Subscription = { topic: 't', qos: 1 }

function theHooks(gates: Partial<Gates>) {
  const log = memoryLog()
  const refused: unknown[] = []
  const open: Gates = {
    authenticate: () => Promise.resolve(true),
    loginRefused: (_client, reason) => void refused.push(reason),
    mayPublish: () => true,
    maySubscribe: () => true,
    mayReceive: () => true,
  }
  return { log, refused, hooks: hooksOf({ log, gateTimeoutMs: 100, gates: { ...open, ...gates } }) }
}

const answers: readonly { readonly name: string; readonly gate: () => unknown; readonly opens?: true }[] = [
  { name: 'true', gate: () => true, opens: true },
  { name: 'false', gate: () => false },
  { name: 'nothing', gate: () => {} },
  { name: '1', gate: () => 1 },
  { name: 'an object', gate: () => ({}) },
  { name: 'a promise of true', gate: () => Promise.resolve(true) },
  { name: 'a promise that is rejected', gate: () => Promise.reject(new Error('no')) },
  {
    name: 'an exception',
    gate: () => {
      throw new Error('no')
    },
  },
]

for (const { name, gate, opens = false } of answers) {
  test(`a gate that answers with ${name} is ${opens ? 'open' : 'closed'}`, () => {
    const boolean = gate as () => boolean
    const { hooks, log } = theHooks({ mayPublish: boolean, maySubscribe: boolean, mayReceive: boolean })
    const heard: unknown[] = []
    hooks.authorizePublish(CLIENT, PACKET, (error) => heard.push(error === null))
    hooks.authorizeSubscribe(CLIENT, SUBSCRIPTION, (_error, granted) => heard.push(granted === SUBSCRIPTION))
    heard.push(hooks.authorizeForward(CLIENT, PACKET) === PACKET)
    assert.deepEqual(heard, [opens, opens, opens])
    const isPlain = name === 'true' || name === 'false'
    assert.equal(log.lines.filter(({ event }) => event === 'gate-failed').length, isPlain ? 0 : 3)
  })
}

const logins: readonly { readonly name: string; readonly gate: () => unknown; readonly opens?: true }[] = [
  { name: 'true', gate: () => Promise.resolve(true), opens: true },
  { name: 'false', gate: () => Promise.resolve(false) },
  { name: 'something that is not true', gate: () => Promise.resolve({ principal: 'somebody' }) },
  { name: 'a rejection', gate: () => Promise.reject(new Error('no')) },
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors
  { name: 'a rejection without a reason', gate: () => Promise.reject() },
  { name: 'no answer at all', gate: () => new Promise(() => {}) },
  {
    name: 'an exception',
    gate: () => {
      throw new Error('no')
    },
  },
]

for (const { name, gate, opens = false } of logins) {
  test(`a login that is answered with ${name} is ${opens ? 'let in' : 'refused with 3, and told once'}`, async () => {
    const { hooks, refused } = theHooks({ authenticate: gate as Gates['authenticate'] })
    const answer = await new Promise<unknown[]>((resolve) => {
      hooks.authenticate(CLIENT, 'user', undefined, (error, goes) => resolve([error?.returnCode, goes]))
    })
    assert.deepEqual(answer, opens ? [undefined, true] : [3, false])
    assert.equal(refused.length, opens ? 0 : 1)
  })
}

test('a message of nobody, which would be the will of a dead broker, is not let through', () => {
  const { hooks } = theHooks({})
  const heard: unknown[] = []
  hooks.authorizePublish(null, PACKET, (error) => heard.push(error instanceof Error))
  assert.deepEqual(heard, [true])
})
