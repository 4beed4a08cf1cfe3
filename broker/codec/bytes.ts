import { isUtf8 } from 'node:buffer'
import { ProtocolError } from './protocol-error.ts'

// From these lengths on, the native function is faster with all that it costs to call it (Node 20, x64).
const COMPARE_NATIVELY_FROM = 80
const COPY_NATIVELY_FROM = 32
/** A whole array needs no view of its part. */
const COPY_WHOLE_NATIVELY_FROM = 12

/** Whether `a` from `at` on has the first `length` bytes of `b`. */
export function sameBytes(a: Buffer, at: number, b: Buffer, length: number): boolean {
  if (at + length > a.length || length > b.length) return false
  if (length >= COMPARE_NATIVELY_FROM) return a.compare(b, 0, length, at, at + length) === 0
  // Backwards, because topics begin alike.
  for (let i = length - 1; i >= 0; i--) if (a[at + i] !== b[i]) return false
  return true
}

/** Copies `from[start..end)` to `to` at `at`, where there must be room. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  const length = end - start
  if (length === from.length && length >= COPY_WHOLE_NATIVELY_FROM) return to.set(from, at)
  if (length >= COPY_NATIVELY_FROM) return to.set(new Uint8Array(from.buffer, from.byteOffset + start, length), at)
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!
}

/**
 * Text as it stands between `at` and `end`. U+FEFF is kept wherever it is [MQTT-1.5.3-3].
 *
 * @throws {ProtocolError} for surrogates, overlong forms and what lies behind U+10FFFF [MQTT-1.5.3-1], and for U+0000
 * [MQTT-1.5.3-2].
 */
export function decodeText(bytes: Buffer, at: number, end: number): string {
  const slice = bytes.subarray(at, end)
  if (!isUtf8(slice)) throw new ProtocolError('a string is not UTF-8')
  if (slice.includes(0)) throw new ProtocolError('a string contains U+0000')
  return slice.toString()
}
