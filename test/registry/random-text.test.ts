import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomSalt, randomText } from '../../registry/random-text.ts'

test('nobody draws more than there is at once', () => {
  assert.throws(() => randomText(4097, 'hex'), RangeError)
})

test('no bytes are given away twice, and all of them are random, from one draw to the next', () => {
  const texts = Array.from({ length: 2000 }, (_, n) =>
    n % 2 === 0 ? randomText(32, 'hex') : randomSalt(32).toString('hex'),
  )
  for (const text of texts) assert.match(text, /^[0-9a-f]{64}$/)
  // Within texts too: two that overlap would share eight bytes somewhere.
  const eights = new Set(texts.flatMap((text) => text.match(/.{16}/g) ?? []))
  assert.equal(eights.size, 2000 * 4)
})

test('a salt is memory of its own, which the next one does not reach', () => {
  const salt = randomSalt(16)
  const before = salt.toString('hex')
  for (let drawn = 0; drawn < 1000; drawn++) randomText(32, 'hex')
  assert.equal(salt.toString('hex'), before)
  assert.equal(salt.buffer.byteLength, 16)
})
