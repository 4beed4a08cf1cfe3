import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as ws from 'ws'
import { closePayload, FrameError, FrameReader, FrameWriter, OPCODE } from '../../broker/websocket-frames.ts'

const LIMIT = 100_000
const RUNS = process.env['MOORING_LONG_TESTS'] === '1' ? 20_000 : 500

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  readonly fin?: boolean
  readonly mask?: readonly number[]
}

/** As a client sends it. */
function encode({ opcode, payload, fin = true, mask = [0x37, 0xfa, 0x21, 0x3d] }: Frame): Buffer {
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 2 : length <= 0xffff ? 4 : 10)
  header[0] = (fin ? 0x80 : 0) | opcode
  header[1] = 0x80 | (length < 126 ? length : length <= 0xffff ? 126 : 127)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, Buffer.from(mask), payload.map((byte, i) => byte ^ mask[i & 3]!)])
}

const text = (opcode: number, payload: string, fin = true): Buffer =>
  encode({ opcode, payload: Buffer.from(payload, 'latin1'), fin })
const hex = (bytes: string): Buffer => Buffer.from(bytes.replaceAll(' ', ''), 'hex')

interface Outcome {
  readonly payload: Buffer
  readonly over: FrameReader['over']
  readonly pings: readonly string[]
}

/** Reads `bytes` in pieces that end at `cuts`. */
function read(bytes: Buffer, cuts: readonly number[] = []): Outcome {
  const reader = new FrameReader(LIMIT)
  const payload: Buffer[] = []
  const pings: string[] = []
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    // Unaligned, and with something behind its end.
    const room = Buffer.alloc(to - from + 8, 0xee)
    const piece = room.subarray(3)
    bytes.copy(piece, 0, from, to)
    from = to
    if (reader.over !== undefined) break
    const taken = reader.read(piece, piece.length - 5)
    payload.push(Buffer.from(piece.subarray(0, taken)))
    assert.ok(room.subarray(-5).every((byte) => byte === 0xee))
    if (reader.ping !== undefined) pings.push(reader.ping.toString('latin1'))
    reader.ping = undefined
  }
  return { payload: Buffer.concat(payload), over: reader.over, pings }
}

const everyByte = ({ length }: Buffer): number[] => Array.from({ length }, (_, i) => i)

const codeOf = ({ over }: Outcome): number | undefined => (over instanceof FrameError ? over.closeCode : undefined)

const { binary, continuation, close, ping, pong } = OPCODE

describe('a client that breaks a rule is refused', () => {
  for (const { name, bytes, code } of [
    { name: 'reserved bit 1, as compressed messages have it', bytes: hex('c2 81 00000000 00'), code: 1002 },
    { name: 'reserved bit 2', bytes: hex('a2 81 00000000 00'), code: 1002 },
    { name: 'reserved bit 3', bytes: hex('92 81 00000000 00'), code: 1002 },
    ...[3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].map((opcode) => ({
      name: `reserved opcode ${opcode}`,
      bytes: text(opcode, 'x'),
      code: 1002,
    })),
    { name: 'a frame that is not masked', bytes: hex('82 01 00'), code: 1002 },
    { name: 'an empty one that is not masked', bytes: hex('82 00'), code: 1002 },
    { name: 'a ping that is not masked', bytes: hex('89 00'), code: 1002 },
    { name: 'a ping in fragments', bytes: text(ping, 'x', false), code: 1002 },
    { name: 'a pong in fragments', bytes: text(pong, 'x', false), code: 1002 },
    { name: 'a close in fragments', bytes: text(close, '', false), code: 1002 },
    { name: 'a ping of 126 bytes', bytes: text(ping, 'x'.repeat(126)), code: 1002 },
    { name: 'a pong of 126 bytes', bytes: text(pong, 'x'.repeat(126)), code: 1002 },
    { name: 'a close of 126 bytes', bytes: text(close, '\x03\xe8'.padEnd(126, 'x')), code: 1002 },
    { name: 'a message that continues and has not begun', bytes: text(continuation, 'x'), code: 1002 },
    {
      name: 'a message that continues and has ended',
      bytes: Buffer.concat([text(binary, '', false), text(continuation, ''), text(continuation, 'x')]),
      code: 1002,
    },
    {
      name: 'a message within another',
      bytes: Buffer.concat([text(binary, '', false), text(binary, 'x')]),
      code: 1002,
    },
    { name: 'a text frame [MQTT-6.0.0-1]', bytes: text(OPCODE.text, 'x'), code: 1003 },
    { name: 'a text frame in fragments', bytes: text(OPCODE.text, 'x', false), code: 1003 },
    { name: '125 bytes with a length in two', bytes: hex('82 fe 007d 00000000 00'), code: 1002 },
    { name: '65,535 bytes with a length in eight', bytes: hex('82 ff 000000000000ffff 00000000 00'), code: 1002 },
    { name: 'a negative length', bytes: hex('82 ff 8000000000000000 00000000 00'), code: 1002 },
    { name: 'a length beyond what a number holds', bytes: hex('82 ff 7fffffffffffffff 00000000 00'), code: 1009 },
    { name: 'a message that is too long', bytes: hex('82 ff 00000000000186a1 00000000 00'), code: 1009 },
    {
      name: 'fragments that are too long together',
      bytes: Buffer.concat([text(binary, '', false), hex('80 ff 00000000000186a1 00000000 00')]),
      code: 1009,
    },
    { name: 'half a close code', bytes: text(close, '\x03'), code: 1002 },
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((closeCode) => ({
      name: `close code ${closeCode}`,
      bytes: encode({ opcode: close, payload: closePayload(closeCode === 1005 ? 0 : closeCode) }),
      code: 1002,
    })),
    { name: 'close code 1005 as a code', bytes: text(close, '\x03\xed'), code: 1002 },
    { name: 'a reason to close that is not UTF-8', bytes: text(close, '\x03\xe8\xff'), code: 1007 },
  ]) {
    test(`${name}: ${code}`, () => {
      const all = Buffer.concat([text(binary, 'before'), bytes, text(binary, 'behind')])
      for (const cuts of [[], everyByte(all)]) {
        const outcome = read(all, cuts)
        assert.equal(codeOf(outcome), code)
        assert.equal(outcome.payload.toString(), 'before')
      }
    })
  }
})

describe('frames are envelopes', () => {
  for (const { name, frames, payload, pings = [], over } of [
    { name: 'one', frames: [text(binary, 'hello')], payload: 'hello' },
    { name: 'an empty one', frames: [text(binary, '')], payload: '' },
    { name: 'several in one read', frames: ['a', 'bc', '', 'def'].map((it) => text(binary, it)), payload: 'abcdef' },
    {
      name: 'fragments, the first and the last of them empty',
      frames: [text(binary, '', false), text(continuation, 'a', false), text(continuation, 'b', false), text(0, '')],
      payload: 'ab',
    },
    {
      name: 'a ping and a pong between fragments',
      frames: [text(binary, 'a', false), text(ping, 'who?'), text(pong, 'you'), text(continuation, 'b')],
      payload: 'ab',
      pings: ['who?'],
    },
    { name: 'an empty ping', frames: [text(ping, '')], payload: '', pings: [''] },
    { name: 'a ping of 125 bytes', frames: [text(ping, 'x'.repeat(125))], payload: '', pings: ['x'.repeat(125)] },
    {
      name: 'a mask of zeros',
      frames: [encode({ opcode: binary, payload: Buffer.from('a'), mask: [0, 0, 0, 0] })],
      payload: 'a',
    },
    ...[125, 126, 65_535, 65_536, LIMIT].map((length) => ({
      name: `${length} bytes`,
      frames: [text(binary, 'm'.repeat(length))],
      payload: 'm'.repeat(length),
    })),
    {
      name: 'a close without a code',
      frames: [text(binary, 'a'), text(close, ''), text(binary, 'b')],
      payload: 'a',
      over: 1005,
    },
    ...[1000, 1003, 1007, 1014, 3000, 4999].map((code) => ({
      name: `close code ${code}`,
      frames: [encode({ opcode: close, payload: Buffer.concat([closePayload(code), Buffer.from('whý')]) })],
      payload: '',
      over: code,
    })),
  ]) {
    test(name, () => {
      const all = Buffer.concat(frames)
      for (const cuts of all.length > 1_000 ? [[], [1], [5, 13, 1_000]] : [[], everyByte(all)]) {
        const outcome = read(all, cuts)
        assert.equal(outcome.payload.toString('latin1'), payload)
        assert.deepEqual(outcome.pings, pings)
        assert.equal(outcome.over, over)
      }
    })
  }

  test('of any kind, cut anywhere, hold what was put into them', () => {
    const aFrame = fc.record({
      payload: fc.uint8Array({ maxLength: 200 }),
      mask: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      isPing: fc.boolean(),
    })
    const cases = fc.tuple(fc.array(aFrame, { maxLength: 12 }), fc.array(fc.nat(3_000), { maxLength: 20 }))
    fc.assert(
      fc.property(cases, ([parts, at]) => {
        const frames = parts.map(({ payload, mask, isPing }) => ({
          opcode: isPing ? ping : binary,
          payload: Buffer.from(isPing ? payload.subarray(0, 125) : payload),
          mask,
        }))
        const all = Buffer.concat(frames.map(encode))
        const outcome = read(all, cutsWithin(all, at))
        const sent = frames.filter(({ opcode }) => opcode === binary).map(({ payload }) => payload)
        assert.ok(outcome.payload.equals(Buffer.concat(sent)))
        assert.equal(outcome.over, undefined)
      }),
      { numRuns: RUNS },
    )
  })
})

const cutsWithin = ({ length }: Buffer, at: readonly number[]): number[] =>
  at.filter((cut) => cut < length).toSorted((a, b) => a - b)

// ---- ws, which is strict too

type ReceiverClass = new (options: { isServer: boolean; maxPayload: number }) => Writable
/** Not in its types. */
const { Receiver } = ws as unknown as { readonly Receiver: ReceiverClass }

interface Verdict {
  readonly payload: Buffer
  readonly closed: number | undefined
  readonly refused: number | undefined
}

async function readByWs(bytes: Buffer, isServer = true): Promise<Verdict> {
  const receiver = new Receiver({ isServer, maxPayload: LIMIT })
  const payload: Buffer[] = []
  let closed: number | undefined
  let refused: number | undefined
  receiver.on('message', (data: Buffer) => payload.push(data))
  receiver.on('conclude', (code: number) => (closed = code))
  receiver.on('error', (error) => (refused = statusCodeOf(error)))
  const done = once(receiver, 'close').catch(() => {})
  receiver.write(bytes)
  receiver.end()
  await done
  return { payload: Buffer.concat(payload), closed, refused }
}

function statusCodeOf(error: object): number {
  const [symbol] = Object.getOwnPropertySymbols(error).filter(({ description }) => description === 'status-code')
  return Number(Reflect.get(error, symbol ?? assert.fail('ws tells no status code')))
}

test('mutated frames are refused when ws refuses them, with the same code, and cutting them makes no difference', async () => {
  const aFrame = fc.record({
    opcode: fc.constantFrom(binary, binary, binary, continuation, ping, pong, close),
    payload: fc.uint8Array({ maxLength: 140 }),
    fin: fc.boolean(),
  })
  const cases = fc.record({
    frames: fc.array(aFrame, { minLength: 1, maxLength: 6 }),
    mutations: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
    at: fc.array(fc.nat(800), { maxLength: 6 }),
  })
  let refusals = 0
  let messages = 0
  await fc.assert(
    fc.asyncProperty(cases, async ({ frames, mutations, at }) => {
      const all = Buffer.concat(frames.map((it) => encode({ ...it, payload: Buffer.from(it.payload) })))
      for (const [index, value] of mutations) if (index < all.length) all[index] = value
      const ours = read(all)
      assert.deepEqual(outcomeOf(read(all, cutsWithin(all, at))), outcomeOf(ours))
      assert.deepEqual(outcomeOf(read(all, everyByte(all))), outcomeOf(ours))
      // MQTT has no text, and ws does not mind a length that takes more bytes than it needs.
      const { over } = ours
      if (over instanceof FrameError && /text|more bytes than/.test(over.message)) return
      const theirs = await readByWs(Buffer.from(all))
      assert.equal(codeOf(ours), theirs.refused)
      if (typeof over === 'number') assert.equal(over, theirs.closed)
      // A message that is not whole they have not delivered.
      assert.ok(ours.payload.subarray(0, theirs.payload.length).equals(theirs.payload))
      if (theirs.refused !== undefined) refusals += 1
      if (theirs.payload.length > 0) messages += 1
    }),
    { numRuns: RUNS },
  )
  assert.ok(refusals > RUNS / 20 && messages > RUNS / 20, `${refusals} refusals, ${messages} messages`)
})

const outcomeOf = (outcome: Outcome): object => ({
  payload: outcome.payload.toString('hex'),
  over: typeof outcome.over === 'number' ? outcome.over : codeOf(outcome),
})

describe('what a server frames', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 90_000]) {
    test(`${length} bytes are understood by ws`, async () => {
      const payload = Buffer.alloc(length, 'mooring ')
      const { payload: understood, refused } = await readByWs(new FrameWriter().frame(binary, payload), false)
      assert.equal(refused, undefined)
      assert.ok(understood.equals(payload))
    })
  }

  test('a frame that waits is left alone', () => {
    const writer = new FrameWriter()
    const first = writer.frame(binary, Buffer.from('first'))
    writer.frameWaits()
    writer.frame(binary, Buffer.from('second'))
    assert.equal(first.subarray(2).toString(), 'first')
  })

  test('ws still shakes hands by a method that can be left out', () => {
    assert.equal(typeof Reflect.get(ws.WebSocket.prototype, 'setSocket'), 'function')
  })
})
