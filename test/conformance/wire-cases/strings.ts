import { connack, connect, publish, suback, subscribe, unsubscribe, type Bytes } from '../support/bytes.ts'
import { CLOSED, closedAfter, heard, hearing, served, type WireCase } from './case.ts'

/** UTF-8 in every field that holds it. Source: MQTT 3.1.1 §1.5.3; RFC 3629 §3. */

const ill = [
  { name: 'U+0000', bytes: [0x61, 0x00, 0x62], clause: 'MQTT-1.5.3-2' },
  { name: 'nothing but U+0000', bytes: [0x00], clause: 'MQTT-1.5.3-2' },
  { name: 'U+D800, a surrogate', bytes: [0xed, 0xa0, 0x80], clause: 'MQTT-1.5.3-1' },
  { name: 'U+DFFF, a surrogate', bytes: [0xed, 0xbf, 0xbf], clause: 'MQTT-1.5.3-1' },
  { name: 'a pair of surrogates', bytes: [0xed, 0xa0, 0xbd, 0xed, 0xb4, 0x97], clause: 'MQTT-1.5.3-1' },
  { name: 'U+0000 in two bytes', bytes: [0x61, 0xc0, 0x80], clause: 'MQTT-1.5.3-1' },
  { name: '/ in two bytes', bytes: [0x61, 0xc0, 0xaf], clause: 'MQTT-1.5.3-1' },
  { name: '/ in three bytes', bytes: [0xe0, 0x80, 0xaf], clause: 'MQTT-1.5.3-1' },
  { name: '/ in four bytes', bytes: [0xf0, 0x80, 0x80, 0xaf], clause: 'MQTT-1.5.3-1' },
  { name: 'U+110000', bytes: [0xf4, 0x90, 0x80, 0x80], clause: 'MQTT-1.5.3-1' },
  { name: 'a continuation without a start', bytes: [0x61, 0x80], clause: 'MQTT-1.5.3-1' },
  { name: 'a start without a continuation', bytes: [0x61, 0xc3], clause: 'MQTT-1.5.3-1' },
  { name: 'three bytes of four', bytes: [0xf0, 0x9f, 0x94], clause: 'MQTT-1.5.3-1' },
  { name: 'the byte FE', bytes: [0xfe], clause: 'MQTT-1.5.3-1' },
  { name: 'the byte FF', bytes: [0xff], clause: 'MQTT-1.5.3-1' },
] as const

const fields: readonly { name: string; start?: 'not connected'; packetWith: (bytes: Bytes) => Buffer }[] = [
  { name: 'the topic of a PUBLISH', packetWith: (bytes) => publish(bytes) },
  { name: 'a filter of a SUBSCRIBE', packetWith: (bytes) => subscribe([bytes]) },
  { name: 'a filter of an UNSUBSCRIBE', packetWith: (bytes) => unsubscribe([bytes]) },
  { name: 'the client id', start: 'not connected', packetWith: (clientId) => connect({ clientId }) },
  { name: 'the topic of a will', start: 'not connected', packetWith: (topic) => connect({ will: { topic } }) },
  { name: 'the user name', start: 'not connected', packetWith: (userName) => connect({ userName }) },
]

const illFormed = fields.flatMap(({ name: fieldName, start, packetWith }) =>
  ill.map(({ name, bytes, clause }): WireCase => ({
    clause,
    name: `${name} in ${fieldName}`,
    ...(start === undefined ? {} : { start }),
    given: packetWith(bytes),
    expect: CLOSED,
  })),
)

const wellFormed = [
  { name: 'U+FEFF at the start', text: '\u{feff}a', clause: 'MQTT-1.5.3-3' },
  { name: 'U+FEFF in the middle', text: 'a\u{feff}b', clause: 'MQTT-1.5.3-3' },
  { name: 'U+0080, the first of two bytes', text: 'a\u{a2}', clause: '§1.5.3' },
  { name: 'U+0800, the first of three bytes', text: '\u{800}', clause: '§1.5.3' },
  { name: 'U+D7FF, the last before the surrogates', text: '\u{d7ff}', clause: '§1.5.3' },
  { name: 'U+E000, the first after the surrogates', text: '\u{e000}', clause: '§1.5.3' },
  { name: 'U+FFFD', text: '\u{fffd}', clause: '§1.5.3' },
  { name: 'U+10000, the first of four bytes', text: '\u{10000}', clause: '§1.5.3' },
  { name: 'U+10FFFD', text: '\u{10fffd}', clause: '§1.5.3' },
].flatMap(({ name, text, clause }): WireCase[] => [
  { clause, name: `${name} in a topic`, given: publish(text), expect: heard(served(), `${text}=x`) },
  {
    clause,
    name: `${name} in a filter`,
    given: [subscribe([text]), hearing(suback([0])), publish(text)],
    expect: heard(served(suback([0]), publish(text)), `${text}=x`),
  },
  {
    clause,
    name: `${name} in a client id`,
    start: 'not connected',
    given: connect({ clientId: text }),
    expect: served(connack(0)),
  },
])

const otherwise: readonly WireCase[] = [
  {
    clause: '§3.1.3.3',
    name: 'the payload of a will may be any bytes',
    start: 'not connected',
    given: Buffer.concat([
      connect({ clientId: 'will-bytes', will: { topic: 'w', payload: [0, 0xff, 0xed, 0xa0] } }),
      Buffer.from([0xe0, 0]),
    ]),
    expect: closedAfter(connack(0)),
  },
  {
    clause: '§3.3.3',
    name: 'the payload of a message may be any bytes',
    given: publish('a/b', [0, 0xff, 0xed]),
    expect: heard(served(), `a/b=${String(Buffer.from([0, 0xff, 0xed]))}`),
  },
]

export const strings: readonly WireCase[] = [...illFormed, ...wellFormed, ...otherwise]
