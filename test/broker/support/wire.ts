import { generate, parser, type IConnectPacket, type Packet } from 'mqtt-packet'
import { duplexPair, type Duplex } from 'node:stream'
import type { Broker } from '../../../broker/broker.ts'
import type { Peer } from '../../../broker/peer.ts'
import { deviceIdOf, keyOfDevice, SECRET } from './door.ts'

export type Received = Packet & Record<string, unknown>

/** The smallest MQTT client: says exactly what it is told to, acknowledges nothing by itself, remembers what it hears. */
export class WireClient {
  readonly stream: Duplex
  readonly received: Received[] = []
  readonly closed: Promise<void>
  isClosed = false
  readonly #waiting = new Set<() => void>()

  constructor(stream: Duplex) {
    this.stream = stream
    const wire = parser({ protocolVersion: 4 })
    wire.on('packet', (packet) => {
      this.received.push({ ...packet })
      this.#wake()
    })
    stream.on('data', (chunk: Buffer) => wire.parse(chunk))
    stream.on('error', () => {})
    this.closed = new Promise((resolve) => {
      const over = (): void => {
        this.isClosed = true
        resolve()
        this.#wake()
      }
      stream.once('close', over)
      stream.once('end', over)
    })
  }

  write(bytes: Uint8Array): void {
    if (!this.stream.destroyed) this.stream.write(bytes)
  }

  send(packet: Packet): void {
    this.write(generate(packet))
  }

  /** The first packet so far or to come that fits. Rejects when the connection closes without one. */
  async hear(fits: (packet: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.received.find(fits)
      if (found !== undefined) return found
      if (this.isClosed) throw new Error(`closed after ${this.received.map(({ cmd }) => cmd).join(', ')}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  hearMessage(payload: string): Promise<Received> {
    return this.hear((packet) => packet.cmd === 'publish' && String(packet.payload) === payload)
  }

  get messages(): string[] {
    return this.received.flatMap((packet) => (packet.cmd === 'publish' ? [String(packet.payload)] : []))
  }

  async login(connect: Partial<IConnectPacket>): Promise<Received> {
    this.send(connectPacket(connect))
    return await this.hear(({ cmd }) => cmd === 'connack')
  }

  /** @returns the granted QoS, or 128, of each filter. */
  async subscribe(filters: string | readonly string[], qos: 0 | 1 | 2 = 0, messageId = 1): Promise<unknown> {
    const subscriptions = [filters].flat().map((topic) => ({ topic, qos }))
    this.send({ cmd: 'subscribe', messageId, subscriptions })
    const suback = await this.hear((packet) => packet.cmd === 'suback' && packet.messageId === messageId)
    return suback['granted']
  }

  publish(
    topic: string,
    payload: string,
    options: { qos?: 0 | 1 | 2; retain?: boolean; messageId?: number } = {},
  ): void {
    this.send(publishPacket(topic, payload, options))
  }

  /** Resolves when the broker has worked off everything that was sent before. */
  async ping(): Promise<void> {
    const heard = this.received.filter(({ cmd }) => cmd === 'pingresp').length
    this.send({ cmd: 'pingreq' })
    await this.hear(() => this.received.filter(({ cmd }) => cmd === 'pingresp').length > heard)
  }

  /** Goes away without DISCONNECT. */
  drop(): Promise<void> {
    this.stream.destroy()
    return this.closed
  }

  disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' })
    return this.closed
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }
}

export const connectPacket = (connect: Partial<IConnectPacket>): IConnectPacket => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  keepalive: 0,
  clientId: '',
  ...connect,
})

export const publishPacket = (
  topic: string,
  payload: string | Buffer,
  { qos = 0, retain = false, messageId = 1 }: { qos?: 0 | 1 | 2; retain?: boolean; messageId?: number } = {},
): Packet => ({ cmd: 'publish', topic, payload, qos, retain, dup: false, ...(qos > 0 ? { messageId } : {}) })

/** What device `n` says to log in. */
export const asDevice = (n: number, more: Partial<IConnectPacket> = {}): Partial<IConnectPacket> => ({
  clientId: deviceIdOf(n),
  username: keyOfDevice(n),
  password: Buffer.from(SECRET),
  ...more,
})

/** What a service key says to log in. */
export const asService = (name: string, more: Partial<IConnectPacket> = {}): Partial<IConnectPacket> => ({
  clientId: `${name}-software`,
  username: name,
  password: Buffer.from(SECRET),
  ...more,
})

export const topicOf = (n: number, rest: string): string => `losant/${deviceIdOf(n)}/${rest}`

/** A connection that needs no port. */
export function dial(broker: Pick<Broker, 'accept'>, peer: Partial<Peer> = {}): WireClient {
  const [near, far] = duplexPair()
  // Unlike those of a socket, the ends of a pair do not hear of each other's end.
  far.once('close', () => near.push(null))
  near.once('close', () => far.destroy())
  const ticket = { connectRead: () => {}, loggedIn: () => {} }
  broker.accept(far, { address: '192.0.2.7', transport: 'tcp', ticket, ...peer })
  return new WireClient(near)
}
