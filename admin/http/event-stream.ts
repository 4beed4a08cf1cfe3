import type { ServerResponse } from 'node:http'
import type { Log } from '../../registry/index.ts'

/** Also what tells a browser how long to wait before it comes back. */
const RETRY_MS = 3000

/** What may wait for one listener that reads slowly; what comes then is left out, and the listener hears how much. */
export const MAX_WAITING_BYTES = 256 * 1024

export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

/** Begins an answer that goes on until one side ends it. */
export function beginStream(response: ServerResponse, log: Log): void {
  response.writeHead(200, {
    'Content-Type': EVENT_STREAM,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Accel-Buffering': 'no',
  })
  response.on('error', (error) =>
    log.debug({ event: 'http-connection-failed', reason: error.message }, 'A connection broke.'),
  )
  response.write(`retry: ${RETRY_MS}\n`)
}

/** Source: HTML, «Server-sent events», §9.2.5. JSON holds no line break that would end the field. */
export const eventText = (id: number | undefined, type: string, data: object): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
