import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Middleware } from 'koa'

/** How much of a refused body is thrown away, and for how long, before the connection closes. */
const LINGER_BYTES = 64 * 1024
export const LINGER_MS = 1_000

/**
 * An answer given before the body was read closes the connection, and closes it politely: the answer leaves at once, then
 * a little of the body is thrown away. Closing a socket with unread bytes in it resets the connection, and the reset can
 * overtake the answer. Source: RFC 9112 §9.6.
 */
export const lingerOverUnreadBody: Middleware = async (ctx, next) => {
  await next()
  if (ctx.req.complete) return
  ctx.set('Connection', 'close')
  if (ctx.respond === false || ctx.body === null || ctx.body === undefined) return
  const answer = Buffer.from(typeof ctx.body === 'string' ? ctx.body : JSON.stringify(ctx.body))
  ctx.body = Readable.from(answerThenDiscard(answer, ctx.req), { objectMode: false })
  ctx.length = answer.length
}

async function* answerThenDiscard(answer: Buffer, request: IncomingMessage): AsyncGenerator<Buffer> {
  yield answer
  await discardBody(request)
}

function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve()
    let left = LINGER_BYTES
    const timer = setTimeout(done, LINGER_MS)
    request.on('data', count).once('end', done).once('close', done).resume()

    function count(chunk: Buffer): void {
      left -= chunk.length
      if (left < 0) done()
    }

    function done(): void {
      clearTimeout(timer)
      request.off('data', count).off('end', done).off('close', done).pause()
      resolve()
    }
  })
}
