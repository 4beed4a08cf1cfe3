import { accessFilterProblem, RegistryError, topicProblem, type MessageReach } from '../registry/index.ts'
import type { Message } from './aedes-internals.d.ts'
import type { BrokerContext } from './context.ts'

/** Fixed header, length of the topic, packet identifier. Source: MQTT 3.1.1 §3.3. */
const OTHER_BYTES = 9

/**
 * Publishes as the broker itself. Resolves when those who are away have it on disk, and so has who asks for it later.
 *
 * @throws {RegistryError} `ERR_INPUT_INVALID` for what no client could publish either.
 */
export async function publishMessage(
  { broker, router, limits }: BrokerContext,
  message: Message,
): Promise<MessageReach> {
  checkSize(message, limits)
  const { sessions, kept } = router.match(message.topic)
  const connected = sessions.filter(({ connection }) => connection !== undefined)
  const away = kept.filter(({ clientId }) => !connected.some((session) => session.clientId === clientId))
  const queued = message.qos === 0 ? 0 : away.length
  await new Promise<void>((resolve, reject) => {
    broker.publish(message, null, (error) => (error ? reject(error) : resolve()))
  })
  return { sent: connected.length, queued }
}

/** @throws {RegistryError} `ERR_INPUT_INVALID`. */
export function checkTopicName(topic: string, { maxTopicBytes, maxTopicLevels }: BrokerContext['limits']): void {
  const problem = topicProblem(topic) ?? accessFilterProblem(topic)
  if (problem !== undefined) {
    throw new RegistryError('ERR_INPUT_INVALID', `The topic ${JSON.stringify(topic)} ${problem}.`)
  }
  if (Buffer.byteLength(topic) > maxTopicBytes || topic.split('/').length > maxTopicLevels) {
    const message = `A topic has at most ${maxTopicBytes} bytes and ${maxTopicLevels} levels.`
    throw new RegistryError('ERR_INPUT_INVALID', message)
  }
}

/** @throws {RegistryError} `ERR_INPUT_INVALID`. */
export function checkSize(
  { topic, payload }: Pick<Message, 'payload' | 'topic'>,
  limits: BrokerContext['limits'],
): void {
  const { maxPacketBytes } = limits
  if (payload.length + Buffer.byteLength(topic) + OTHER_BYTES <= maxPacketBytes) return
  throw new RegistryError('ERR_INPUT_INVALID', `A message must fit into a packet of ${maxPacketBytes} bytes.`)
}
