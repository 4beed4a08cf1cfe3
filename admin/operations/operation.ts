import { z } from 'zod'
import {
  RegistryError,
  type BulkPage,
  type DevicePresence,
  type Registry,
  type Role,
  type Signal,
} from '../../registry/index.ts'
import type { BackupSummary } from './backups.ts'
import type { TopicMessage } from '../message-text.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerStatus } from './server.ts'

/** Who asks, for the journal and the log. Whoever may open the socket file owns the machine's side of Mooring. */
export type Caller =
  | { readonly kind: 'shell' }
  | { readonly kind: 'account' | 'api-token'; readonly name: string; readonly address: string }

/** Something was changed; nothing in it is a secret. */
export interface OperatorChange {
  readonly operation: string
  /** What the operation was about, in the words of the caller: a device, a name. */
  readonly target: string
  readonly by: Caller
}

/** One thing that must be in order. */
export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  /** Why not. */
  readonly detail?: string
}

/** The last messages of topics, whether a broker runs or not. */
export interface RetainedMessages {
  list(query: {
    readonly filter: string
    readonly limit: number
    readonly after?: string | undefined
  }): Promise<{ readonly messages: readonly TopicMessage[]; readonly next?: string }>
  /** @returns how many there were. */
  clear(filter: string): Promise<number>
}

/** What operations act on. */
export interface OperatorParts {
  readonly registry: Registry
  /** Facts about the running server; asked anew each time. */
  readonly status: () => ServerStatus
  readonly backups: { create(to: string | undefined): Promise<BackupSummary> }
  /** What must be in order before the running server can serve; absent when none runs. */
  readonly readiness?: () => readonly HealthCheck[]
  /** Where people can reach the page of the running server, with a slash at the end; absent when none runs. */
  readonly adminUrls?: () => readonly string[]
  /** Told of every change; nobody is when it is absent. */
  readonly changed?: Signal<OperatorChange>
  /** Whether a device is connected; absent when no broker runs. */
  readonly presence?: (deviceId: string) => DevicePresence | undefined
  /** Absent when none runs. */
  readonly server?: RunningServer
  readonly retained?: RetainedMessages
}

/** Where an operation is in the HTTP API, below `/admin/v1`. `{name}` takes the field of that name out of the request. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly path: string
}

/**
 * One thing an operator can ask. Its schemas are the single source of validation, of the types and of the OpenAPI
 * document. What the values mean (is it a topic filter, is there such a device) is the registry's to say, so that it says
 * the same whichever way the request came.
 */
export interface Operation<Q extends z.ZodType = z.ZodType, A extends z.ZodType = z.ZodType> {
  /** One line, for the documentation. */
  readonly summary: string
  readonly route: Route
  /** The least role that may. A viewer's operations change nothing. */
  readonly role: Role
  readonly request: Q
  readonly answer: A
  /** A step of something that is told of as a whole: the journal leaves it out. */
  readonly isStep?: true
  /** How long the answer may take when it takes longer than others. */
  readonly answerMs?: number
  /** What of the request, beside what it is about, is written into the journal; never a secret. */
  readonly detail?: (request: z.output<Q>) => string
  /** How many it was about, for the journal. */
  readonly count?: (answer: z.input<A>) => number
  /**
   * One page of something that the journal tells of as a whole.
   *
   * @returns undefined when nothing was to be changed.
   */
  readonly page?: (request: z.output<Q>, answer: z.input<A>) => BulkPage | undefined
  /** @throws {RegistryError} when it is refused. */
  call(parts: OperatorParts, request: z.output<Q>, caller: Caller): Promise<z.input<A>>
}

/** Ties the types of the parts together. */
export const operation = <Q extends z.ZodType, A extends z.ZodType>(parts: Operation<Q, A>): Operation<Q, A> => parts

/** Untrusted JSON in; out comes a request that an operation may believe. */
export function believed<Q extends z.ZodType>({ request }: Pick<Operation<Q>, 'request'>, body: unknown): z.output<Q> {
  const { success, data, error } = request.safeParse(body)
  if (success) return data
  throw new RegistryError('ERR_INPUT_INVALID', z.prettifyError(error).replaceAll(/\s+/g, ' '))
}

/** A request without fields. */
export const nothing = z.strictObject({})
