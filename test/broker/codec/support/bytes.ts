import { PacketType } from '../../../../broker/codec/index.ts'

type Part = Uint8Array | readonly number[] | string

/** A string field: two bytes of length, then the text, or bytes that are none. */
export const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** A packet with whatever first byte and body; its remaining length is true. */
export const frame = (first: number, ...parts: readonly Part[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array)))
  return Buffer.concat([Buffer.from([first, ...remainingLength(body.length)]), body])
}

export function remainingLength(length: number): number[] {
  const digits = [length & 0x7f]
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) {
    digits[digits.length - 1]! |= 0x80
    digits.push(rest & 0x7f)
  }
  return digits
}

export const publish = (flags: number, ...parts: readonly Part[]): Buffer =>
  frame((PacketType.PUBLISH << 4) | flags, ...parts)

const SURROGATE = Buffer.from([0xed, 0xa0, 0x80])
const inside = (bytes: Buffer | readonly number[]): Buffer =>
  Buffer.concat([Buffer.from('a'), Buffer.from(bytes), Buffer.from('z')])

/** Bytes that are no text. [MQTT-1.5.3-1, MQTT-1.5.3-2]; RFC 3629 §3. */
export const notText: readonly { readonly name: string; readonly bytes: Buffer }[] = [
  { name: 'U+0000', bytes: inside([0]) },
  { name: 'a surrogate', bytes: inside(SURROGATE) },
  { name: 'a pair of surrogates', bytes: inside([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]) },
  { name: 'an overlong form of two bytes', bytes: inside([0xc1, 0x81]) },
  { name: 'an overlong form of three bytes', bytes: inside([0xe0, 0x81, 0x81]) },
  { name: 'an overlong form of four bytes', bytes: inside([0xf0, 0x80, 0x81, 0x81]) },
  { name: 'an overlong U+0000', bytes: inside([0xc0, 0x80]) },
  { name: 'U+110000', bytes: inside([0xf4, 0x90, 0x80, 0x80]) },
  { name: 'five bytes for one character', bytes: inside([0xf8, 0x88, 0x80, 0x80, 0x80]) },
  { name: 'a continuation byte without a beginning', bytes: inside([0x80]) },
  { name: 'a character that is cut off by the end', bytes: Buffer.from([0x61, 0xe2, 0x82]) },
  { name: 'Latin-1', bytes: Buffer.from('Gerät', 'latin1') },
]

/** Text that looks as if it were none. */
export const unusualText: readonly { readonly name: string; readonly value: string }[] = [
  { name: 'the replacement character', value: 'a\ufffdz' },
  { name: 'U+FEFF at the beginning', value: '\ufeffabc' }, // [MQTT-1.5.3-3]
  { name: 'control characters', value: 'a\u0001\u007f\u0080z' },
  { name: 'U+10FFFF', value: 'a\u{10ffff}z' },
  { name: 'characters of two, three and four bytes', value: 'ü€😀' },
  { name: '$ and spaces', value: '$x / y' },
]
