import type { Message, PublishPacket } from './aedes-internals.d.ts'
import { encodePublish } from './codec/index.ts'
import type { Connection } from './connection.ts'

/** A message for one client alone, past all subscriptions; part of its session when that outlives the connection. */
export async function sendToClient(connection: Connection, { topic, payload, qos }: Message): Promise<void> {
  const { broker, context, clean, id } = connection
  const packet: PublishPacket = {
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain: false,
    dup: false,
    brokerId: broker.id,
    brokerCounter: (broker.counter += 1),
  }
  if (qos > 0 && !clean && id !== null) await context.persistence.outgoingEnqueue({ clientId: id }, packet)
  if (connection.closed) throw new Error('connection closed')
  const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, false)
  connection.deliver(packet, qos, { bytes, start: 0, end, packetIdAt })
}
