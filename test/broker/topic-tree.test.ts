import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TopicTree } from '../../broker/topic-tree.ts'

/** Source: MQTT 3.1.1 §4.7. */
const cases: readonly {
  readonly topic: string
  readonly selects: readonly string[]
  readonly not: readonly string[]
}[] = [
  { topic: 'a', selects: ['a', '#', '+', 'a/#'], not: ['b', 'a/+', '+/+', 'A', '/a'] },
  { topic: 'a/b', selects: ['a/b', '#', 'a/#', 'a/+', '+/b', '+/+', '+/#', 'a/b/#'], not: ['a', '+', 'a/b/+', 'a/c'] },
  { topic: '/a', selects: ['/a', '+/a', '+/+', '/+', '/#', '#'], not: ['a', '+'] },
  { topic: 'a/', selects: ['a/', 'a/+', 'a/#', '+/+'], not: ['a'] },
  { topic: 'a//b', selects: ['a//b', 'a/+/b', 'a/#'], not: ['a/b', 'a/+'] },
  // A wildcard at the start does not reach them [MQTT-4.7.2-1].
  { topic: '$SYS/x', selects: ['$SYS/x', '$SYS/#', '$SYS/+'], not: ['#', '+/x', '+/#', '+/+'] },
  { topic: '$', selects: ['$', '$/#'], not: ['#', '+'] },
  { topic: 'a/$x', selects: ['a/+', '#', '+/$x'], not: ['$x'] },
]

for (const { topic, selects, not } of cases) {
  test(`${topic} is selected by ${selects.join(' ')} and not by ${not.join(' ')}`, () => {
    const tree = new TopicTree<{ filter: string }>()
    for (const filter of [...selects, ...not]) tree.add(filter, { filter })
    const found: string[] = []
    tree.match(topic, ({ filter }) => found.push(filter))
    assert.deepEqual(found.toSorted(), [...selects].toSorted())

    for (const filter of selects) assert.equal(tree.remove(filter, () => true)?.filter, filter)
    tree.match(topic, ({ filter }) => assert.fail(`${filter} is still there`))
  })
}

test('of several entries under one filter the one that fits is taken out, and nothing when none does', () => {
  const tree = new TopicTree<{ number: number }>()
  for (const filter of ['a/+', 'a/b']) {
    for (const number of [1, 2, 3]) tree.add(filter, { number })
    assert.deepEqual(
      tree.remove(filter, ({ number }) => number === 2),
      { number: 2 },
    )
    assert.equal(
      tree.remove(filter, ({ number }) => number === 2),
      undefined,
    )
  }
  assert.equal(
    tree.remove('nothing/+', () => true),
    undefined,
  )
  const found: number[] = []
  tree.match('a/b', ({ number }) => found.push(number))
  assert.deepEqual(
    found.toSorted((one, other) => one - other),
    [1, 1, 3, 3],
  )
})

test('a level that had several below it and has one or none again is as it was', () => {
  const tree = new TopicTree<{ filter: string }>()
  const filters = ['a/+', 'a/b/+', 'a/c/+', 'a/#', 'd/+/e']
  for (let round = 0; round < 2; round++) {
    for (const filter of filters) tree.add(filter, { filter })
    for (const [index, filter] of filters.entries()) {
      assert.equal(tree.remove(filter, () => true)?.filter, filter)
      const found: string[] = []
      for (const topic of ['a/b/x', 'd/x/e']) tree.match(topic, (entry) => found.push(entry.filter))
      const left = filters.slice(index + 1).filter((one) => ['a/b/+', 'a/#', 'd/+/e'].includes(one))
      assert.deepEqual(found.toSorted(), left.toSorted())
    }
  }
})

/** MQTT 3.1.1 §4.7, word by word. */
function isSelected(filter: readonly string[], topic: readonly string[]): boolean {
  if (topic[0]?.startsWith('$') === true && (filter[0] === '+' || filter[0] === '#')) return false
  for (const [at, word] of filter.entries()) {
    if (word === '#') return true
    if (at >= topic.length || (word !== '+' && word !== topic[at])) return false
  }
  return filter.length === topic.length
}

test('whatever comes, goes and is looked for in between, a topic finds the filters that select it and no others', () => {
  const words = fc.array(fc.constantFrom('', 'a', 'ab', 'b', '$x'), { minLength: 1, maxLength: 4 })
  const filters = fc
    .tuple(fc.array(fc.constantFrom('', 'a', 'ab', 'b', '$x', '+'), { maxLength: 4 }), fc.constantFrom('#', '+', 'a'))
    .map(([above, last]) => [...above, last])
  const step = fc.record({ what: fc.constantFrom('add', 'add', 'remove', 'match'), filter: filters, topic: words })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tree = new TopicTree<{ filter: readonly string[] }>()
      const there = new Map<string, readonly string[]>()
      for (const { what, filter, topic } of steps) {
        const text = filter.join('/')
        if (what === 'add' && !there.has(text)) {
          tree.add(text, { filter })
          there.set(text, filter)
        } else if (what === 'remove') {
          const removed = tree.remove(text, () => true)
          assert.equal(removed !== undefined, there.delete(text), text)
        } else {
          const found: string[] = []
          tree.match(topic.join('/'), (entry) => found.push(entry.filter.join('/')))
          const expected = [...there.values()].filter((one) => isSelected(one, topic)).map((one) => one.join('/'))
          assert.deepEqual(found.toSorted(), expected.toSorted(), topic.join('/'))
        }
      }
    }),
    { numRuns: 1000 },
  )
})
