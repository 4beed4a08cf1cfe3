import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import type { JournalFacts } from '../../../registry/index.ts'
import { BulkActions } from '../../../registry/journal/bulk-actions.ts'

const FACTS: JournalFacts = {
  kind: 'operation',
  result: 'done',
  operation: 'changeDevices',
  detail: 'disable where tag a=b',
}
const NOW = new Date('2026-01-02T03:04:05.678Z')
const SINCE = NOW.toISOString()

function aStage(patienceMs?: number) {
  const told: JournalFacts[] = []
  const news = new EventEmitter()
  const recordNow = async (facts: JournalFacts): Promise<boolean> => {
    told.push(facts)
    return news.emit('told')
  }
  const actions = new BulkActions({ recordNow }, () => NOW, patienceMs)
  return { told, news, actions }
}

test('what is all in one page is one entry with its count', async () => {
  const { told, actions } = aStage()
  await actions.done(FACTS, { count: 3 })
  await actions.close()
  assert.deepEqual(told, [{ ...FACTS, count: 3 }])
})

test('of many pages there is an entry for the beginning, and one for all of it', async () => {
  const { told, actions } = aStage()
  await actions.done(FACTS, { count: 500, next: 'a' })
  await actions.done(FACTS, { count: 0, after: 'a', next: 'b' })
  await actions.done(FACTS, { count: 500, after: 'b', next: 'c' })
  await actions.done(FACTS, { count: 7, after: 'c' })
  await actions.close()
  assert.deepEqual(told, [
    { ...FACTS, detail: 'disable where tag a=b (begun)', count: 500 },
    { ...FACTS, count: 1007, since: SINCE },
  ])
})

test('what is refused on its way has an end that says so, and how far it came', async () => {
  const { told, actions } = aStage()
  await actions.done(FACTS, { count: 500, next: 'a' })
  await actions.stopped({ ...FACTS, result: 'refused', code: 'ERR_BUSY' })
  await actions.close()
  assert.deepEqual(told.at(-1), { ...FACTS, result: 'refused', code: 'ERR_BUSY', count: 500, since: SINCE })
  assert.equal(told.length, 2)
})

const unfinished: readonly { name: string; end: (stage: ReturnType<typeof aStage>) => Promise<unknown> }[] = [
  { name: 'the server stops', end: ({ actions }) => actions.close() },
  { name: 'it begins anew', end: ({ actions }) => actions.done(FACTS, { count: 1 }) },
  { name: 'its caller is gone', end: ({ news }) => once(news, 'told') },
]
for (const { name, end } of unfinished) {
  test(`what has not come to its end when ${name} has one that says so`, async () => {
    const stage = aStage(1)
    await stage.actions.done(FACTS, { count: 500, next: 'a' })
    await end(stage)
    const reason = 'nobody asked for the rest'
    assert.deepEqual(stage.told[1], { ...FACTS, result: 'failed', reason, count: 500, since: SINCE })
  })
}

test('the pages of two actions, or of two callers, are not mixed up', async () => {
  const { told, actions } = aStage()
  const other = { ...FACTS, caller: { kind: 'shell' } } as const
  await actions.done(FACTS, { count: 1, next: 'a' })
  await actions.done(other, { count: 10, next: 'a' })
  await actions.done(FACTS, { count: 2, after: 'a' })
  await actions.done(other, { count: 20, after: 'a' })
  assert.deepEqual(
    told.map(({ count }) => count),
    [1, 10, 3, 30],
  )
})

test('pages whose beginning nobody here has seen are an action of their own', async () => {
  const { told, actions } = aStage()
  await actions.done(FACTS, { count: 2, after: 'x', next: 'y' })
  await actions.done(FACTS, { count: 3, after: 'y' })
  assert.deepEqual(
    told.map(({ detail, count }) => [detail, count]),
    [
      ['disable where tag a=b (gone on with)', 2],
      ['disable where tag a=b', 5],
    ],
  )
})
