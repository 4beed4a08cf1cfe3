import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SmallMap } from '../../broker/small-map.ts'

const KEYS = Array.from({ length: 15 }, (_, index) => `key ${index}`)
const key = fc.constantFrom(...KEYS)
const change = fc.oneof(
  fc.record({ what: fc.constant('set' as const), key, value: fc.nat() }),
  fc.record({ what: fc.constant('delete' as const), key, value: fc.constant(0) }),
)

const apply = (
  map: { set(key: string, value: number): unknown; delete(key: string): unknown },
  { what, key: of, value }: { readonly what: 'set' | 'delete'; readonly key: string; readonly value: number },
): unknown => (what === 'set' ? map.set(of, value) : map.delete(of))

test('it holds what a map holds, in the same order, and a copy holds what it held then', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.array(change, { maxLength: 10 }), (first, then) => {
      const [small, map] = [new SmallMap<number>(), new Map<string, number>()]
      for (const one of first) for (const into of [small, map]) apply(into, one)
      assert.deepEqual([...small], [...map])
      const copy = small.copy()
      const before = [...map]
      for (const one of then) apply(small, one)
      assert.deepEqual([...copy], before)
      for (const one of then) for (const into of [copy, map]) apply(into, one)
      assert.deepEqual([...small], [...map])
      assert.deepEqual([...copy], [...map])
      assert.deepEqual([small.size, copy.size], [map.size, map.size])
      for (const one of KEYS) {
        assert.equal(small.get(one), map.get(one))
        assert.equal(small.has(one), map.has(one))
      }
    }),
  )
})

test('whoever goes through it may take out what it finds, and sees each once', () => {
  for (const count of [3, 30]) {
    const map = new SmallMap<number>()
    for (let number = 0; number < count; number++) map.set(`${number}`, number)
    const seen: number[] = []
    for (const [of, value] of map) {
      seen.push(value)
      map.delete(of)
    }
    assert.equal(seen.length, count)
    assert.equal(map.size, 0)
  }
})
