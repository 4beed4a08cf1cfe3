import type { Context } from 'koa'
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Registry } from '../../registry/index.ts'
import { believed } from '../operations/index.ts'
import { EVENT_STREAM } from './event-stream.ts'
import type { Events } from './events.ts'
import { Problem } from './problem.ts'
import type { HttpRoute } from './route.ts'
import type { Tails } from './tails.ts'

export interface StreamParts {
  readonly registry: Pick<Registry, 'devices'>
  readonly events: Events
  readonly tails: Tails
  /** Whether the one who asked, and may, still is somebody. */
  readonly isKnown: (ctx: Context) => boolean
}

const everything = z.strictObject({})
const ofDevice = z.strictObject({
  device: z.string().meta({ description: 'The device ID or the manufacturer ID.' }),
})

/** What is answered for as long as somebody listens. Source: docs/admin-api.md, «Events». */
export const streamRoutes = ({ registry, events, tails, isKnown }: StreamParts): HttpRoute[] => [
  {
    method: 'GET',
    path: '/events',
    name: 'streamEvents',
    summary: 'Hear what happens, as server-sent events. Source: docs/admin-api.md, «Events».',
    access: 'viewer',
    request: everything,
    idempotencyKey: false,
    mediaType: 'text/event-stream',
    async handle(_request, ctx) {
      stream(ctx, events.isFull, (response) => events.add(response, () => isKnown(ctx)))
    },
  },
  {
    method: 'GET',
    path: '/devices/{device}/messages',
    name: 'streamMessages',
    summary: 'See what a device publishes, as server-sent events. Source: docs/admin-api.md, «Messages of a device».',
    access: 'operator',
    request: ofDevice,
    idempotencyKey: false,
    mediaType: 'text/event-stream',
    async handle(given, ctx) {
      // Its ID stays, whatever else of it changes.
      const { id } = registry.devices.get(believed({ request: ofDevice }, given).device)
      const isThere = (): boolean => registry.devices.has(id)
      stream(ctx, tails.isFull, (response) => tails.add(response, id, () => isKnown(ctx) && isThere()))
    },
  },
]

function stream(ctx: Context, isFull: boolean, add: (response: ServerResponse) => void): void {
  if (isFull) throw new Problem('ERR_TOO_MANY_STREAMS', 'Too many listen already.', { 'Retry-After': '5' })
  ctx.respond = false
  // It left while its use was written down: nobody would hear of it any more.
  if (ctx.res.closed) return
  if (ctx.method === 'HEAD') ctx.res.writeHead(200, { 'Content-Type': EVENT_STREAM }).end()
  else add(ctx.res)
}
