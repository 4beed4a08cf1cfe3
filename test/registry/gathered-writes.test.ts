import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatheredWrites } from '../../registry/gathered-writes.ts'
import type { WriteOperation } from '../../storage/index.ts'

const put = (key: string): WriteOperation => ({ type: 'put', key, value: '' })

/** Notes what is written and when, and refuses what it is told to refuse. */
function aWriter() {
  const writes: { keys: string[]; at: number }[] = []
  const refused = new Set<string>()
  return {
    writes,
    refused,
    async write(operations: readonly WriteOperation[]): Promise<void> {
      const keys = operations.map(({ key }) => key)
      writes.push({ keys, at: performance.now() })
      await new Promise(setImmediate)
      if (keys.some((key) => refused.has(key))) throw new Error('No space left on device')
    },
  }
}

test('a write that fails fails for everyone in it and for nobody else', async () => {
  const writer = aWriter()
  const gathered = new GatheredWrites(writer, 1)
  writer.refused.add('b')
  const together = await Promise.allSettled([gathered.write([put('a')]), gathered.write([put('b')])])
  assert.deepEqual(
    together.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await gathered.write([put('c')])
  assert.deepEqual(
    writer.writes.map(({ keys }) => keys),
    [['a', 'b'], ['c']],
  )
})

test('a caller that comes alone is written in the same turn of the loop', async () => {
  const writer = aWriter()
  const gathered = new GatheredWrites(writer, 60_000)
  const written = gathered.write([put('a')])
  await new Promise(setImmediate)
  assert.deepEqual(
    writer.writes.map(({ keys }) => keys),
    [['a']],
  )
  await written
})

test('those that come soon after a write wait for each other, whole and in order', async () => {
  const writer = aWriter()
  const gathered = new GatheredWrites(writer, 20)
  await gathered.write([put('a')])
  const others = [gathered.write([put('b'), put('c')])]
  await new Promise(setImmediate)
  others.push(gathered.write([put('d')]))
  await Promise.all(others)
  const [first, second, ...more] = writer.writes
  assert.deepEqual([first?.keys, second?.keys, more], [['a'], ['b', 'c', 'd'], []])
  // A timer may be a millisecond early.
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 19)
})

test('those who were written together go on in order, four in each turn of the loop', async () => {
  const gathered = new GatheredWrites(aWriter(), 1)
  let turn = 0
  let counting = true
  const count = (): void => {
    turn++
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const wentOn: [caller: number, turn: number][] = []
  const goOn = async (caller: number): Promise<void> => {
    await gathered.write([put(`${caller}`)])
    wentOn.push([caller, turn])
  }
  await Promise.all([goOn(1), goOn(2), goOn(3), goOn(4), goOn(5)])
  counting = false
  const from = wentOn[0]?.[1] ?? 0
  assert.deepEqual(wentOn, [
    [1, from],
    [2, from],
    [3, from],
    [4, from],
    [5, from + 1],
  ])
})
