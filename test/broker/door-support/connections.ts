import { EventEmitter } from 'node:events'
import type { Admitted, AdmissionLimits } from '../../../broker/admission.ts'
import type { Ticket } from '../../../broker/peer.ts'
import type { Log, LogFields } from '../../../registry/index.ts'

export const LIMITS: AdmissionLimits = {
  connections: 100,
  notLoggedIn: 50,
  perAddress: 80,
  connectDeadlineMs: 5_000,
  waitingRoom: 100,
}

/** A connection without a socket. Closes a tick after it was destroyed, as a socket does. */
export class FakeConnection extends EventEmitter implements Admitted {
  readonly name: string
  readonly address: string
  destroyed = false
  ticket: Ticket | undefined

  constructor(name: string, address: string) {
    super()
    this.name = name
    this.address = address
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    process.nextTick(() => this.emit('close'))
  }
}

export interface LogLine extends LogFields {
  readonly level: string
  readonly message: string
}

/** A log that can be read. */
export function aLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const line = (level: string) => (fields: LogFields, message: string) => void lines.push({ ...fields, level, message })
  return { lines, debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

/** Resolves when `condition` holds; looks again in every turn of the loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
