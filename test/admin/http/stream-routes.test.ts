import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from 'koa'
import { streamRoutes, type StreamParts } from '../../../admin/http/stream-routes.ts'

for (const closed of [true, false]) {
  test(`who ${closed ? 'has left' : 'is still there'} before the stream begins is ${closed ? 'not ' : ''}counted as a listener`, async () => {
    let added = 0
    const events = { isFull: false, add: () => void (added += 1) }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const [ofEvents] = streamRoutes({ events } as unknown as StreamParts)
    assert.equal(ofEvents?.name, 'streamEvents')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    await ofEvents.handle({}, { method: 'GET', res: { closed } } as unknown as Context, undefined)
    assert.equal(added, closed ? 0 : 1)
  })
}
