import { RegistryError, type JournalCaller, type Journal } from '../registry/index.ts'
import type { Caller, Operation } from './operations/index.ts'

/** As all that comes from outside. */
const MAX_TARGET_CHARACTERS = 256

/**
 * Calls an operation, and writes down who asked for what and how it ended before the caller hears of it. Asking changes
 * nothing, and is no news.
 */
export async function journalled(
  journal: Pick<Journal, 'recordNow'>,
  asked: { name: string; operation: Operation; target: string; detail?: string; caller: Caller },
  call: () => Promise<unknown>,
): Promise<unknown> {
  const { name, operation, caller } = asked
  const { role, route, isStep = false } = operation
  if (role === 'viewer' || route.method === 'GET' || isStep) return await call()
  const target = asked.target === '' ? undefined : asked.target.slice(0, MAX_TARGET_CHARACTERS)
  const { detail } = asked
  const facts = { kind: 'operation', caller: callerOf(caller), operation: name, target, detail } as const
  try {
    const answer = await call()
    await journal.recordNow({ ...facts, result: 'done' })
    return answer
  } catch (error) {
    const code = error instanceof RegistryError ? error.code : 'ERR_INTERNAL'
    const result = error instanceof RegistryError ? 'refused' : 'failed'
    await journal.recordNow({ ...facts, result, code })
    throw error
  }
}

/** Field by field: nothing else that a caller may carry one day belongs here. */
const callerOf = (caller: Caller): JournalCaller =>
  caller.kind === 'shell' ? { kind: caller.kind } : { kind: caller.kind, name: caller.name, address: caller.address }
