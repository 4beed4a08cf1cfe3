import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { NodeStream } from '../../broker/byte-stream.ts'
import type { FixedHeader } from '../../broker/codec/index.ts'
import { Input, type PacketHandler } from '../../broker/input.ts'
import { publishPacket } from './support/wire.ts'

/** An input whose packets are written down by their last byte, and held or released by whoever hears of one. */
function anInput(heard: (name: string, input: Input) => void = () => {}) {
  const names: string[] = []
  const handler: PacketHandler = {
    maxPacketBytes: 1_000,
    begun: () => {},
    bytesArrived: () => {},
    readAgain: () => void names.push('again'),
    packet: (bytes: Buffer, _start: number, { end }: FixedHeader) => {
      const name = String.fromCharCode(bytes[end - 1]!)
      names.push(name)
      heard(name, input)
    },
    malformed: (error) => {
      throw error
    },
  }
  const stream = new PassThrough()
  const input = new Input(new NodeStream(stream), handler)
  // As many streams share one buffer, which is read into again.
  const arrive = (bytes: Buffer): void => {
    const shared = Buffer.concat([bytes, Buffer.alloc(64, 0xff)])
    input.data(shared, bytes.length)
    shared.fill(0xff)
  }
  return { input, names, stream, arrive }
}

const packets = (names: string): Buffer =>
  Buffer.concat(Array.from(names, (name) => generate(publishPacket('t', name))))

test('nothing is handled before as many releases have come as holds', () => {
  const { input, names, arrive } = anInput()
  input.hold()
  input.hold()
  arrive(packets('ab'))
  input.release()
  assert.deepEqual(names, [])
  assert.equal(input.isHeld, true)
  input.release()
  assert.deepEqual(names, ['again', 'a', 'b'])
  assert.equal(input.isHeld, false)
})

test('a packet that holds keeps what is behind it in the same chunk, and the stream is paused until the release', () => {
  const { input, names, stream, arrive } = anInput((name, self) => name === 'b' && self.hold())
  arrive(packets('abc'))
  assert.deepEqual(names, ['a', 'b'])
  assert.equal(stream.isPaused(), true)
  arrive(packets('d'))
  assert.deepEqual(names, ['a', 'b'])
  input.release()
  assert.deepEqual(names, ['a', 'b', 'again', 'c', 'd'])
  assert.equal(stream.isPaused(), false)
})

test('a hold that is released while its packet is handled holds nothing up', () => {
  const { names, arrive } = anInput((_name, self) => {
    self.hold()
    self.release()
  })
  arrive(packets('abc'))
  assert.deepEqual(names, ['a', 'b', 'c'])
})

test('what is kept is handled as if it came at once, wherever it was cut', () => {
  const bytes = packets('abc')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { input, names, arrive } = anInput((name, self) => name === 'a' && self.hold())
    arrive(bytes.subarray(0, cut))
    arrive(bytes.subarray(cut))
    assert.deepEqual(names, ['a'], `cut at ${cut}`)
    input.release()
    assert.deepEqual(names, ['a', 'again', 'b', 'c'], `cut at ${cut}`)
  }
})

test('nothing is handled after it was closed, not even what was kept', () => {
  const { input, names, arrive } = anInput((name, self) => name === 'b' && self.close())
  input.hold()
  arrive(packets('abc'))
  input.release()
  arrive(packets('d'))
  assert.deepEqual(names, ['again', 'a', 'b'])
})
