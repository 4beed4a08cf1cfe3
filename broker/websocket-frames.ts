import { isUtf8 } from 'node:buffer'
import { ProtocolError } from './codec/index.ts'

/** RFC 6455 §7.4.1. */
export const CLOSE_CODE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noneGiven: 1005,
  invalidPayload: 1007,
  tooBig: 1009,
} as const

/** RFC 6455 §5.2. */
export const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

const FIN = 0x80
const RESERVED_BITS = 0x70
const CONTROL = 0x8
const MASKED = 0x80
/** A length up to here is in the second byte; this one says that it is in the next two, and one more: in the next eight. */
const LENGTH_IN_TWO_BYTES = 126
const LENGTH_IN_EIGHT_BYTES = 127
const MAX_CONTROL_BYTES = 125
const MAX_TWO_BYTES = 0xffff
/** Opcode, length and mask. */
const MAX_CLIENT_HEADER_BYTES = 14
const MAX_SERVER_HEADER_BYTES = 10
const FRAME_BLOCK_BYTES = 65_536 + MAX_SERVER_HEADER_BYTES

/** The other end broke a rule of WebSocket. */
export class FrameError extends ProtocolError {
  override readonly name = 'FrameError'
  /** What the close frame says of it. */
  readonly closeCode: number

  constructor(closeCode: number, message: string) {
    super(message)
    this.closeCode = closeCode
  }
}

/**
 * Takes the bytes of MQTT out of the frames of one client. Nothing of them is kept: a frame is an envelope, and what is in
 * it is good before the frame is whole [MQTT-6.0.0-2].
 */
export class FrameReader {
  /** Why nothing more is read: the client's close frame, or the rule that it broke. */
  over: number | FrameError | undefined
  /** What the last ping held that was not answered yet. */
  ping: Buffer | undefined
  readonly #maxMessageBytes: number
  /** A message may be in several frames. */
  #isInMessage = false
  #messageBytes = 0
  /** The frame that is being read. */
  #opcode: number = OPCODE.binary
  #left = 0
  #mask = 0
  /** The beginning of a header whose end has not arrived. */
  #header: Buffer | undefined
  #headerBytes = 0
  /** The payload of a ping or close. */
  #control: Buffer | undefined

  get isOver(): boolean {
    return this.over !== undefined
  }

  /** @param maxMessageBytes - a longer message is refused as soon as its length is known. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /**
   * Reads `bytes[0..end)`. What was in the frames is moved to their front, so that however many there are it is one piece.
   *
   * @returns how long that is.
   */
  read(bytes: Buffer, end: number): number {
    let at = 0
    let taken = 0
    try {
      while (at < end && this.over === undefined) {
        if (this.#left === 0) {
          at = this.#readHeader(bytes, at, end)
          continue
        }
        const count = Math.min(this.#left, end - at)
        unmask(bytes, at, taken, count, this.#mask)
        this.#left -= count
        if (this.#opcode >= CONTROL) this.#readControl(bytes, taken, count)
        else taken += count
        if (this.#left > 0) this.#mask = rotated(this.#mask, count)
        at += count
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.over = error
    }
    return taken
  }

  #readHeader(bytes: Buffer, at: number, end: number): number {
    const available = end - at
    if (this.#header === undefined && available >= 2) {
      const length = headerLength(bytes[at + 1]!)
      if (available >= length) {
        this.#begin(bytes, at)
        return at + length
      }
    }
    return this.#gatherHeader(bytes, at, end)
  }

  /** A byte at a time, which happens where a read of the network ends. */
  #gatherHeader(bytes: Buffer, from: number, end: number): number {
    this.#header ??= Buffer.alloc(MAX_CLIENT_HEADER_BYTES)
    const header = this.#header
    for (let at = from; at < end;) {
      header[this.#headerBytes++] = bytes[at++]!
      if (this.#headerBytes === 2) this.#check(header[0]!, header[1]!)
      if (this.#headerBytes < 2 || this.#headerBytes < headerLength(header[1]!)) continue
      this.#header = undefined
      this.#headerBytes = 0
      this.#begin(header, 0)
      return at
    }
    return end
  }

  /** @throws {FrameError} for all that the first two bytes can do wrong. */
  #check(first: number, second: number): void {
    const opcode = first & 0x0f
    // RFC 6455 §5.2: "MUST be 0 unless an extension is negotiated"; none is.
    if ((first & RESERVED_BITS) !== 0) throw violation('a reserved bit is set')
    // §5.1: "a server MUST close the connection upon receiving a frame that is not masked".
    if ((second & MASKED) === 0) throw violation('a frame is not masked')
    switch (opcode) {
      case OPCODE.close:
      case OPCODE.ping:
      case OPCODE.pong:
        // §5.5: they "MUST have a payload length of 125 bytes or less and MUST NOT be fragmented".
        if ((first & FIN) === 0) throw violation('a control frame is fragmented')
        if ((second & 0x7f) > MAX_CONTROL_BYTES) throw violation('a control frame is too long')
        return
      case OPCODE.continuation:
        // §5.4
        if (!this.#isInMessage) throw violation('a message continues that has not begun')
        return
      case OPCODE.binary:
      case OPCODE.text:
        // §5.4: "fragments of one message MUST NOT be interleaved between the fragments of another".
        if (this.#isInMessage) throw violation('a message begins within another')
        // [MQTT-6.0.0-1]
        if (opcode === OPCODE.text) throw new FrameError(CLOSE_CODE.unsupportedData, 'a text frame; MQTT is binary')
        return
      default:
        // §5.2: "if an unknown opcode is received, the receiving endpoint MUST fail the WebSocket connection".
        throw violation(`opcode ${opcode} is reserved`)
    }
  }

  /** A frame whose header is whole. */
  #begin(bytes: Buffer, at: number): void {
    const first = bytes[at]!
    const second = bytes[at + 1]!
    this.#check(first, second)
    const payloadBytes = readLength(bytes, at)
    this.#opcode = first & 0x0f
    this.#left = payloadBytes
    this.#mask = bytes.readInt32LE(at + headerLength(second) - 4)
    if (this.#opcode >= CONTROL) {
      if (payloadBytes === 0) this.#controlled(Buffer.alloc(0))
      return
    }
    this.#messageBytes = this.#isInMessage ? this.#messageBytes + payloadBytes : payloadBytes
    this.#isInMessage = (first & FIN) === 0
    if (this.#messageBytes > this.#maxMessageBytes) {
      throw new FrameError(CLOSE_CODE.tooBig, `a message is longer than ${this.#maxMessageBytes} bytes`)
    }
  }

  #readControl(bytes: Buffer, from: number, count: number): void {
    const part = bytes.subarray(from, from + count)
    const payload = this.#control === undefined ? Buffer.from(part) : Buffer.concat([this.#control, part])
    this.#control = this.#left > 0 ? payload : undefined
    if (this.#left === 0) this.#controlled(payload)
  }

  #controlled(payload: Buffer): void {
    // §5.5.3: of several pings the most recent may be answered alone; §5.5.2 asks for no answer to a pong.
    if (this.#opcode === OPCODE.ping) this.ping = payload
    else if (this.#opcode === OPCODE.close) this.over = readCloseCode(payload)
  }
}

const violation = (message: string): FrameError => new FrameError(CLOSE_CODE.protocolError, message)

function headerLength(second: number): number {
  const length = second & 0x7f
  return length < LENGTH_IN_TWO_BYTES ? 6 : length === LENGTH_IN_TWO_BYTES ? 8 : MAX_CLIENT_HEADER_BYTES
}

/** @throws {FrameError} RFC 6455 §5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0". */
function readLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]! & 0x7f
  if (length < LENGTH_IN_TWO_BYTES) return length
  if (length === LENGTH_IN_TWO_BYTES) {
    const inTwo = bytes.readUInt16BE(at + 2)
    if (inTwo < LENGTH_IN_TWO_BYTES) throw violation('a length takes more bytes than it needs')
    return inTwo
  }
  const high = bytes.readUInt32BE(at + 2)
  if (high >= 0x8000_0000) throw violation('a length is negative')
  const inEight = high * 0x1_0000_0000 + bytes.readUInt32BE(at + 6)
  if (inEight <= MAX_TWO_BYTES) throw violation('a length takes more bytes than it needs')
  return inEight
}

/** @throws {FrameError} RFC 6455 §5.5.1, §7.4. */
function readCloseCode(payload: Buffer): number {
  if (payload.length === 0) return CLOSE_CODE.noneGiven
  if (payload.length === 1) throw violation('half a close code')
  const code = payload.readUInt16BE(0)
  // §7.4.1: 1005, 1006 and 1015 MUST NOT be sent, 1004 is reserved; §7.4.2: so are those below 3000 that nobody registered.
  const isRegistered = code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)
  if (!isRegistered && (code < 3000 || code > 4999)) throw violation(`${code} is no close code`)
  if (!isUtf8(payload.subarray(2))) throw new FrameError(CLOSE_CODE.invalidPayload, 'a reason to close is not UTF-8')
  return code
}

// ---- RFC 6455 §5.3

/** Over the buffer that was read into last; most are read into the same one. */
let view = new DataView<ArrayBufferLike>(new ArrayBuffer(0))

/**
 * Unmasks `bytes[from..from + length)` to `bytes[to..)`, `to` not being behind `from`: four bytes at a time, of which a
 * DataView does not ask that they are aligned.
 */
function unmask(bytes: Buffer, from: number, to: number, length: number, mask: number): void {
  if (view.buffer !== bytes.buffer) view = new DataView(bytes.buffer)
  let source = bytes.byteOffset + from
  let target = bytes.byteOffset + to
  const end = source + length
  for (const lastWord = end - 4; source <= lastWord; source += 4, target += 4) {
    view.setInt32(target, view.getInt32(source, true) ^ mask, true)
  }
  for (let shift = 0; source < end; source += 1, target += 1, shift += 8) {
    view.setUint8(target, view.getUint8(source) ^ (mask >>> shift))
  }
}

/** The mask as it goes on behind `count` bytes. */
function rotated(mask: number, count: number): number {
  const shift = 8 * (count & 3)
  return shift === 0 ? mask : (mask >>> shift) | (mask << (32 - shift))
}

// ---- what a server sends

/** Puts bytes into frames, all in one buffer: what the kernel has taken at once nobody needs any more. */
export class FrameWriter {
  #block = Buffer.allocUnsafeSlow(FRAME_BLOCK_BYTES)

  /** Of a server, so not masked (RFC 6455 §5.1), and whole. */
  frame(opcode: number, payload: Buffer): Buffer {
    const { length } = payload
    const start = length < LENGTH_IN_TWO_BYTES ? 2 : length <= MAX_TWO_BYTES ? 4 : MAX_SERVER_HEADER_BYTES
    const block = start + length > this.#block.length ? Buffer.allocUnsafeSlow(start + length) : this.#block
    block[0] = FIN | opcode
    if (start === 2) block[1] = length
    else if (start === 4) {
      block[1] = LENGTH_IN_TWO_BYTES
      block[2] = length >> 8
      block[3] = length & 0xff
    } else {
      block[1] = LENGTH_IN_EIGHT_BYTES
      block.writeUInt32BE(0, 2)
      block.writeUInt32BE(length, 6)
    }
    block.set(payload, start)
    return block.subarray(0, start + length)
  }

  /** A frame was not taken at once. The next ones need another buffer. */
  frameWaits(): void {
    this.#block = Buffer.allocUnsafeSlow(FRAME_BLOCK_BYTES)
  }
}

/** The payload of a close frame, RFC 6455 §5.5.1. */
export function closePayload(code: number): Buffer {
  if (code === CLOSE_CODE.noneGiven) return Buffer.alloc(0)
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return payload
}
