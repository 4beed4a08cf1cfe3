import { LIMITS } from '../../broker/support/broker.ts'
import {
  connack,
  connect,
  disconnect,
  field,
  join,
  packet,
  pingreq,
  pingresp,
  puback,
  publish,
  suback,
  subscribe,
} from '../support/bytes.ts'
import { CLOSED, closedAfter, heard, INCOMPLETE, served, type Expectation, type WireCase } from './case.ts'

/** Remaining lengths, sizes, and bodies where there must be none. Source: MQTT 3.1.1 §2.2.3, §3.12, §3.14. */

const given = (
  clause: string,
  name: string,
  bytes: Buffer | readonly number[] | readonly Buffer[],
  expect: Expectation,
  start: NonNullable<WireCase['start']> = 'logged in',
): WireCase => ({ clause, name, start, given: bytes, expect })

/** PUBLISH to `a/b` of `bytes` bytes, its fixed header included, and what it is heard as. */
function messageOf(bytes: number, qos = 0): { whole: Buffer; heardAs: string } {
  // The fixed header grows with what it announces.
  for (let padding = bytes; ; padding--) {
    const whole = publish('a/b', 'x'.repeat(padding), { qos })
    if (whole.length === bytes) return { whole, heardAs: `a/b=${'x'.repeat(padding)}` }
  }
}

/** CONNECT of `bytes` bytes, padded by the payload of its will, which DISCONNECT behind it makes moot. */
function connectOf(bytes: number, level: 3 | 4): Buffer {
  for (let padding = bytes - 20; ; padding--) {
    const will = { topic: 'w', payload: Buffer.alloc(padding, 'x') }
    const whole = connect({ level, clientId: 'padded', will })
    if (whole.length === bytes) return whole
  }
}

const encodings = [
  // The fixed header of two to four bytes and the body around each border.
  ...[127, 128, 16_383, 16_384].map((length) => {
    const payload = 'x'.repeat(length - 5)
    return given(
      '§2.2.3',
      `a remaining length of ${length}`,
      publish('a/b', payload),
      heard(served(), `a/b=${payload}`),
    )
  }),
  ...[127, 128, 16_381].map((length) => {
    const padding = length - (connect({ clientId: 'unknown', userName: '' }).length - 2)
    return given(
      '§2.2.3',
      `a CONNECT with a remaining length of ${length}`,
      connect({ clientId: 'unknown', userName: 'u'.repeat(padding) }),
      closedAfter(connack(4)),
      'not connected',
    )
  }),
  given('§2.2.3', 'a remaining length of five bytes', [0x30, 0xff, 0xff, 0xff, 0xff, 0x01], CLOSED),
  given('§2.2.3', 'a remaining length of five bytes, the last of them 0', [0xc0, 0x80, 0x80, 0x80, 0x80, 0], CLOSED),
  given('§2.2.3', 'four bytes of a remaining length that all announce more', [0x30, 0xff, 0xff, 0xff, 0xff], CLOSED),
  given(
    '§2.2.3',
    'a remaining length of five bytes in a CONNECT',
    [0x10, 0xff, 0xff, 0xff, 0xff, 0x01],
    CLOSED,
    'not connected',
  ),
  given(
    '§2.2.3',
    'a remaining length of five bytes, byte by byte',
    [0x30, 0xff, 0xff, 0xff, 0xff, 1].map((byte) => Buffer.from([byte])),
    CLOSED,
  ),
  // Longer than needed, which MQTT 3.1.1 does not forbid.
  ...[
    [0x80, 0x00],
    [0x80, 0x80, 0x00],
    [0x80, 0x80, 0x80, 0x00],
  ].map((digits) =>
    given(
      '§2.2.3',
      `PINGREQ with a remaining length of 0 in ${digits.length} bytes`,
      [0xc0, ...digits],
      served(pingresp()),
    ),
  ),
  ...[
    [0x86, 0x00],
    [0x86, 0x80, 0x00],
    [0x86, 0x80, 0x80, 0x00],
  ].map((digits) =>
    given(
      '§2.2.3',
      `PUBLISH with a remaining length of 6 in ${digits.length} bytes`,
      join([0x30, ...digits], field('a/b'), Buffer.from('x')),
      heard(served(), 'a/b=x'),
    ),
  ),
  given('§2.2.3', 'nothing but a first byte', [0xc0], INCOMPLETE),
  given('§2.2.3', 'a remaining length without its end', [0x30, 0x80], INCOMPLETE),
  given('§2.2.3', 'a remaining length without its end, three bytes of it', [0x30, 0x80, 0x80, 0x80], INCOMPLETE),
  given('§2.2.3', 'nothing but the first byte of CONNECT', [0x10], INCOMPLETE, 'not connected'),
  given(
    '§2.2.3',
    'each byte of PUBLISH and PINGREQ by itself',
    Array.from(join(publish('a/b', 'x'.repeat(200)), pingreq()), (byte) => Buffer.from([byte])),
    heard(served(pingresp()), `a/b=${'x'.repeat(200)}`),
  ),
  given(
    '§2.2.3',
    'a hundred packets in one chunk',
    join(...Array.from({ length: 100 }, pingreq)),
    served(...Array.from({ length: 100 }, pingresp)),
  ),
]

const { maxConnectPacketBytes, maxPacketBytes } = LIMITS
const largest = messageOf(maxPacketBytes)
const { whole: oneMore } = messageOf(maxPacketBytes + 1)
const largerThanConnect = messageOf(maxConnectPacketBytes + 100)
const largestOfQos1 = messageOf(maxPacketBytes, 1)

const sizes = [
  ...([3, 4] as const).flatMap((level) => [
    given(
      'policy',
      `a CONNECT of level ${level} of exactly the largest size`,
      join(connectOf(maxConnectPacketBytes, level), disconnect()),
      closedAfter(connack(0)),
      'not connected',
    ),
    given(
      'policy',
      `a CONNECT of level ${level} of one byte more`,
      connectOf(maxConnectPacketBytes + 1, level),
      CLOSED,
      'not connected',
    ),
  ]),
  given(
    'policy',
    'the fixed header of a CONNECT of one byte more',
    connectOf(maxConnectPacketBytes + 1, 4).subarray(0, 4),
    CLOSED,
    'not connected',
  ),
  given('policy', 'the fixed header of a CONNECT of 256 MB', [0x10, 0xff, 0xff, 0xff, 0x7f], CLOSED, 'not connected'),
  given('policy', 'a message of exactly the largest size', largest.whole, heard(served(), largest.heardAs)),
  given(
    'policy',
    'a message of QoS 1 of exactly the largest size',
    largestOfQos1.whole,
    heard(served(puback()), largestOfQos1.heardAs),
  ),
  given('policy', 'a message of one byte more', oneMore, CLOSED),
  given('policy', 'the fixed header of a message of one byte more', oneMore.subarray(0, 4), CLOSED),
  given('policy', 'the fixed header of a message of 256 MB', [0x30, 0xff, 0xff, 0xff, 0x7f], CLOSED),
  given('policy', 'the fixed header of a message of 2 MB', [0x32, 0x80, 0x80, 0x80, 0x01], CLOSED),
  given('policy', 'the fixed header of a SUBSCRIBE of 256 MB', [0x82, 0xff, 0xff, 0xff, 0x7f], CLOSED),
  given(
    'policy',
    'a message larger than a CONNECT may be, right behind CONNECT',
    join(connect({ clientId: 'large-1' }), largerThanConnect.whole),
    heard(served(connack(0)), largerThanConnect.heardAs),
    'not connected',
  ),
  given(
    'policy',
    'the fixed header of a message of 256 MB, right behind CONNECT',
    join(connect({ clientId: 'large-2' }), [0x30, 0xff, 0xff, 0xff, 0x7f]),
    closedAfter(connack(0)),
    'not connected',
  ),
  given('§1.5.3', 'a filter of 65,535 bytes', subscribe(['x'.repeat(65_535)]), served(suback([0]))),
  given('§1.5.3', 'a topic of 65,535 bytes', publish('x'.repeat(65_535)), heard(served(), `${'x'.repeat(65_535)}=x`)),
]

const noBody = [
  given('§3.12', 'PINGREQ with a body', packet(0xc0, [0]), CLOSED),
  given('§3.12', 'PINGREQ with a body of another PINGREQ', packet(0xc0, pingreq()), CLOSED),
  given('§3.14', 'DISCONNECT with a body', packet(0xe0, [0]), CLOSED),
  given('§3.14', 'DISCONNECT with a reason, as in MQTT 5', packet(0xe0, [4, 0]), CLOSED),
  given('§3.14', 'DISCONNECT with nothing behind it', disconnect(), CLOSED),
  given('MQTT-3.14.1-1', 'DISCONNECT with a body as the first packet', packet(0xe0, [0]), CLOSED, 'not connected'),
]

const willOfBadDisconnect: readonly WireCase[] = [
  given(
    'MQTT-3.14.4-3',
    'a DISCONNECT with reserved bits is none, and the will is published',
    join(connect({ clientId: 'no-goodbye', will: { topic: 'w', payload: 'gone' } }), [0xe1, 0]),
    heard(closedAfter(connack(0)), 'w=gone'),
    'not connected',
  ),
  given(
    'MQTT-3.14.4-3',
    'a DISCONNECT with a body is none, and the will is published',
    join(connect({ clientId: 'no-goodbye', will: { topic: 'w', payload: 'gone' } }), [0xe0, 1, 0]),
    heard(closedAfter(connack(0)), 'w=gone'),
    'not connected',
  ),
]

export const lengths: readonly WireCase[] = [...encodings, ...sizes, ...noBody, ...willOfBadDisconnect]
