import type { ServerResponse } from 'node:http'
import type { Device, Log, Signal } from '../../registry/index.ts'
import type { OperatorChange } from '../operations/index.ts'
import { beginStream, eventText, MAX_WAITING_BYTES } from './event-stream.ts'

/** One client of the broker. */
export interface ClientNews {
  readonly clientId: string
  readonly accessKey: string
  /** Absent for a service. */
  readonly deviceId?: string
  readonly address: string
}

/** What there is to tell. */
export interface NewsSources {
  readonly deviceRegistered: Pick<
    Signal<{ id: string; manufacturerId: string; name: string; registeredAt: string }>,
    'on'
  >
  readonly deviceReturned: Pick<Signal<{ device: Pick<Device, 'id' | 'manufacturerId'>; reason: string }>, 'on'>
  readonly registrationEnded: Pick<Signal<string>, 'on'>
  readonly clientConnected: Pick<Signal<ClientNews>, 'on'>
  readonly clientDisconnected: Pick<Signal<ClientNews>, 'on'>
  readonly operatorChanged: Pick<Signal<OperatorChange>, 'on'>
  /** Numbers at this moment; asked each second while somebody listens. */
  stats(): Readonly<Record<string, number>>
}

const MAX_LISTENERS = 100
const STATS_EVERY_MS = 1000

interface Listener {
  readonly response: ServerResponse
  readonly mayStay: () => boolean
  dropped: number
}

/** Server-sent events: what happens, to whoever listens. Nothing is gathered while nobody does. */
export class Events {
  readonly #sources: NewsSources
  readonly #log: Log
  readonly #listeners = new Set<Listener>()
  readonly #pending: { readonly id: number; readonly text: string }[] = []
  #stopListening: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #lastId = 0
  #closed = false

  constructor(sources: NewsSources, log: Log) {
    this.#sources = sources
    this.#log = log
  }

  get isFull(): boolean {
    return this.#closed || this.#listeners.size >= MAX_LISTENERS
  }

  /**
   * Keeps `response` until its client leaves.
   *
   * @param mayStay - asked each second: a session may end, a role may change.
   */
  add(response: ServerResponse, mayStay: () => boolean): void {
    const listener: Listener = { response, mayStay, dropped: 0 }
    beginStream(response, this.#log)
    // Events that were missed are not kept, so a listener that comes back must ask for the whole again.
    response.write(eventText(this.#lastId, 'hello', {}))
    this.#listeners.add(listener)
    response.once('close', () => this.#remove(listener))
    if (this.#listeners.size === 1) this.#start()
  }

  /** Ends every stream, so that the listeners can close. */
  close(): void {
    this.#closed = true
    for (const { response } of this.#listeners) response.end()
  }

  #start(): void {
    const { deviceRegistered, deviceReturned, registrationEnded } = this.#sources
    const { clientConnected, clientDisconnected, operatorChanged } = this.#sources
    this.#stopListening = [
      deviceRegistered.on(({ id, manufacturerId, name, registeredAt }) =>
        this.#tell('device-registered', { id, manufacturerId, name, registeredAt }),
      ),
      deviceReturned.on(({ device: { id, manufacturerId }, reason }) =>
        this.#tell('device-returned', { id, manufacturerId, reason }),
      ),
      registrationEnded.on((result) => {
        if (result !== 'created' && result !== 'returned') this.#tell('registration-refused', { result })
      }),
      clientConnected.on((client) => this.#tell('client-connected', client)),
      clientDisconnected.on((client) => this.#tell('client-disconnected', client)),
      operatorChanged.on((change) => this.#tell('changed', change)),
    ]
    this.#timer = setInterval(() => this.#tick(), STATS_EVERY_MS).unref()
  }

  #remove(listener: Listener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size > 0) return
    for (const stop of this.#stopListening) stop()
    clearInterval(this.#timer)
  }

  #tick(): void {
    for (const { response, mayStay } of this.#listeners) if (!mayStay()) response.end()
    this.#tell('stats', this.#sources.stats())
  }

  /** What happens in one turn of the event loop leaves in one write. */
  #tell(type: string, data: object): void {
    if (this.#pending.length === 0) setImmediate(() => this.#flush())
    this.#lastId += 1
    this.#pending.push({ id: this.#lastId, text: eventText(this.#lastId, type, data) })
  }

  #flush(): void {
    const events = this.#pending.splice(0)
    const text = events.map((event) => event.text).join('')
    for (const listener of this.#listeners) {
      const { response } = listener
      if (response.writableEnded) continue
      if (response.writableLength > MAX_WAITING_BYTES) listener.dropped += events.length
      else {
        const { dropped } = listener
        listener.dropped = 0
        response.write(dropped === 0 ? text : `${eventText(undefined, 'dropped', { count: dropped })}${text}`)
      }
    }
  }
}
