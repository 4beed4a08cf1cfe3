import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoginTurns } from '../../broker/login-turns.ts'

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

test('of many logins at once a few begin in each turn of the event loop, in their order', async () => {
  const turns = new LoginTurns()
  const begun: number[] = []
  for (let index = 0; index < 40; index++) turns.begin(() => begun.push(index))
  const counts = [begun.length]
  while (begun.length < 40 && counts.length < 10) {
    await turn()
    counts.push(begun.length)
  }
  assert.deepEqual(counts, [16, 32, 40])
  assert.deepEqual(
    begun,
    Array.from({ length: 40 }, (_, index) => index),
  )
})

test('whoever comes while others wait comes after them', async () => {
  const turns = new LoginTurns()
  const begun: string[] = []
  for (let index = 0; index < 20; index++) turns.begin(() => begun.push('early'))
  turns.begin(() => begun.push('late'))
  for (let turnsLeft = 5; turnsLeft > 0; turnsLeft--) await turn()
  assert.equal(begun.at(-1), 'late')
  assert.equal(begun.length, 21)
})

test('logins that come one by one do not wait', async () => {
  const turns = new LoginTurns()
  for (let index = 0; index < 50; index++) {
    let begun = false
    turns.begin(() => {
      begun = true
    })
    assert.ok(begun)
    await turn()
  }
})
