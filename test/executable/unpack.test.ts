import assert from 'node:assert/strict'
import test from 'node:test'
import * as zlib from 'node:zlib'
import { unpack } from '../../executable/unpack.ts'

const bufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

// `zstd` of the word "moored", in a frame without a checksum.
const ZSTD = Buffer.from('28b52ffd2006310000' + Buffer.from('moored').toString('hex'), 'hex')

for (const { name, bytes } of [
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'what nobody packed', bytes: Buffer.from('moored') },
]) {
  test(`unpacking refuses ${name}`, () => {
    assert.throws(() => unpack(bufferOf(bytes)))
  })
}

test('what Brotli packed is unpacked', () => {
  assert.equal(unpack(bufferOf(zlib.brotliCompressSync('moored'))).toString(), 'moored')
})

test('what Zstandard packed is unpacked by a Node that knows it, and refused by name by one that does not', () => {
  if ('zstdDecompressSync' in zlib) assert.equal(unpack(bufferOf(ZSTD)).toString(), 'moored')
  else assert.throws(() => unpack(bufferOf(ZSTD)), /knows no Zstandard/)
})
