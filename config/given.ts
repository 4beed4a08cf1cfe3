import type { Setting } from './settings.ts'

export type SourceName = 'flag' | 'environment' | 'file' | 'default'

/** A setting that somebody wrote down somewhere, not yet checked. */
export interface Given {
  readonly setting: Setting
  /** As it was written; an empty mapping or list stands for one that is refused anyway. */
  readonly value: unknown
  readonly source: Exclude<SourceName, 'default'>
  /** Where it stands: `file:line:column`, the name of the variable, or the flag. Problems begin with it. */
  readonly where: string
  /** What a relative path is relative to. */
  readonly folder: string
}

/** What one source says. Problems and warnings are whole lines. */
export interface Reading {
  readonly given: readonly Given[]
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}
