import type { AedesBroker, Message, PublishPacket } from './aedes-internals.d.ts'
import type { Connection } from './connection.ts'
import { PublishRefused } from './disconnects.ts'

/**
 * Publishes as `client` when the gate lets it, like every other message of that client; as the broker itself when there
 * is none. A refusal has been reported by the gate, and is no failure.
 */
export function publishWill(
  broker: AedesBroker<Connection>,
  { topic, payload, qos, retain }: Message,
  client: Connection | null,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = (error?: Error | null): void => {
      if (error && !(error instanceof PublishRefused)) reject(error)
      else resolve()
    }
    const packet: PublishPacket = {
      cmd: 'publish',
      topic,
      payload,
      qos,
      retain,
      dup: false,
      brokerId: null,
      brokerCounter: 0,
    }
    if (client === null) return broker.publish(packet, null, settled)
    broker.authorizePublish(client, packet, (error) => {
      if (error) settled(error)
      else broker.publish(packet, client, settled)
    })
  })
}
