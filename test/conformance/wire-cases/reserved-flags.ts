import {
  connect,
  field,
  packet,
  puback,
  publish,
  pubrec,
  suback,
  subscribe,
  uint16,
  unsuback,
  unsubscribe,
  pubcomp,
} from '../support/bytes.ts'
import { CLOSED, heard, hearing, served, type WireCase } from './case.ts'

/** Every combination of the four flags in the fixed header. Source: MQTT 3.1.1 §2.2.2, table 2.2. */

const nibble = (flags: number): string => flags.toString(2).padStart(4, '0')
const ALL = Array.from({ length: 16 }, (_, flags) => flags)

const packetsWithReservedFlags = [
  { name: 'PUBACK', first: 0x40, right: 0, body: uint16(7), clause: 'MQTT-2.2.2-2' },
  { name: 'PUBREC', first: 0x50, right: 0, body: uint16(7), clause: 'MQTT-2.2.2-2' },
  { name: 'PUBREL', first: 0x60, right: 2, body: uint16(7), clause: 'MQTT-3.6.1-1' },
  { name: 'PUBCOMP', first: 0x70, right: 0, body: uint16(7), clause: 'MQTT-2.2.2-2' },
  { name: 'SUBSCRIBE', first: 0x80, right: 2, body: subscribe(['a/b']).subarray(2), clause: 'MQTT-3.8.1-1' },
  { name: 'UNSUBSCRIBE', first: 0xa0, right: 2, body: unsubscribe(['a/b']).subarray(2), clause: 'MQTT-3.10.1-1' },
  { name: 'PINGREQ', first: 0xc0, right: 0, body: [], clause: 'MQTT-2.2.2-2' },
  { name: 'DISCONNECT', first: 0xe0, right: 0, body: [], clause: 'MQTT-3.14.1-1' },
] as const

const publishes = ALL.map((flags): WireCase => {
  const [dup, qos, retain] = [(flags & 8) !== 0, (flags >> 1) & 3, (flags & 1) !== 0]
  // An empty payload leaves no retained message behind.
  const given = publish('flags', '', { dup, qos, retain })
  const name = `PUBLISH with flags ${nibble(flags)}`
  if (qos === 3) return { clause: 'MQTT-3.3.1-4', name: `${name}, QoS 3`, given, expect: CLOSED }
  if (qos === 0 && dup) return { clause: 'MQTT-3.3.1-2', name: `${name}, DUP of QoS 0`, given, expect: CLOSED }
  if (qos === 2) {
    // Passed on at PUBLISH or at PUBREL, so this says both.
    const both = [given, hearing(pubrec()), packet(0x62, uint16(7))]
    return { clause: '§3.3.1', name, given: both, expect: heard(served(pubrec(), pubcomp()), 'flags=') }
  }
  const expect = qos === 0 ? served() : served(puback())
  return { clause: '§3.3.1', name, given, expect: heard(expect, 'flags=') }
})

export const reservedFlags: readonly WireCase[] = [
  ...ALL.filter((flags) => flags !== 0).map((flags): WireCase => ({
    clause: 'MQTT-2.2.2-2',
    name: `CONNECT with flags ${nibble(flags)}`,
    start: 'not connected',
    given: connect({ firstByte: 0x10 | flags }),
    expect: CLOSED,
  })),
  ...publishes,
  ...packetsWithReservedFlags.flatMap(({ name, first, right, body, clause }) =>
    ALL.filter((flags) => flags !== right).map((flags): WireCase => ({
      clause,
      name: `${name} with flags ${nibble(flags)}`,
      given: packet(first | flags, body),
      expect: CLOSED,
    })),
  ),
  // In MQTT 3.1 these are sent with QoS 1 and may be sent again, with DUP.
  {
    clause: '3.1 §3.8',
    name: 'SUBSCRIBE with DUP',
    version: 3,
    given: subscribe(['a/b'], { firstByte: 0x8a }),
    expect: served(suback([0])),
  },
  {
    clause: '3.1 §3.10',
    name: 'UNSUBSCRIBE with DUP',
    version: 3,
    given: unsubscribe(['a/b'], { firstByte: 0xaa }),
    expect: served(unsuback()),
  },
  {
    clause: '3.1 §3.6',
    name: 'PUBREL with DUP',
    version: 3,
    given: packet(0x6a, uint16(7)),
    expect: served(pubcomp()),
  },
  ...[
    { name: 'PUBLISH of QoS 3', given: publish('a/b', 'x', { qos: 3 }) },
    { name: 'SUBSCRIBE of QoS 0', given: subscribe(['a/b'], { firstByte: 0x80 }) },
    { name: 'SUBSCRIBE of QoS 2', given: subscribe(['a/b'], { firstByte: 0x84 }) },
    { name: 'UNSUBSCRIBE of QoS 0', given: unsubscribe(['a/b'], { firstByte: 0xa0 }) },
    { name: 'PUBREL of QoS 0', given: packet(0x60, uint16(7)) },
    { name: 'PUBREL of QoS 2', given: packet(0x64, uint16(7)) },
  ].map(({ name, given }): WireCase => ({ clause: '3.1 §2.1', name, version: 3, given, expect: CLOSED })),
  {
    clause: '3.1 §2.1',
    name: 'CONNECT with DUP',
    start: 'not connected',
    // The body of a 3.1 CONNECT under another first byte.
    given: packet(0x18, field('MQIsdp'), [3, 2, 0, 0], field('x')),
    expect: CLOSED,
  },
]
