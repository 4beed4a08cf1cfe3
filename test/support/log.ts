import type { Log, LogFields } from '../../registry/index.ts'

export interface Line extends LogFields {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}

/** A log that a test can read. */
export function memoryLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = []
  const at = (level: Line['level']) => (fields: LogFields, message: string) =>
    void lines.push({ ...fields, level, message })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
