import assert from 'node:assert/strict'
import { test } from 'node:test'
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
    const tree = new TopicTree<string>()
    for (const filter of [...selects, ...not]) tree.add(filter, filter)
    const found: string[] = []
    tree.match(topic, (filter) => found.push(filter))
    assert.deepEqual(found.toSorted(), [...selects].toSorted())

    for (const filter of selects)
      assert.equal(
        tree.remove(filter, () => true),
        filter,
      )
    const left: string[] = []
    tree.match(topic, (filter) => left.push(filter))
    assert.deepEqual(left, [])
  })
}

test('of several entries under one filter the one that fits is taken out, and nothing when none does', () => {
  const tree = new TopicTree<number>()
  for (const filter of ['a/+', 'a/b']) {
    for (const entry of [1, 2, 3]) tree.add(filter, entry)
    assert.equal(
      tree.remove(filter, (entry) => entry === 2),
      2,
    )
    assert.equal(
      tree.remove(filter, (entry) => entry === 2),
      undefined,
    )
  }
  assert.equal(
    tree.remove('nothing/+', () => true),
    undefined,
  )
  const found: number[] = []
  tree.match('a/b', (entry) => found.push(entry))
  assert.deepEqual(
    found.toSorted((one, other) => one - other),
    [1, 1, 3, 3],
  )
})
