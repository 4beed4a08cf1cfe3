import { journalled } from './journal-operations.ts'
import {
  operations,
  type Caller,
  type Operation,
  type OperationName,
  type Operator,
  type OperatorParts,
} from './operations/index.ts'

/** The operator of a store that this process holds. */
export function createOperator(parts: OperatorParts, caller: Caller = { kind: 'shell' }): Operator {
  return operatorOf((name, request) => callOperation(name, parts, request, caller))
}

/** An operator whose every method asks `ask` by its name. */
export function operatorOf(ask: (name: OperationName, request: unknown) => Promise<unknown>): Operator {
  const names = Object.keys(operations)
  const methods = names.map((name) => [name, async (request: unknown = {}) => await ask(named(name), request)])
  // What an operation answers is tied to its name by the table that both sides are made from.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(methods) as Operator
}

/** The table as one that a name of unknown kind is looked up in. */
export const operationNamed = (name: OperationName): Operation => operations[name]

/** Asks `operator` by name. The shape of `request` must be the one that the operation's schema gives. */
export async function askOperator(operator: Operator, name: OperationName, request: unknown): Promise<unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const ask = operator[name] as (request: unknown) => Promise<unknown>
  return await ask(request)
}

/** @param request - believed: of the shape that the operation's schema gives. */
export async function callOperation(
  name: OperationName,
  parts: OperatorParts,
  request: unknown,
  caller: Caller,
): Promise<unknown> {
  const operation = operationNamed(name)
  const target = targetOf(operation, request)
  const asked = { name, operation, request, target, caller }
  const answer = await journalled(parts.registry, asked, () => operation.call(parts, request, caller))
  if (operation.role !== 'viewer') parts.changed?.emit({ operation: name, target, by: caller })
  return answer
}

/** What an operation is about: the parameters of its route, or the name or ID of what is new. None of them is a secret. */
function targetOf({ route }: Operation, request: unknown): string {
  const fields: Record<string, unknown> = { ...Object(request) }
  const names = Array.from(route.path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const texts = (names.length > 0 ? names : ['name', 'manufacturerId']).map((name) => fields[name])
  return texts.filter((text) => typeof text === 'string').join(' ')
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const named = (name: string): OperationName => name as OperationName
