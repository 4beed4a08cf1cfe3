import { RegistryError, type CommandSent } from '../registry/index.ts'
import type { BrokerContext } from './context.ts'

/** Fixed header, length of the topic, packet identifier. Source: MQTT 3.1.1 §3.3. */
const OTHER_BYTES = 9

/**
 * Publishes to one device as the broker itself. Resolves when those who are away have it on disk.
 *
 * @param isHeld - whether it is kept for a device that has not subscribed yet.
 * @throws {RegistryError} `ERR_INPUT_INVALID`.
 */
export async function sendCommand(
  { broker, router, limits, persistence }: BrokerContext,
  { deviceId, topic, payload, isHeld }: { deviceId: string; topic: string; payload: Buffer; isHeld: boolean },
): Promise<CommandSent> {
  const { maxPacketBytes } = limits
  if (payload.length + Buffer.byteLength(topic) + OTHER_BYTES > maxPacketBytes) {
    throw new RegistryError('ERR_INPUT_INVALID', `A command must fit into a packet of ${maxPacketBytes} bytes.`)
  }
  const { sessions, kept } = router.match(topic)
  const connected = sessions.filter(({ connection }) => connection !== undefined)
  const away = kept.filter(({ clientId }) => !connected.some((session) => session.clientId === clientId))
  const isFor = ({ clientId }: { readonly clientId: string }): boolean => clientId === deviceId
  await new Promise<void>((resolve, reject) => {
    const message = { topic, payload, qos: 1, retain: false } as const
    broker.publish(message, null, (error) => (error ? reject(error) : resolve()))
  })
  const isHeard = connected.some(isFor) || away.some(isFor)
  // The message was the last that was offered to these sessions, or one after it fared no better.
  const hadRoom = ({ clientId }: { readonly clientId: string }): boolean => !persistence.turnsAway(clientId)
  const sent = connected.filter(hadRoom)
  const queued = away.filter(hadRoom)
  return {
    topic,
    sent: sent.length + (isHeld ? 1 : 0),
    queued: queued.length,
    device: isHeld || sent.some(isFor) ? 'sent' : queued.some(isFor) ? 'queued' : isHeard ? 'full' : 'unheard',
  }
}
