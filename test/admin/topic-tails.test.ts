import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTails } from '../../admin/index.ts'
import type { DeviceMessage } from '../../registry/index.ts'

function aStage(waitMs?: number) {
  const heard = new Map<string, (message: DeviceMessage) => void>()
  const tails = openTails((filter, hear) => {
    heard.set(filter, hear)
    return () => heard.delete(filter)
  }, waitMs)
  const say = (filter: string, payload = 'x'): void =>
    heard.get(filter)?.({ topic: 'a', payload: Buffer.from(payload), qos: 0, retain: false })
  return { heard, tails, say }
}

test('one that was never opened, or has ended, is not found', async () => {
  const { tails } = aStage()
  await assert.rejects(tails.read('nothing'), { code: 'ERR_NOT_FOUND' })
  const id = tails.open('#')
  tails.close(id)
  await assert.rejects(tails.read(id), { code: 'ERR_NOT_FOUND' })
})

test('no more than 20 are open, and the place of one that has ended is free', (t) => {
  const { tails, heard } = aStage()
  t.after(() => tails.close())
  const ids = Array.from({ length: 20 }, (_, n) => tails.open(`${n}`))
  assert.throws(() => tails.open('more'), { code: 'ERR_BUSY' })
  tails.close(ids[0])
  assert.equal(heard.size, 19)
  tails.open('more')
})

test('what nobody asks for in time is counted, and what is there is not lost', async (t) => {
  const { tails, say } = aStage()
  t.after(() => tails.close())
  const id = tails.open('#')
  for (let n = 0; n < 1003; n++) say('#', `${n}`)
  const { messages, skipped } = await tails.read(id)
  assert.deepEqual([messages.length, messages[0]?.payload, skipped], [1000, '0', 3])
})

test('large messages are skipped before they fill the memory', async (t) => {
  const { tails, say } = aStage()
  t.after(() => tails.close())
  const id = tails.open('#')
  for (let n = 0; n < 1000; n++) say('#', 'x'.repeat(100_000))
  const { messages, skipped } = await tails.read(id)
  assert.ok(messages.length < 300 && skipped > 700, `${messages.length}`)
  assert.ok(messages.every(({ cut, bytes, payload }) => cut && bytes === 100_000 && payload.length === 4096))
})

test('whoever waits is answered when something comes, when nothing does, and when it ends', async (t) => {
  const { tails, say } = aStage(20)
  t.after(() => tails.close())
  const id = tails.open('#')
  assert.deepEqual(await tails.read(id), { messages: [], skipped: 0 })
  const waiting = tails.read(id)
  say('#')
  assert.equal((await waiting).messages.length, 1)
  const last = tails.read(id)
  tails.close()
  assert.deepEqual(await last, { messages: [], skipped: 0 })
})
