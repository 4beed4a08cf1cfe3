import type { Context } from 'koa'
import type { z } from 'zod'
import type { Role } from '../../registry/index.ts'
import type { Route } from '../operations/index.ts'
import type { Asker } from './caller.ts'

/** Below this is the admin API, and everything in it. */
export const PREFIX = '/admin/v1'

/** What one method of one path answers. */
export interface HttpRoute extends Route {
  readonly summary: string
  /** Whom it answers: everyone, or whoever has at least this role. */
  readonly access: Role | 'public'
  readonly request: z.ZodType
  /** Absent when there is nothing to answer but that it was done. */
  readonly answer?: z.ZodType
  /** Name in the OpenAPI document. */
  readonly name: string
  /** Whether it can be done once for an `Idempotency-Key`. */
  readonly idempotencyKey: boolean
  /** Of an answer that is no JSON: one that goes on, or a file. */
  readonly mediaType?: 'text/event-stream' | 'text/csv'
  /** @param request - believed: of the shape that `request` gives. */
  handle(request: unknown, ctx: Context, asker: Asker | undefined): Promise<unknown>
}

/** A route and the texts that its path holds in this request. */
export interface Match {
  readonly route: HttpRoute
  readonly parameters: Readonly<Record<string, string>>
}

/** Finds routes by path. A word of a path comes before a parameter. */
export class Routes {
  readonly all: readonly HttpRoute[]

  constructor(routes: readonly HttpRoute[]) {
    this.all = routes.toSorted((one, other) => parametersOf(one.path).length - parametersOf(other.path).length)
  }

  /** What a path below the prefix answers, by method; empty when there is nothing. */
  at(path: string): Map<string, Match> {
    const segments = path.split('/')
    const found = new Map<string, Match>()
    for (const route of this.all) {
      const parameters = matched(route.path.split('/'), segments)
      if (parameters === undefined || found.has(route.method)) continue
      found.set(route.method, { route, parameters })
      if (route.method === 'GET') found.set('HEAD', { route, parameters })
    }
    return found
  }
}

function matched(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined
  const parameters: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    const name = parameterOf(part)
    if (name === undefined ? part !== segment : segment === '') return undefined
    if (name !== undefined) parameters[name] = segment
  }
  return parameters
}

/** `{device}` → `device`. */
export const parameterOf = (part: string): string | undefined => /^\{(\w+)\}$/.exec(part)?.[1]

export const parametersOf = (path: string): string[] => path.split('/').flatMap((part) => parameterOf(part) ?? [])
