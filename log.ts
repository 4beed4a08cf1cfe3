import { isatty } from 'node:tty'
import pino from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Log, LogFields } from './registry/index.ts'

const SECRET_NAME = /(secret|password|token|payload|body|authorization)$/i

/** Control characters (C0, DEL, C1), line and paragraph separators, and marks that reverse the direction of text. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu

const MOST_CHARACTERS = 1000
const MOST_MEMBERS = 100
const MOST_DEPTH = 4
const MOST_CAUSES = 5

/** pino writes these itself; a field of the same name would stand in the line twice. */
const RESERVED = new Set(['level', 'time', 'msg'])

/** Anything with a `write`, for tests; the process itself writes to standard output. */
export interface LogStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  /** As terminals have it; honours NO_COLOR. */
  hasColors?(): boolean
}

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** `auto` is `human` on a terminal and `json` everywhere else. */
  readonly format: 'auto' | 'json' | 'human'
  /** @defaultValue standard output */
  readonly stream?: LogStream
}

/** What may pile up while standard output takes nothing (a full disk); what comes later is lost, the process lives on. */
const MOST_WAITING_BYTES = 1024 * 1024

/**
 * One line for each call, written before the call returns: JSON with `level`, `time` (ISO 8601, UTC), `event`, `msg`
 * and the fields, or the same for people. No secret leaves by a field's name, no value can begin a line of its own.
 */
export function createLog(options: LogOptions): Log & { readonly forPeople: boolean } {
  // Looking at process.stdout would make a pipe non-blocking, and a slow reader would then cost far more than it must.
  const terminal = options.stream ?? (isatty(1) ? process.stdout : undefined)
  const human = options.format === 'human' || (options.format === 'auto' && terminal?.isTTY === true)
  const destination = options.stream ?? standardOutput()
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are already plain objects when they come here.
      serializers: {},
    },
    human ? forPeople(destination, terminal?.hasColors?.() ?? false) : destination,
  )
  const write = (level: LogOptions['level'], fields: LogFields, message: string): void => {
    if (logger.isLevelEnabled(level)) logger[level](safeFields(fields), safeText(message))
  }
  return {
    forPeople: human,
    isEnabled: (level) => logger.isLevelEnabled(level),
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  }
}

/** Synchronous, so that the last words of a process are never lost; never a transport, which would be a thread of its own. */
function standardOutput() {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: MOST_WAITING_BYTES })
  // Without a listener a log that cannot be written would end the process.
  destination.on('error', () => {})
  return destination
}

function forPeople(destination: Pick<LogStream, 'write'>, colorize: boolean): { write(line: string): void } {
  const pretty = prettyFactory({
    colorize,
    singleLine: true,
    translateTime: 'UTC:yyyy-mm-dd HH:MM:ss.l',
    errorLikeObjectKeys: ['error'],
  })
  return { write: (line) => void destination.write(pretty(line)) }
}

/**
 * The fields of a log line as plain values that are safe to write: members named like secrets are hidden at any depth,
 * text cannot begin a line or steer a terminal, errors become objects, and nothing is endless. Never throws.
 */
function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const safe: Record<string, unknown> = {}
  for (const [name, value] of members(fields)) safe[RESERVED.has(name) ? `${name}_` : name] = value
  return safe
}

/** Text on one line, of at most 1,000 characters, with everything a terminal would obey written as `\u000a`. */
function safeText(text: string): string {
  const short = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
  return short.replaceAll(UNSAFE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function safeValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return safeText(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'object') return typeof value === 'bigint' ? String(value) : `[${typeof value}]`
  if (value instanceof Error) return safeError(value, MOST_CAUSES)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (depth >= MOST_DEPTH) return Array.isArray(value) ? '[list]' : '[object]'
  try {
    // Dates and addresses know how to be text; a Secret answers that it is one.
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      const text: unknown = value.toJSON()
      return typeof text === 'object' && text !== null ? '[object]' : safeValue(text, depth)
    }
    if (Array.isArray(value)) return value.slice(0, MOST_MEMBERS).map((member) => safeValue(member ?? null, depth + 1))
    return Object.fromEntries(members(value, depth + 1))
  } catch {
    return '[unreadable]'
  }
}

function members(object: object, depth = 0): [string, unknown][] {
  const all: [string, unknown][] = []
  for (const name of Object.keys(object).slice(0, MOST_MEMBERS)) {
    const value = SECRET_NAME.test(name) ? '[secret]' : memberOf(object, name, depth)
    if (value !== undefined) all.push([safeText(name), value])
  }
  return all
}

function memberOf(object: object, name: string, depth: number): unknown {
  try {
    const value: unknown = Reflect.get(object, name)
    return value === undefined ? undefined : safeValue(value, depth)
  } catch {
    return '[unreadable]'
  }
}

interface SafeError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: unknown
}

function safeError(error: Error, causesLeft: number): SafeError | string {
  try {
    const code = 'code' in error ? error.code : undefined
    const { cause } = error
    const stack = framesOf(error)
    return {
      type: safeText(error.name),
      message: safeText(error.message),
      ...((typeof code === 'string' || typeof code === 'number') && { code: safeText(String(code)) }),
      ...(stack !== '' && { stack }),
      ...(cause !== undefined && { cause: causeOf(cause, causesLeft - 1) }),
    }
  } catch {
    return '[unreadable]'
  }
}

function causeOf(cause: unknown, causesLeft: number): unknown {
  if (causesLeft === 0) return '[and more]'
  // What was thrown and is no error may be anything, a secret too: only its kind is told.
  return cause instanceof Error ? safeError(cause, causesLeft) : `[${typeof cause}]`
}

/** The stack without its first line, which repeats the message: only lines that name a place in the code. */
function framesOf(error: Error): string {
  const lines = (error.stack ?? '')
    .replace(`${error.name}: ${error.message}`, '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  return lines
    .slice(0, 30)
    .map((line) => safeText(line.trim()))
    .join('\n')
}
