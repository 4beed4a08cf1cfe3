import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCpuList } from '../../bench/machine.ts'
import { coreShare, fairly, MOST_ATTEMPTS, type CoreUse } from '../../bench/starvation.ts'

const starved: CoreUse = { wall: 2, broker: 1.5, idle: 0 }
const undisturbed: CoreUse = { wall: 2, broker: 1.6, idle: 0 }

const shares: { name: string; use: CoreUse; share: number }[] = [
  {
    name: 'a broker that lost half of its core to others had half of it',
    use: { wall: 2, broker: 1, idle: 0 },
    share: 0.5,
  },
  {
    name: 'a broker that waits for its clients had all of its core',
    use: { wall: 2, broker: 0.5, idle: 1.5 },
    share: 1,
  },
  {
    name: 'ticks that are counted too much do not make more than a core',
    use: { wall: 2, broker: 2.01, idle: 0 },
    share: 1,
  },
]
for (const { name, use, share } of shares) {
  test(name, () => assert.equal(coreShare(use), share))
}

/** Attempts that go as told, in this order. */
function attempts(uses: readonly CoreUse[]): () => Promise<CoreUse> {
  const left = [...uses]
  return async () => left.shift() ?? assert.fail('tried once too often')
}

test('a repeat in which the broker was starved is done again', async () => {
  const { result, refused } = await fairly(attempts([starved, starved, undisturbed]), (use) => use)
  assert.equal(result, undisturbed)
  assert.equal(refused, 2)
})

test('a broker that is always starved is given up, without a figure', async () => {
  const { result, refused } = await fairly(attempts(Array.from({ length: MOST_ATTEMPTS }, () => starved)), (use) => use)
  assert.equal(result, undefined)
  assert.equal(refused, MOST_ATTEMPTS)
})

test('80 % of a core is enough', async () => {
  assert.deepEqual(await fairly(attempts([undisturbed]), (use) => use), { result: undisturbed, refused: 0 })
})

test('an attempt that fails is a fault, not a starved repeat', async () => {
  await assert.rejects(
    fairly(attempts([]), (use: CoreUse) => use),
    /tried once too often/,
  )
})

test('a list of cores is read as the kernel writes it', () => {
  assert.deepEqual(parseCpuList('0-2,5\n'), [0, 1, 2, 5])
  assert.deepEqual(parseCpuList('3'), [3])
})
