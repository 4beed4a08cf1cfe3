import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret, Signal } from '../../registry/index.ts'

test('a secret does not print, whichever way it is printed', () => {
  const secret = new Secret('open sesame')
  const prints = [
    ['', secret].join(''),
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 5, showHidden: true }),
    format('%s %o %j %O', secret, secret, secret, secret),
    secret.toString(),
    new Error('failed', { cause: secret }).cause + '',
  ]
  for (const print of prints) {
    assert.match(print, /\[secret\]/)
    assert.doesNotMatch(print, /sesame/)
  }
  assert.equal(secret.reveal(), 'open sesame')
})

test('a listener that throws is reported, and neither the others nor the one who signals notice', () => {
  const faults: unknown[] = []
  const signal = new Signal<number>((error) => faults.push(error))
  const heard: number[] = []
  const off = signal.on(() => {
    throw new Error('a fault')
  })
  signal.on((value) => heard.push(value))
  signal.emit(1)
  off()
  signal.emit(2)
  assert.deepEqual(heard, [1, 2])
  assert.equal(faults.length, 1)
})
