import { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'

/** RFC 6455 §7.4.1. */
export const CLOSE_CODE = { normal: 1000, goingAway: 1001, unsupportedData: 1003 } as const

type Done = (error?: Error | null) => void

/**
 * The bytes of MQTT inside a WebSocket. Frames are envelopes only: a packet may span several and several may share one
 * [MQTT-6.0.0-2]. Everything written in one go leaves as one binary frame, as each `write` would else be a frame of its own,
 * and MQTT libraries write a packet in four to six pieces.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket
  readonly #closeCode: () => number
  #gathering = false

  /** @param closeCode - asked when the stream ends or is destroyed from our side. */
  constructor(socket: WebSocket, closeCode: () => number = () => CLOSE_CODE.normal) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#closeCode = closeCode
    socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    // ws closes by itself after it: too long a message, an unmasked frame, a reset.
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => {
      // Not destroy: the reader may not have come to the last packets yet, and a DISCONNECT among them cancels the will.
      this.push(null)
      this.end()
    })
  }

  // `write`, not `_write`: the stream would hand the first piece on at once, and only the others together.
  override write(chunk: unknown, encoding?: BufferEncoding | Done, done?: Done): boolean {
    this.#gather()
    return typeof encoding === 'function' || encoding === undefined
      ? super.write(chunk, encoding ?? done)
      : super.write(chunk, encoding, done)
  }

  #gather(): void {
    if (this.#gathering) return
    this.#gathering = true
    this.cork()
    process.nextTick(() => {
      this.#gathering = false
      this.uncork()
    })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#socket.send(chunk, { binary: true }, done)
  }

  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#socket.send(Buffer.concat(pieces.map(({ chunk }) => chunk)), { binary: true }, done)
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume()
  }

  override _final(done: Done): void {
    this.#socket.close(this.#closeCode())
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.close(this.#closeCode())
    // Paused by back-pressure, it would never read the other end's close frame.
    this.#socket.resume()
    done(error)
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.destroyed || this.readableEnded) return
    if (!isBinary) {
      // [MQTT-6.0.0-1]
      this.#socket.close(CLOSE_CODE.unsupportedData, 'MQTT is binary')
      this.destroy()
      return
    }
    if (!this.push(data)) this.#socket.pause()
  }
}
