/**
 * Uncompresses one snappy block, the way LevelDB stores the index of a table.
 * Source: snappy's format_description.txt.
 *
 * @throws {RangeError} when the bytes are not a snappy block.
 */
export function uncompress(bytes: Buffer): Buffer {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++)
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (length > bytes.length * 256) throw new RangeError('the stated length is impossible')
  const out = Buffer.alloc(length)
  let written = 0

  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++)
    const kind = tag & 3
    if (kind === 0) {
      let size = tag >> 2
      if (size >= 60) {
        const extra = size - 59
        size = bytes.readUIntLE(at, extra)
        at += extra
      }
      size += 1
      if (at + size > bytes.length || written + size > length) throw new RangeError('a literal is too long')
      bytes.copy(out, written, at, at + size)
      at += size
      written += size
      continue
    }
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const back = kind === 1 ? ((tag >> 5) << 8) | bytes.readUInt8(at) : bytes.readUIntLE(at, kind === 2 ? 2 : 4)
    at += kind === 1 ? 1 : kind === 2 ? 2 : 4
    if (back === 0 || back > written || written + size > length) throw new RangeError('a copy points outside')
    // Byte by byte: a copy may overlap what it writes.
    for (let end = written + size; written < end; written++) out[written] = out[written - back]!
  }
  if (written !== length) throw new RangeError('it is shorter than stated')
  return out
}
