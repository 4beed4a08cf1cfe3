import { FORMAT } from './identity.ts'
import type { StoreLevel } from './writer.ts'

/** What a store says about itself: the sublevel `meta`, and the only file that names its keys. */
export const META = 'meta'

export const metaOf = (level: StoreLevel) => level.sublevel(META)

export const META_KEYS = {
  format: 'format',
  storeId: 'store-id',
  boot: 'boot',
  commit: 'commit',
  /** How far a migration under way has come. */
  migration: 'migration',
  /** When a backup was made, ISO 8601. */
  lastBackup: 'last-backup',
} as const

/** A key of the sublevel, as the database itself has it. */
export const metaKey = (name: keyof typeof META_KEYS): Buffer => Buffer.from(`!${META}!${META_KEYS[name]}`)

export const COMMIT_KEY = metaKey('commit')

/** How far a store has come, and whose it is. */
export interface StoreMeta {
  readonly storeId: string
  readonly boot: number
  readonly commit: number
}

/** The records that a store must have to be opened. */
export const metaRecords = ({ storeId, boot, commit }: StoreMeta): (readonly [key: Buffer, value: Buffer])[] => [
  [metaKey('format'), Buffer.from(`${FORMAT}`)],
  [metaKey('storeId'), Buffer.from(storeId)],
  [metaKey('boot'), Buffer.from(`${boot}`)],
  [metaKey('commit'), Buffer.from(`${commit}`)],
]
