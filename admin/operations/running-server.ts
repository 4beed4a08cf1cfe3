import { RegistryError, type CommandSent, type MessageReach } from '../../registry/index.ts'
import type { HistoryColumns, Span } from '../history.ts'
import type { MessageText } from '../message-text.ts'
import type { OperatorParts } from './operation.ts'

/** How the server is as a whole. */
export interface ServerFacts {
  /** First levels of every topic. */
  readonly topicRoot: string
  readonly registrationsOfDay: { readonly accepted: number; readonly refused: number }
  /** Since the start. */
  readonly messages: { readonly received: number; readonly sent: number; readonly dropped: number }
  readonly disk: { readonly storeBytes: number; readonly freeBytes: number; readonly totalBytes: number }
  readonly certificate: { readonly subject: string; readonly notAfter: string } | undefined
  readonly checks: readonly {
    readonly check: string
    readonly state: 'ok' | 'warning' | 'error'
    readonly text: string
    readonly hint?: string
  }[]
}

export interface EffectiveSetting {
  readonly path: string
  /** Absent when nothing is set; `(set)` for a secret. */
  readonly value?: string
  readonly source: string
  /** `file:line:column`, the name of the variable, the flag. */
  readonly detail?: string
}

/** Messages as they come, for whoever asks again and again. */
export interface TopicTails {
  /** @throws {RegistryError} `ERR_BUSY` when too many are open. */
  open(filter: string): string
  /** What has come since, or comes soon. @throws {RegistryError} `ERR_NOT_FOUND` when it has ended. */
  read(id: string): Promise<{ readonly messages: readonly MessageText[]; readonly skipped: number }>
  close(id: string): void
}

/** What only a server that runs can say and do. */
export interface RunningServer {
  facts(): Promise<ServerFacts>
  historyOf(span: Span): HistoryColumns
  /**
   * Reads the certificate of the TLS listeners again. Undefined when there are none.
   *
   * @throws {RegistryError} `ERR_CONFLICT` when it cannot be used, and the one before stays.
   */
  reloadCertificate(): Promise<{ readonly subject: string; readonly notAfter: string } | undefined>
  /** @throws {RegistryError} `ERR_INPUT_INVALID` for what no client could publish either. */
  publish(message: {
    readonly topic: string
    readonly payload: Buffer
    readonly qos: 0 | 1 | 2
    readonly retain: boolean
  }): Promise<MessageReach>
  readonly tails: TopicTails
  settings(): readonly EffectiveSetting[]
  /** @throws {RegistryError} `ERR_INPUT_INVALID` when it is longer than a packet may be. */
  sendCommand(deviceId: string, payload: Buffer): Promise<CommandSent>
}

/** @throws {RegistryError} `ERR_CONFLICT` when none runs. */
export function serverOf({ server }: OperatorParts): RunningServer {
  if (server !== undefined) return server
  throw new RegistryError('ERR_CONFLICT', 'No server runs with this data folder.')
}
