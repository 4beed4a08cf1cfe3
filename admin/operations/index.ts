import type { z } from 'zod'
import { accountOperations } from './accounts.ts'
import { deviceChangeOperations } from './device-changes.ts'
import { deviceImportOperations } from './device-imports.ts'
import { admissionOperations } from './admission.ts'
import { backupOperations } from './backups.ts'
import { commandOperations } from './commands.ts'
import { deviceOperations } from './devices.ts'
import { journalOperations } from './journal.ts'
import type { Operation } from './operation.ts'
import { overviewOperations } from './overview.ts'
import { serverOperations } from './server.ts'
import { serviceKeyOperations } from './service-keys.ts'
import { signingKeyOperations } from './signing-keys.ts'
import { topicOperations } from './topics.ts'
import { tokenOperations } from './tokens.ts'

export { MAX_CHANGES_PER_PAGE, type DeviceChangeRequest } from './device-changes.ts'
export type { DeviceAnswer, DeviceFilterRequest } from './device-schemas.ts'
export type { BackupSummary } from './backups.ts'
export { MAX_DEVICES_PER_PAGE } from './devices.ts'
export { MAX_ENTRIES_PER_PAGE } from './journal.ts'
export * from './operation.ts'
export { setupUrl, type AccountSummary, type ApiTokenSummary } from './accounts.ts'
export type { EffectiveSetting, RunningServer, ServerFacts, TopicTails } from './running-server.ts'
export type { ServerStatus } from './server.ts'
export type { ServiceKeySummary } from './service-keys.ts'
export type { SigningKeyAnswer } from './signing-keys.ts'
export type { TokenSummary, TokenVerdict } from './tokens.ts'

/**
 * Everything an operator can ask of a store or of the server that holds it, by name. The admin socket, its client, the
 * HTTP API and its OpenAPI document are made from this table, so that an operation that is here is reachable everywhere.
 */
export const operations = {
  ...tokenOperations,
  ...signingKeyOperations,
  ...serviceKeyOperations,
  ...deviceOperations,
  ...journalOperations,
  ...accountOperations,
  ...deviceChangeOperations,
  ...deviceImportOperations,
  ...admissionOperations,
  ...commandOperations,
  ...topicOperations,
  ...serverOperations,
  ...overviewOperations,
  ...backupOperations,
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof operations

export const isOperationName = (name: string): name is OperationName => Object.hasOwn(operations, name)

type RequestOf<N extends OperationName> = z.output<(typeof operations)[N]['request']>
type AnswerOf<N extends OperationName> = z.output<(typeof operations)[N]['answer']>

/**
 * The operations as methods. Requests and answers are plain JSON, so that the same surface works in the process and over
 * the admin socket. A secret is in the clear only in the answer in which it is shown for the only time.
 *
 * Every method rejects with a {@link RegistryError} when the request is refused.
 */
export type Operator = {
  readonly [N in OperationName]: (
    ...request: Record<string, never> extends RequestOf<N> ? [request?: RequestOf<N>] : [request: RequestOf<N>]
  ) => Promise<AnswerOf<N>>
}
