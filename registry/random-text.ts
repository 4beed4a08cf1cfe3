import { randomFillSync } from 'node:crypto'

/** OpenSSL is asked for so many at once: a call costs the same for 32 bytes and for thousands, a tenth of a registration. */
const DRAWN_TOGETHER = 4096

const drawn = Buffer.alloc(DRAWN_TOGETHER)
let used = DRAWN_TOGETHER

/** Random bytes of the operating system's quality. Given away once, and wiped here at once. */
export function randomText(bytes: number, encoding: 'hex' | 'base64url'): string {
  const from = take(bytes)
  const text = drawn.toString(encoding, from, used)
  drawn.fill(0, from, used)
  return text
}

/** The same as bytes of their own. */
export function randomSalt(bytes: number): Buffer {
  const from = take(bytes)
  const salt = Buffer.allocUnsafeSlow(bytes)
  drawn.copy(salt, 0, from, used)
  drawn.fill(0, from, used)
  return salt
}

/** @returns where they begin; they end where what is used ends. */
function take(bytes: number): number {
  if (bytes > DRAWN_TOGETHER) throw new RangeError(`at most ${DRAWN_TOGETHER} random bytes at once, not ${bytes}`)
  if (used + bytes > DRAWN_TOGETHER) {
    randomFillSync(drawn)
    used = 0
  }
  const from = used
  used += bytes
  return from
}
