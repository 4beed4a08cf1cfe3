import { isText, type StoredRecord } from '../storage/index.ts'
import { keyAt, placeOf, type Counts } from './store-audit.ts'

/** The layout of a backup that this version writes, and up to which it reads. */
export const BACKUP_FORMAT = 1

/**
 * A backup is gzipped JSON lines: a {@link Header}, the {@link KeptFile}s, a {@link RecordLine} for each record, and a
 * {@link Trailer}. Without its last line it is not whole.
 */
export interface Header {
  readonly mooring: 'backup'
  readonly format: number
  /** Of the data folder. */
  readonly storeFormat: number
  /** Of the program that wrote it. */
  readonly version: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** How far the store had come. */
  readonly boot: number
  readonly commit: number
}

/** A file of the data folder. */
export interface KeptFile {
  readonly file: string
  readonly text: string
}

/** Text as it is, other bytes in base64. */
type Bytes = string | { readonly base64: string }

export interface RecordLine {
  readonly room: string
  readonly key: Bytes
  readonly value: Bytes
}

export interface Trailer {
  readonly end: {
    readonly records: Counts
    /** Of all lines before this one, their line feeds included. */
    readonly sha256: string
  }
}

export function lineOf([key, value]: StoredRecord): RecordLine {
  const { room, rest } = placeOf(key)
  return { room, key: told(rest), value: told(value) }
}

export const recordOf = ({ room, key, value }: RecordLine): StoredRecord => [keyAt(room, bytesOf(key)), bytesOf(value)]

const told = (bytes: Buffer): Bytes => (isText(bytes) ? bytes.toString() : { base64: bytes.toString('base64') })

const bytesOf = (bytes: Bytes): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.base64, 'base64')

// ---- what a line turns out to be

export const isHeader = (line: Record<string, unknown>): boolean => line['mooring'] === 'backup'

export function headerIn(line: Record<string, unknown>): Header | undefined {
  const { format, storeFormat, version, createdAt, boot, commit } = line
  const numbers = [format, storeFormat, boot, commit].every((number) => Number.isSafeInteger(number))
  if (!isHeader(line) || !numbers || typeof version !== 'string' || typeof createdAt !== 'string') return undefined
  return {
    mooring: 'backup',
    format: Number(format),
    storeFormat: Number(storeFormat),
    version,
    createdAt,
    boot: Number(boot),
    commit: Number(commit),
  }
}

export function fileIn({ file, text }: Record<string, unknown>): KeptFile | undefined {
  return typeof file === 'string' && typeof text === 'string' ? { file, text } : undefined
}

export function recordIn({ room, key, value }: Record<string, unknown>): StoredRecord | undefined {
  return typeof room === 'string' && isBytes(key) && isBytes(value) ? recordOf({ room, key, value }) : undefined
}

function isBytes(value: unknown): value is Bytes {
  const { base64 }: Record<string, unknown> = Object(value)
  return typeof value === 'string' || typeof base64 === 'string'
}

export function trailerIn({ end }: Record<string, unknown>): Trailer['end'] | undefined {
  const { records, sha256 }: Record<string, unknown> = Object(end)
  if (typeof sha256 !== 'string' || typeof records !== 'object' || records === null) return undefined
  const counts = Object.entries(records).map(([room, count]): [string, number] => [room, Number(count)])
  return { records: Object.fromEntries(counts), sha256 }
}
