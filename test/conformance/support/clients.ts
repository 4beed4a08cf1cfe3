import { generate, parser, type IConnectPacket } from 'mqtt-packet'
import type { TestBroker } from '../../broker/support/broker.ts'
import { asService, dial, publishPacket, type Received, type WireClient } from '../../broker/support/wire.ts'
import { eventually, inTime } from './in-time.ts'

export type Qos = 0 | 1 | 2

/** Makes a client answer every PUBLISH, PUBREC and PUBREL as it must. */
export function acknowledging(client: WireClient): WireClient {
  const wire = parser({ protocolVersion: 4 })
  wire.on('packet', (packet) => {
    const { cmd, messageId = 0 } = packet
    if (cmd === 'publish' && packet.qos === 1) client.send({ cmd: 'puback', messageId })
    if (cmd === 'publish' && packet.qos === 2) client.send({ cmd: 'pubrec', messageId })
    if (cmd === 'pubrec') client.send({ cmd: 'pubrel', messageId })
    if (cmd === 'pubrel') client.send({ cmd: 'pubcomp', messageId })
  })
  client.stream.on('data', (chunk: Buffer) => wire.parse(chunk))
  return client
}

/** A service key that may do everything, logged in, acknowledging all along. */
export async function reader(
  broker: TestBroker,
  name: string,
  connect: Partial<IConnectPacket> = {},
): Promise<WireClient> {
  if (!broker.registry.knows(name)) broker.registry.addService(name)
  const client = acknowledging(dial(broker))
  await inTime(client.login(asService(name, connect)), `${name} gets no CONNACK`)
  return client
}

/** One that acknowledges nothing by itself. */
export const mute = (broker: TestBroker, name: string, connect: Partial<IConnectPacket> = {}): Promise<WireClient> =>
  inTime(broker.service(name, connect), `${name} gets no CONNACK`)

/** Waits, and says what came instead when nothing does. */
export function hear(client: WireClient, what: string, fits: (packet: Received) => boolean): Promise<Received> {
  return inTime(client.hear(fits), () => `${what} does not come; what came: ${summaryOf(client)}`)
}

export const hearMessage = (client: WireClient, payload: string): Promise<Received> =>
  hear(client, `message ${payload}`, (one) => one.cmd === 'publish' && String(one.payload) === payload)

export const hearAnswer = (client: WireClient, cmd: Received['cmd'], messageId: number): Promise<Received> =>
  hear(client, `${cmd} ${messageId}`, (one) => one.cmd === cmd && one.messageId === messageId)

/** Waits until `count` messages have come. */
export async function hearCount(client: WireClient, count: number): Promise<void> {
  await until(client, `message ${count}`, () => messagesOf(client).length >= count)
}

/** Waits until `holds` says so about all that has come; fails when the connection closes first. */
export async function until(client: WireClient, what: string, holds: () => boolean): Promise<void> {
  const over = (): boolean => holds() || client.isClosed
  await eventually(() => `${what} does not come; what came: ${summaryOf(client)}`, over)
  if (!holds()) throw new Error(`closed before ${what} came; what came: ${summaryOf(client)}`)
}

export const closed = (client: WireClient): Promise<void> =>
  inTime(client.closed, () => `the connection stays open; what came: ${summaryOf(client)}`)

const summaryOf = ({ received }: WireClient): string =>
  `${received.length} packets, the last of them ${received
    .slice(-5)
    .map((one) => (one.cmd === 'publish' ? describe(one) : `${one.cmd} ${one.messageId ?? ''}`))
    .join(', ')}`

export const messagesOf = (client: WireClient): Received[] => client.received.filter(({ cmd }) => cmd === 'publish')

/** `topic=payload`, and every flag of the fixed header that is not 0. */
const describe = (one: Received): string =>
  [
    `${String(one['topic'])}=${String(one['payload']).slice(0, 40)}`,
    ...(one['qos'] === 0 ? [] : [`qos ${String(one['qos'])}`]),
    ...(one['dup'] === true ? ['dup'] : []),
    ...(one['retain'] === true ? ['retain'] : []),
  ].join(' ')

/** What a client has heard so far, to be compared whole. */
export const heardBy = (client: WireClient): string[] => messagesOf(client).map(describe)

/** Lets a client forget packets, so that it can wait for the next of their kind. */
export function forget(client: WireClient, fits: (packet: Received) => boolean): void {
  client.received.splice(0, Infinity, ...client.received.filter((one) => !fits(one)))
}

/** Publishes from a mute client, and waits until the broker has answered for it. */
export async function publish(
  client: WireClient,
  topic: string,
  payload: string | Buffer,
  { qos = 0, retain = false, id = 1 }: { qos?: Qos; retain?: boolean; id?: number } = {},
): Promise<void> {
  forget(client, ({ cmd, messageId }) => messageId === id && ['puback', 'pubrec', 'pubcomp'].includes(cmd))
  client.send(publishPacket(topic, payload, { qos, retain, messageId: id }))
  if (qos === 0) return await inTime(client.ping(), 'no PINGRESP')
  if (qos === 1) return void (await hearAnswer(client, 'puback', id))
  await hearAnswer(client, 'pubrec', id)
  client.send({ cmd: 'pubrel', messageId: id })
  await hearAnswer(client, 'pubcomp', id)
}

/** Many messages in one chunk, with packet identifiers from 1 on. */
export const burst = (topic: string, payloads: readonly string[], qos: Qos): Buffer =>
  Buffer.concat(
    payloads.map((payload, index) => generate(publishPacket(topic, payload, { qos, messageId: index + 1 }))),
  )

export const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => `${from + n}`)

/** Says goodbye, and waits until the broker has closed. */
export const leave = (client: WireClient): Promise<void> =>
  inTime(client.disconnect(), 'the broker does not close after DISCONNECT')
