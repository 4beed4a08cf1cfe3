import type { ServerResponse } from 'node:http'
import type { DeviceMessage, Log } from '../../registry/index.ts'
import { messageText } from '../message-text.ts'
import { beginStream, eventText, MAX_WAITING_BYTES } from './event-stream.ts'

/** Calls `heard` with what a device publishes. @returns a function that ends it. */
export type WatchDevice = (deviceId: string, heard: (message: DeviceMessage) => void) => () => void

const MAX_TAILS = 100
/** More than anybody reads. */
const MAX_PER_SECOND = 100
const FLUSH_MS = 100
const TICK_MS = 1000

/** Pages that show what a device publishes, as it does. A device that nobody looks at is not listened to. */
export class Tails {
  readonly #watch: WatchDevice
  readonly #log: Log
  readonly #tails = new Set<Tail>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(watch: WatchDevice, log: Log) {
    this.#watch = watch
    this.#log = log
  }

  get isFull(): boolean {
    return this.#closed || this.#tails.size >= MAX_TAILS
  }

  /**
   * Keeps `response` until its client leaves.
   *
   * @param mayStay - asked each second: a session may end, a role may change, the device may be deleted.
   */
  add(response: ServerResponse, deviceId: string, mayStay: () => boolean): void {
    beginStream(response, this.#log)
    response.write(eventText(undefined, 'hello', {}))
    const tail = new Tail(response, mayStay)
    const stop = this.#watch(deviceId, (message) => tail.hear(message))
    this.#tails.add(tail)
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    response.once('close', () => {
      stop()
      tail.close()
      this.#tails.delete(tail)
      if (this.#tails.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    })
  }

  /** Ends every stream, so that the listeners can close. */
  close(): void {
    this.#closed = true
    for (const tail of this.#tails) tail.end()
  }

  #tick(): void {
    for (const tail of this.#tails) tail.tick()
  }
}

/** What one page gets: so much a second and no more, in a few writes. */
class Tail {
  readonly #response: ServerResponse
  readonly #mayStay: () => boolean
  #pending = ''
  #timer: NodeJS.Timeout | undefined
  #inThisSecond = 0
  #skipped = 0

  constructor(response: ServerResponse, mayStay: () => boolean) {
    this.#response = response
    this.#mayStay = mayStay
  }

  hear(message: DeviceMessage): void {
    if (this.#inThisSecond >= MAX_PER_SECOND || this.#response.writableLength > MAX_WAITING_BYTES) {
      this.#skipped += 1
      return
    }
    this.#inThisSecond += 1
    this.#pending += eventText(undefined, 'message', messageText(message, new Date()))
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS)
  }

  tick(): void {
    this.#inThisSecond = 0
    if (!this.#mayStay()) return this.end()
    if (this.#skipped === 0 || this.#response.writableLength > MAX_WAITING_BYTES) return
    this.#pending += eventText(undefined, 'skipped', { count: this.#skipped })
    this.#skipped = 0
    this.#flush()
  }

  end(): void {
    this.#flush()
    this.#response.end()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pending = ''
  }

  #flush(): void {
    const text = this.#pending
    this.close()
    if (text !== '' && !this.#response.writableEnded) this.#response.write(text)
  }
}
