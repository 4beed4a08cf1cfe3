import { RegistryError, type JournalCaller, type Journal } from '../registry/index.ts'
import type { Caller, Operation } from './operations/index.ts'

/**
 * Calls an operation, and writes down who asked for what and how it ended before the caller hears of it. Asking changes
 * nothing, and is no news.
 */
export async function journalled(
  journal: Pick<Journal, 'recordNow'>,
  asked: { name: string; operation: Operation; request: unknown; caller: Caller },
  call: () => Promise<unknown>,
): Promise<unknown> {
  const { name, operation, request, caller } = asked
  if (operation.role === 'viewer' || operation.route.method === 'GET') return await call()
  const facts = { kind: 'operation', caller: callerOf(caller), operation: name } as const
  try {
    const answer = await call()
    await journal.recordNow({ ...facts, result: 'done', target: targetOf(operation, request, answer) })
    return answer
  } catch (error) {
    const code = error instanceof RegistryError ? error.code : 'ERR_INTERNAL'
    const result = error instanceof RegistryError ? 'refused' : 'failed'
    await journal.recordNow({ ...facts, result, code, target: targetOf(operation, request, undefined) })
    throw error
  }
}

/** Field by field: nothing else that a caller may carry one day belongs here. */
const callerOf = (caller: Caller): JournalCaller =>
  caller.kind === 'shell' ? { kind: caller.kind } : { kind: caller.kind, name: caller.name, address: caller.address }

/** What the path of the operation names, or else the name or ID of what was made. These are never secrets. */
function targetOf({ route }: Operation, request: unknown, answer: unknown): string | undefined {
  const named = Array.from(route.path.matchAll(/\{(\w+)\}/g), ([, name = '']) => textOf(request, name))
  const target = [...named, textOf(request, 'name'), textOf(answer, 'id')].find((text) => text !== undefined)
  return target?.slice(0, MAX_TARGET_CHARACTERS)
}

const MAX_TARGET_CHARACTERS = 256

function textOf(given: unknown, name: string): string | undefined {
  const { [name]: text }: Record<string, unknown> = Object(given)
  return typeof text === 'string' ? text : undefined
}
