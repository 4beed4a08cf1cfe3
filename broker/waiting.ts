import type { PublishPacket, Qos } from './aedes-internals.d.ts'

/** What a message costs beside its topic and payload while it waits. */
const MESSAGE_OVERHEAD_BYTES = 64

export interface WaitingMessage {
  readonly packet: PublishPacket
  readonly qos: Qos
}

/** Messages that wait in memory for a client with a clean session, in order. */
export class Waiting {
  readonly #messages: WaitingMessage[] = []
  bytes = 0

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  /** Keeps a copy: the payload is a part of a larger buffer, which would live as long as the message waits. */
  push({ topic, payload, qos: sentQos, brokerId, brokerCounter }: PublishPacket, qos: Qos, retain: boolean): void {
    const packet: PublishPacket = {
      cmd: 'publish',
      topic,
      payload: Buffer.from(payload),
      qos: sentQos,
      retain,
      dup: false,
      brokerId,
      brokerCounter,
    }
    this.bytes += bytesOf(packet)
    this.#messages.push({ packet, qos })
  }

  shift(): WaitingMessage | undefined {
    const message = this.#messages.shift()
    if (message !== undefined) this.bytes -= bytesOf(message.packet)
    return message
  }
}

export const bytesOf = ({ topic, payload }: PublishPacket): number =>
  payload.length + topic.length + MESSAGE_OVERHEAD_BYTES
