import fc from 'fast-check'
import { generate, parser, type Packet } from 'mqtt-packet'
import { MQTT_3_1, type ProtocolVersion } from '../../../../broker/codec/index.ts'
import type { Plain } from './decode.ts'

// A second opinion that nobody here wrote: packets made by fast-check, encoded and decoded by mqtt-packet.

const characters = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replaceAll('\0', ''))
const text = fc.oneof(
  { weight: 9, arbitrary: characters },
  { weight: 1, arbitrary: characters.map((s) => s.repeat(30)) },
)
const level = characters.map((value) => value.replaceAll(/[+#/]/g, ''))

const topic = fc.oneof(
  fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/') || '/'),
  fc.constantFrom('a', '/', 'losant/0123456789abcdef01234567/state', 'x'.repeat(200)),
)

const filter = fc
  .record({
    levels: fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 5 }),
    rest: fc.boolean(),
  })
  .map(({ levels, rest }) => (rest ? [...levels, '#'] : levels).join('/') || '#')

const qos = fc.constantFrom<0 | 1 | 2>(0, 1, 2)
const messageId = fc.integer({ min: 1, max: 65_535 })
const payload = fc
  .oneof(
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((length) => new Uint8Array(length)) },
  )
  .map((bytes) => Buffer.from(bytes))

const connect = (version: ProtocolVersion): fc.Arbitrary<Packet> =>
  fc
    .record({
      clientId: version === MQTT_3_1 ? text.map((id) => id || 'x') : text, // 1 to 23 characters in 3.1
      clean: fc.boolean(),
      keepalive: fc.nat(65_535),
      will: fc.option(fc.record({ topic, payload, qos, retain: fc.boolean() })),
      username: fc.option(text),
      password: fc.option(payload),
    })
    .map(({ clientId, clean, keepalive, will, username, password }) => ({
      cmd: 'connect',
      protocolId: version.name,
      protocolVersion: version.level,
      clientId,
      // mqtt-packet makes no CONNECT whose empty client id would be refused.
      clean: clean || clientId === '',
      keepalive,
      ...(will !== null && { will }),
      ...(username !== null && { username }),
      ...(username !== null && password !== null && { password }),
    }))

const publish: fc.Arbitrary<Packet> = fc
  .record({ topic, payload, qos, retain: fc.boolean(), dup: fc.boolean(), messageId })
  .map(({ messageId: id, dup, ...message }) => ({
    cmd: 'publish',
    ...message,
    dup: dup && message.qos > 0,
    ...(message.qos > 0 && { messageId: id }),
  }))

const acknowledgement: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
  messageId,
})

const subscribe: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constant('subscribe'),
  messageId,
  subscriptions: fc.array(fc.record({ topic: filter, qos }), { minLength: 1, maxLength: 8 }),
})

const unsubscribe: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constant('unsubscribe'),
  messageId,
  unsubscriptions: fc.array(filter, { minLength: 1, maxLength: 8 }),
})

const empty: fc.Arbitrary<Packet> = fc.constantFrom({ cmd: 'pingreq' }, { cmd: 'disconnect' })

/** Any packet that a client may send. */
export const clientPacket = (version: ProtocolVersion): fc.Arbitrary<Packet> =>
  fc.oneof(connect(version), publish, acknowledgement, subscribe, unsubscribe, empty)

export const encode = (packet: Packet, version: ProtocolVersion): Buffer =>
  generate(packet, { protocolVersion: version.level })

/** The parts that MQTT 3 knows of; mqtt-packet adds those that it computed. */
const PARTS = {
  connect: ['protocolId', 'protocolVersion', 'clean', 'keepalive', 'clientId', 'will', 'username', 'password'],
  connack: ['returnCode', 'sessionPresent'],
  publish: ['topic', 'payload', 'qos', 'dup', 'retain', 'messageId'],
  puback: ['messageId'],
  pubrec: ['messageId'],
  pubrel: ['messageId'],
  pubcomp: ['messageId'],
  subscribe: ['messageId', 'subscriptions'],
  suback: ['messageId', 'granted'],
  unsubscribe: ['messageId', 'unsubscriptions'],
  unsuback: ['messageId'],
  pingreq: [],
  pingresp: [],
  disconnect: [],
  auth: [],
} as const satisfies Record<Packet['cmd'], readonly string[]>

/** What mqtt-packet makes of `bytes`: the packets, and what it refused. */
export function decodeByOthers(bytes: Buffer, version: ProtocolVersion): { packets: Plain[]; refusal?: string } {
  const packets: Plain[] = []
  let refusal: string | undefined
  const others = parser({ protocolVersion: version.level })
  others.on('packet', (packet: Packet) => {
    const given = new Map<string, unknown>(Object.entries(packet))
    const parts = PARTS[packet.cmd].filter((part) => given.get(part) !== undefined)
    packets.push({ cmd: packet.cmd, ...Object.fromEntries(parts.map((part) => [part, given.get(part)])) })
  })
  others.on('error', (error: Error) => {
    refusal = error.message
  })
  others.parse(bytes)
  return refusal === undefined ? { packets } : { packets, refusal }
}
