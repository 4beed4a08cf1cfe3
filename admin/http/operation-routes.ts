import { believed, operations, type OperationName, type OperatorParts } from '../operations/index.ts'
import { callOperation, operationNamed } from '../operator.ts'
import type { HttpRoute } from './route.ts'

/** Every operation as a route. */
export function operationRoutes(parts: OperatorParts): HttpRoute[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const names = Object.keys(operations) as OperationName[]
  return names.map((name) => {
    const { summary, route, role, request, answer, isStep } = operationNamed(name)
    return {
      ...route,
      name,
      summary,
      access: role,
      request,
      answer,
      // The steps of a whole are repeated by beginning it again.
      idempotencyKey: route.method === 'POST' && role !== 'viewer' && isStep !== true,
      async handle(given, _ctx, asker) {
        if (asker === undefined) throw new Error(`${name} was reached without a caller`)
        const result = await callOperation(name, parts, believed(operationNamed(name), given), asker.caller)
        // What the answer does not promise does not leave.
        return answer.parse(result)
      },
    }
  })
}
