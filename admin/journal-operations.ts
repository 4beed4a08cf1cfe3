import { RegistryError, type JournalCaller, type Registry } from '../registry/index.ts'
import type { Caller, Operation } from './operations/index.ts'

/** As all that comes from outside. */
const MAX_TARGET_CHARACTERS = 256

/**
 * Calls an operation, and writes down who asked for what and how it ended before the caller hears of it. Asking changes
 * nothing, and is no news.
 */
export async function journalled(
  { journal, bulkActions }: Pick<Registry, 'bulkActions' | 'journal'>,
  asked: { name: string; operation: Operation; request: unknown; target: string; caller: Caller },
  call: () => Promise<unknown>,
): Promise<unknown> {
  const { name, operation, request, caller } = asked
  const { role, route, isStep = false } = operation
  if (role === 'viewer' || route.method === 'GET' || isStep) return await call()
  const target = asked.target === '' ? undefined : asked.target.slice(0, MAX_TARGET_CHARACTERS)
  const detail = operation.detail?.(request).slice(0, MAX_TARGET_CHARACTERS)
  const facts = {
    kind: 'operation',
    result: 'done',
    caller: callerOf(caller),
    operation: name,
    target,
    detail,
  } as const
  try {
    const answer = await call()
    if (operation.page === undefined) await journal.recordNow({ ...facts, count: operation.count?.(answer) })
    else {
      const page = operation.page(request, answer)
      if (page !== undefined) await bulkActions.done(facts, page)
    }
    return answer
  } catch (error) {
    const code = error instanceof RegistryError ? error.code : 'ERR_INTERNAL'
    const result = error instanceof RegistryError ? 'refused' : 'failed'
    await bulkActions.stopped({ ...facts, result, code })
    throw error
  }
}

/** Field by field: nothing else that a caller may carry one day belongs here. */
const callerOf = (caller: Caller): JournalCaller =>
  caller.kind === 'shell' ? { kind: caller.kind } : { kind: caller.kind, name: caller.name, address: caller.address }
