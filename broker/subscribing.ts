import type { Qos, Subscription } from './aedes-internals.d.ts'
import { encodeSuback, LimitExceeded, PacketType } from './codec/index.ts'
import type { Connection } from './connection.ts'
import { checkTopic } from './publishing.ts'
import { Retained } from './retained.ts'
import type { Session } from './session.ts'

/** SUBACK return code of a filter that is not granted. Source: MQTT 3.1.1 §3.9.3. */
const FAILURE = 0x80

const nothing = (): void => {}

interface Subscribe {
  /** undefined when a plugin subscribes on behalf of the client: nobody waits for SUBACK. */
  readonly packetId: number | undefined
  readonly subscriptions: readonly Subscription[]
}

interface Unsubscribe {
  readonly packetId: number | undefined
  readonly filters: readonly string[]
}

/** SUBSCRIBE → what is granted → on disk → SUBACK → retained messages. */
export async function receiveSubscribe(connection: Connection, packet: Subscribe): Promise<void> {
  for (const { topic } of packet.subscriptions) checkTopic(connection, topic, Buffer.byteLength(topic))
  await subscribe(connection, packet)
}

/** A session that is resumed: what it had subscribed to is asked about again, as the rules may have changed. */
export async function restoreSubscriptions(connection: Connection, session: Session): Promise<void> {
  const { context } = connection
  const refused: string[] = []
  for (const [topic, { qos }] of session.subscriptions) {
    const granted = await authorize(connection, { topic, qos })
    if (granted === undefined) refused.push(topic)
  }
  if (refused.length === 0) return
  for (const filter of refused) context.router.unsubscribe(session, filter)
  await context.persistence.removeSubscriptions(connection, refused)
}

async function subscribe(connection: Connection, { packetId, subscriptions }: Subscribe): Promise<void> {
  const { broker, context, session, clean } = connection
  const granted = new Map<string, Qos>()
  const codes: number[] = []
  for (const wanted of subscriptions) {
    const answer = await authorize(connection, wanted)
    codes.push(answer === undefined ? FAILURE : answer.qos)
    if (answer !== undefined) granted.set(answer.topic, answer.qos)
  }
  if (connection.closed || session === undefined) return
  const subscribed = [...granted].map(([topic, qos]) => ({ topic, qos }))
  refuseTooMany(connection, session, subscribed)
  if (!clean && subscribed.length > 0) await context.persistence.addSubscriptions(connection, subscribed)
  if (isOver(connection, session)) return

  for (const { topic, qos } of subscribed) context.router.subscribe(session, topic, qos)
  if (connection.closed) return
  // As long as the request, in its order [MQTT-3.8.4-5].
  if (packetId !== undefined) connection.output.write(encodeSuback(packetId, codes))
  const announced = asAnnounced(subscriptions, codes)
  broker.emit('subscribe', announced, connection)
  announce(connection, 'new/subscribes', announced)
  if (subscribed.length > 0) (connection.retained ??= new Retained(connection)).send(subscribed)
}

/** A session that outlives its connection has in memory what it has in the store, also when the client has just left. */
const isOver = ({ closed, clean, context }: Connection, session: Session): boolean =>
  clean ? closed : context.sessions.get(session.clientId) !== session

function refuseTooMany(connection: Connection, session: Session, subscribed: readonly Subscription[]): void {
  const { maxSubscriptions } = connection.context.limits
  const added = subscribed.filter(({ topic }) => !session.subscriptions.has(topic)).length
  if (session.subscriptions.size + added > maxSubscriptions) {
    throw new LimitExceeded(`more than ${maxSubscriptions} subscriptions`)
  }
}

/** Every filter once, refused ones with their return code, as Aedes tells it. */
function asAnnounced(
  subscriptions: readonly Subscription[],
  codes: readonly number[],
): { topic: string; qos: number }[] {
  return [...new Map(subscriptions.map(({ topic }, index) => [topic, codes[index] ?? FAILURE]))].map(
    ([topic, qos]) => ({
      topic,
      qos,
    }),
  )
}

/** For other brokers and for whoever listens to `$SYS`. */
function announce(connection: Connection, what: string, subs: unknown): void {
  const { broker, id } = connection
  const payload = Buffer.from(JSON.stringify({ clientId: id, subs }))
  broker.publish({ topic: `$SYS/${broker.id}/${what}`, payload, qos: 0, retain: false }, nothing)
}

/** @returns what is granted, undefined when nothing is. */
function authorize(connection: Connection, wanted: Subscription): Promise<Subscription | undefined> {
  return new Promise((resolve, reject) => {
    connection.broker.authorizeSubscribe(connection, { topic: wanted.topic, qos: wanted.qos }, (error, granted) => {
      if (error) reject(error)
      else resolve(typeof granted === 'object' && granted !== null ? granted : undefined)
    })
  })
}

/** UNSUBSCRIBE → gone from the disk → UNSUBACK. */
export async function receiveUnsubscribe(connection: Connection, { packetId, filters }: Unsubscribe): Promise<void> {
  const { broker, context, session, clean } = connection
  if (session === undefined) return
  if (!clean) await context.persistence.removeSubscriptions(connection, filters)
  if (isOver(connection, session)) return
  for (const filter of filters) context.router.unsubscribe(session, filter)
  if (connection.closed) return
  if (packetId !== undefined) connection.output.acknowledge(PacketType.UNSUBACK, packetId) // [MQTT-3.10.4-4]
  broker.emit('unsubscribe', filters, connection)
  announce(connection, 'new/unsubscribes', filters)
}
