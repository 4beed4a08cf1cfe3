import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../storage/crc32c.ts'

// RFC 3720 §B.4, as numbers.
const cases = [
  { what: '32 bytes of zeroes', bytes: Buffer.alloc(32), crc: 0x8a9136aa },
  { what: '32 bytes of ones', bytes: Buffer.alloc(32, 0xff), crc: 0x62a8ab43 },
  { what: '0 to 31', bytes: Buffer.from(Array.from({ length: 32 }, (_, n) => n)), crc: 0x46dd794e },
  { what: '123456789', bytes: Buffer.from('123456789'), crc: 0xe3069283 },
  { what: 'nothing', bytes: Buffer.alloc(0), crc: 0 },
]

for (const { what, bytes, crc } of cases) {
  test(`CRC-32C of ${what}`, () => assert.equal(crc32c(bytes, 0, bytes.length), crc))
}

test('a CRC-32C goes on where another ended, wherever that is', () => {
  const bytes = Buffer.from(Array.from({ length: 61 }, (_, n) => (n * 37) % 256))
  const whole = crc32c(bytes, 0, bytes.length)
  for (let end = 0; end <= bytes.length; end++) {
    assert.equal(crc32c(bytes, end, bytes.length, crc32c(bytes, 0, end)), whole, `cut at ${end}`)
  }
})
