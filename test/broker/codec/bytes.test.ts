import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { copyBytes, sameBytes } from '../../../broker/codec/index.ts'

/** Around the lengths at which another way of doing it begins. */
const lengths = [0, 1, 11, 12, 13, 31, 32, 33, 79, 80, 81, 500]

for (const length of lengths) {
  test(`${length} bytes are compared wherever they are`, () => {
    const b = Buffer.from(Array.from({ length: length + 3 }, (_, i) => i * 7))
    const a = Buffer.concat([Buffer.from('##'), b])
    assert.equal(sameBytes(a, 2, b, length), true)
    for (const at of new Set([0, length >> 1, length - 1].filter((i) => i >= 0 && i < length))) {
      const other = Buffer.from(b)
      other[at]! ^= 1
      assert.equal(sameBytes(a, 2, other, length), false, `byte ${at}`)
    }
    // What is behind does not matter.
    const longer = Buffer.from(b)
    longer[length]! ^= 1
    assert.equal(sameBytes(a, 2, longer, length), true)
  })
}

test('what lies outside of a buffer is not the same as anything', () => {
  for (const length of [1, 100]) {
    assert.equal(sameBytes(Buffer.alloc(200), 200 - length + 1, Buffer.alloc(200), length), false)
    assert.equal(sameBytes(Buffer.alloc(200), 0, Buffer.alloc(length - 1), length), false)
  }
})

test('any part of an array is copied to any place, and nothing else', () => {
  const part = fc.record({ length: fc.constantFrom(...lengths), before: fc.nat(40), after: fc.nat(40), at: fc.nat(40) })
  fc.assert(
    fc.property(part, fc.boolean(), ({ length, before, after, at }, plain) => {
      const bytes = Buffer.from(Array.from({ length: before + length + after }, (_, i) => i))
      const to = Buffer.alloc(at + length + 5, 0xaa)
      copyBytes(plain ? new Uint8Array(bytes) : bytes, before, before + length, to, at)
      const expected = Buffer.alloc(at + length + 5, 0xaa)
      for (let i = 0; i < length; i++) expected[at + i] = bytes[before + i]!
      assert.deepEqual(to, expected)
    }),
    { numRuns: 500 },
  )
})
