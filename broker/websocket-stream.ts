import { GOODBYE_MS, type ByteStream, type Conn, type StreamListener } from './byte-stream.ts'
import { closePayload, FrameError, FrameReader, OPCODE, type FrameWriter } from './websocket-frames.ts'

export interface WebSocketOptions {
  /** What was written goes through it. */
  readonly frames: FrameWriter
  readonly maxMessageBytes: number
  /** How much may come, envelopes and all, before `trust` is called. */
  readonly maxBytesBeforeTrust: number
  /** Asked when it is our side that closes. */
  readonly closeCode: () => number
}

/**
 * The bytes of MQTT inside a WebSocket, after its handshake. Frames are envelopes only: a packet may span several and
 * several may share one [MQTT-6.0.0-2]. Everything that is written in one go leaves as one binary frame.
 */
export class WebSocketStream implements ByteStream, StreamListener {
  readonly #carrier: ByteStream
  readonly #options: WebSocketOptions
  readonly #reader: FrameReader
  #listener: StreamListener | undefined
  #bytesBeforeTrust = 0
  #isTrusted = false
  /** Our close frame was sent. */
  #isEnding = false
  /** The other end has closed, by its frame or without one. */
  #isHeardOut = false
  /** The last write was answered with false. */
  #isBlocked = false
  #late: NodeJS.Timeout | undefined

  constructor(carrier: ByteStream, options: WebSocketOptions) {
    this.#carrier = carrier
    this.#options = options
    this.#reader = new FrameReader(options.maxMessageBytes)
  }

  /** It may send more than a CONNECT. */
  trust(): void {
    this.#isTrusted = true
  }

  // ---- as ByteStream

  get conn(): Conn {
    return this.#carrier.conn
  }

  get isWritable(): boolean {
    return !this.#isEnding && this.#carrier.isWritable
  }

  get waitingBytes(): number {
    return this.#carrier.waitingBytes
  }

  /** Into a frame. */
  get isCopied(): boolean {
    return true
  }

  listen(listener: StreamListener): void {
    this.#listener = listener
    this.#carrier.listen(this)
  }

  pause(): void {
    // The answer to our close frame is still waited for.
    if (!this.#isEnding) this.#carrier.pause()
  }

  resume(): void {
    this.#carrier.resume()
  }

  write(bytes: Buffer): boolean {
    return this.#send(OPCODE.binary, bytes)
  }

  keepAlive(milliseconds: number): void {
    this.#carrier.keepAlive(milliseconds)
  }

  end(): void {
    if (!this.isWritable) return
    const { over } = this.#reader
    // RFC 6455 §5.5.1: an answer "typically echoes the status code"; §7.1.7 for who broke a rule.
    const code = over === undefined ? this.#options.closeCode() : over instanceof FrameError ? over.closeCode : over
    this.#send(OPCODE.close, closePayload(code))
    this.#isEnding = true
    if (this.#isHeardOut) return this.#carrier.end(true)
    // §7.1.1: whose side closes waits for the other's close frame, but not for ever.
    this.#late = setTimeout(() => this.#carrier.destroy(), GOODBYE_MS)
    this.#carrier.resume()
  }

  destroy(): void {
    this.#carrier.destroy()
  }

  // ---- what the carrier tells

  data(bytes: Buffer, end: number): void {
    const reader = this.#reader
    // After its close frame, and when its frames make no sense any more.
    if (reader.isOver) return
    if (!this.#isTrusted && (this.#bytesBeforeTrust += end) > this.#options.maxBytesBeforeTrust) return this.destroy()
    const count = reader.read(bytes, end)
    if (count > 0 && !this.#isEnding) this.#listener?.data(bytes, count)
    if (reader.ping !== undefined) this.#pong()
    if (reader.over === undefined) return
    if (reader.over instanceof FrameError) this.#broken(reader.over)
    else this.#heardOut()
  }

  writable(): void {
    this.#isBlocked = false
    this.#pong()
    this.#listener?.writable()
  }

  fail(error: Error): void {
    this.#listener?.fail(error)
  }

  /** Also without a close frame. */
  close(): void {
    this.#heardOut()
  }

  /** A client that breaks the rules is told so; what it sends from now on is read and thrown away, so that it can hear it. */
  #broken(error: FrameError): void {
    if (this.#isEnding) return
    this.#listener?.fail(error)
    this.end()
  }

  #heardOut(): void {
    this.#isHeardOut = true
    this.#listener?.close()
    if (!this.#isEnding) return this.end()
    clearTimeout(this.#late)
    this.#carrier.end(true)
  }

  /** RFC 6455 §5.5.2, §5.5.3. While the client does not read, only the last one is kept for it. */
  #pong(): void {
    const { ping } = this.#reader
    if (ping === undefined || this.#isBlocked) return
    this.#reader.ping = undefined
    if (this.isWritable) this.#send(OPCODE.pong, ping)
  }

  #send(opcode: number, payload: Buffer): boolean {
    const { frames } = this.#options
    this.#isBlocked = !this.#carrier.write(frames.frame(opcode, payload))
    if (!this.#carrier.isCopied) frames.frameWaits()
    return !this.#isBlocked
  }
}
