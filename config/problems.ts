/** What the operator wrote and the program cannot use. Nothing was started. No problem ever holds the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** All of them, one line each: `file:line:column: setting: what is wrong`, or the variable or flag in place of the file. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options)
    this.problems = problems
  }
}

/** What was found, for a problem: on one line, without control characters, and short. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const line = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
    return line.replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (mark) => `\\u${mark.codePointAt(0)!.toString(16).padStart(4, '0')}`,
    )
  }
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  return Array.isArray(value) ? 'a list' : 'a mapping'
}

/** Why a file could not be read, in an operator's words. */
export function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'ENOTDIR') return 'a part of its path is not a folder'
  return error instanceof Error ? error.message : 'it cannot be read'
}
