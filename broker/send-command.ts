import type { CommandSent } from '../registry/index.ts'
import type { BrokerContext } from './context.ts'
import { publishMessage } from './publish-message.ts'

/**
 * Publishes to one device as the broker itself. Resolves when those who are away have it on disk.
 *
 * @param isHeld - whether it is kept for a device that has not subscribed yet.
 * @throws {RegistryError} `ERR_INPUT_INVALID`.
 */
export async function sendCommand(
  context: BrokerContext,
  { deviceId, topic, payload, isHeld }: { deviceId: string; topic: string; payload: Buffer; isHeld: boolean },
): Promise<CommandSent> {
  const { sessions, kept } = context.router.match(topic)
  const own = sessions.find(({ clientId }) => clientId === deviceId)
  const hasIt = isHeld || own?.connection !== undefined
  const waits = kept.some(({ clientId }) => clientId === deviceId)
  const { sent, queued } = await publishMessage(context, { topic, payload, qos: 1, retain: false })
  return {
    topic,
    sent: sent + (isHeld ? 1 : 0),
    queued,
    device: hasIt ? 'sent' : waits ? 'queued' : 'unheard',
  }
}
