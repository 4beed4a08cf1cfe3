import type { AbstractLevel } from 'abstract-level'

type Format = string | Buffer | Uint8Array

/**
 * Reads one value at once, without a turn of the loop. The only way to do so.
 *
 * The key is given as bytes, because classic-level 3.0.0 writes a text into a buffer that it keeps and sees that the
 * buffer was too small only when it is full to the last byte. `Buffer.write` stops before a character that does not fit
 * whole, so a text with larger ones is cut there, and the value of another key is read.
 */
export function readNow<Value>(room: AbstractLevel<Format, string, Value>, key: string): Value | undefined {
  return room.getSync<Buffer, Value>(Buffer.from(key), { keyEncoding: 'buffer' })
}
