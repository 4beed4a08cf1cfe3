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
  { broker, router, limits }: BrokerContext,
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
  const hasIt = isHeld || connected.some(isFor)
  await new Promise<void>((resolve, reject) => {
    const message = { topic, payload, qos: 1, retain: false } as const
    broker.publish(message, null, (error) => (error ? reject(error) : resolve()))
  })
  return {
    topic,
    sent: connected.length + (isHeld ? 1 : 0),
    queued: away.length,
    device: hasIt ? 'sent' : away.some(isFor) ? 'queued' : 'unheard',
  }
}
