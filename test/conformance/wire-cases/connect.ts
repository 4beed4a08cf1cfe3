import { SECRET, keyOfDevice, deviceIdOf } from '../../broker/support/door.ts'
import {
  connack,
  connect,
  field,
  join,
  packet,
  publish,
  SUBJECT,
  uint16,
  type Bytes,
  type ConnectFields,
} from '../support/bytes.ts'
import { CLOSED, closedAfter, heard, INCOMPLETE, served, type Expectation, type WireCase } from './case.ts'

/** CONNECT field by field. Source: MQTT 3.1.1 §3.1; MQTT 3.1 §3.1. */

const given = (clause: string, name: string, fields: ConnectFields | Buffer, expect: Expectation): WireCase => ({
  clause,
  name,
  start: 'not connected',
  given: Buffer.isBuffer(fields) ? fields : connect(fields),
  expect,
})

const accepted = served(connack(0))
const wrongLevel = closedAfter(connack(1))
const rejectedId = closedAfter(connack(2))
const wrongCredentials = closedAfter(connack(4))
const notAuthorized = closedAfter(connack(5))

const protocols = [
  given('MQTT-3.1.2-1', 'MQTT, level 4', { clientId: 'level-4' }, accepted),
  given('3.1 §3.1', 'MQIsdp, level 3', { level: 3, clientId: 'level-3' }, accepted),
  ...['MQTX', 'mqtt', 'MQIsdP', 'MQTT ', 'MQT', 'MQTTT', 'HTTP', ''].map((protocol) =>
    given('MQTT-3.1.2-1', `protocol name ${JSON.stringify(protocol)}`, { protocol }, CLOSED),
  ),
  given('MQTT-1.5.3-1', 'a protocol name that is not UTF-8', { protocol: [0x4d, 0x51, 0xed, 0xa0, 0x80] }, CLOSED),
  ...[0, 1, 2, 3, 5, 6, 7, 0x7f, 0x83, 0x84, 0xff].map((level) =>
    given('MQTT-3.1.2-2', `MQTT, level ${level}`, { protocol: 'MQTT', level }, wrongLevel),
  ),
  ...[0, 2, 4, 5, 6, 0x83].map((level) =>
    given('MQTT-3.1.2-2', `MQIsdp, level ${level}`, { protocol: 'MQIsdp', level }, wrongLevel),
  ),
  given('MQTT-3.1.2-2', 'nothing behind an unknown level', packet(0x10, field('MQTT'), [6]), wrongLevel),
]

const flags = [
  given('MQTT-3.1.2-3', 'the reserved flag', { flags: 0xc3 }, CLOSED),
  given('MQTT-3.1.2-3', 'the reserved flag, MQTT 3.1', { level: 3, flags: 0xc3 }, CLOSED),
  given('MQTT-3.1.2-3', 'nothing but the reserved flag', { flags: 0x01, userName: null, password: null }, CLOSED),
  ...[1, 2, 3].map((qos) =>
    given('MQTT-3.1.2-13', `will QoS ${qos} without a will`, { flags: 0xc2 | (qos << 3) }, CLOSED),
  ),
  given('MQTT-3.1.2-15', 'will retain without a will', { flags: 0xe2 }, CLOSED),
  given('MQTT-3.1.2-14', 'a will of QoS 3', { will: { topic: 'w', qos: 3 } }, CLOSED),
  given('MQTT-3.1.2-14', 'a retained will of QoS 3', { will: { topic: 'w', qos: 3, retain: true } }, CLOSED),
  given('MQTT-3.1.2-14', 'a will of QoS 3, MQTT 3.1', { level: 3, will: { topic: 'w', qos: 3 } }, CLOSED),
  given('MQTT-3.1.2-22', 'a password without a user name', { userName: null }, CLOSED),
  given('3.1 §3.1', 'a password without a user name, MQTT 3.1', { level: 3, userName: null }, CLOSED),
]

const wills = [
  ...['w/#', '#', '+', 'w/+', 'w/+/x', 'a#', 'a+'].map((topic) =>
    given('MQTT-3.3.2-2', `a will to ${JSON.stringify(topic)}`, { will: { topic } }, CLOSED),
  ),
  given('MQTT-4.7.3-1', 'a will without a topic', { will: { topic: '' } }, CLOSED),
  given('MQTT-4.7.3-1', 'a will without a topic, MQTT 3.1', { level: 3, will: { topic: '' } }, CLOSED),
  given('policy', 'a will to a $-topic', { clientId: 'w-dollar', will: { topic: '$SYS/x' } }, notAuthorized),
  ...[0, 1, 2].map((qos) =>
    given(
      'MQTT-3.1.2-8',
      `a will of QoS ${qos} is published when the connection breaks`,
      { clientId: `will-${qos}`, will: { topic: 'w', payload: `will ${qos}`, qos } },
      heard(accepted, `w=will ${qos}`),
    ),
  ),
  given(
    'MQTT-3.1.2-8',
    'a will without a payload',
    { clientId: 'will-empty', will: { topic: 'w', payload: '' } },
    heard(accepted, 'w='),
  ),
  given(
    'MQTT-3.1.2-8',
    'a will of MQTT 3.1',
    { level: 3, clientId: 'will-old', will: { topic: 'w', payload: 'old' } },
    heard(accepted, 'w=old'),
  ),
  given(
    'MQTT-3.1.2-8',
    'a will is published when its client breaks the protocol',
    join(connect({ clientId: 'will-broken', will: { topic: 'w', payload: 'broke' } }), [0xf0, 0]),
    heard(closedAfter(connack(0)), 'w=broke'),
  ),
  given(
    'MQTT-3.1.2-10',
    'a will is not published after DISCONNECT',
    join(connect({ clientId: 'will-moot', will: { topic: 'w', payload: 'never' } }), [0xe0, 0]),
    closedAfter(connack(0)),
  ),
  given(
    'MQTT-3.1.4-5',
    'the will of a refused login is not published',
    { clientId: 'will-refused', password: 'wrong', will: { topic: 'w', payload: 'never' } },
    wrongCredentials,
  ),
]

const clientIds = [
  given('MQTT-3.1.3-8', 'an empty client id with clean=0', { clientId: '', clean: false }, rejectedId),
  given('MQTT-3.1.3-6', 'an empty client id with clean=1', { clientId: '' }, accepted),
  given('3.1 §3.1', 'an empty client id with clean=0, MQTT 3.1', { level: 3, clientId: '', clean: false }, rejectedId),
  given('3.1 §3.1', 'an empty client id with clean=1, MQTT 3.1', { level: 3, clientId: '' }, rejectedId),
  given('MQTT-3.1.3-5', 'a client id of 1 character', { clientId: 'x' }, accepted),
  given('MQTT-3.1.3-5', 'a client id of 23 characters', { clientId: 'aA0aA0aA0aA0aA0aA0aA0aA' }, accepted),
  given('policy', 'a client id of 256 characters', { clientId: 'x'.repeat(256) }, accepted),
  given('MQTT-3.1.3-9', 'a client id of 257 characters', { clientId: 'x'.repeat(257) }, rejectedId),
  given(
    'policy',
    'a client id of 24 characters, MQTT 3.1',
    { level: 3, clientId: deviceIdOf(9), userName: keyOfDevice(9) },
    accepted,
  ),
]

const credentials = [
  given('policy', 'a wrong password', { clientId: 'no-1', password: 'wrong' }, wrongCredentials),
  given('policy', 'an unknown user name', { clientId: 'no-2', userName: 'nobody' }, wrongCredentials),
  given('policy', 'an empty user name', { clientId: 'no-3', userName: '' }, wrongCredentials),
  given('policy', 'an empty password', { clientId: 'no-4', password: '' }, wrongCredentials),
  given('policy', 'no credentials', { clientId: 'no-5', userName: null, password: null }, wrongCredentials),
  given('policy', 'a user name without a password', { clientId: 'no-6', password: null }, wrongCredentials),
  given('policy', 'a wrong password, MQTT 3.1', { level: 3, clientId: 'no-7', password: 'wrong' }, wrongCredentials),
  given('§3.1.3.5', 'a password with U+0000', { clientId: 'no-8', password: `${SECRET}\0` }, wrongCredentials),
  given('§3.1.3.5', 'a password that is no UTF-8', { clientId: 'no-9', password: [0xff, 0xfe] }, wrongCredentials),
  given(
    'policy',
    "a device's key with another device's client id",
    { clientId: deviceIdOf(2), userName: keyOfDevice(1) },
    wrongCredentials,
  ),
]

/** The bytes of a whole CONNECT, cut off after `length` bytes of its body, with a fixed header that fits. */
const cutTo = (length: number): Buffer => {
  const whole = connect({ clientId: 'cut', will: { topic: 'w' } })
  return packet(0x10, whole.subarray(2, 2 + length))
}
const bodyLength = connect({ clientId: 'cut', will: { topic: 'w' } }).length - 2

const lengths = [
  ...Array.from({ length: bodyLength }, (_, length) =>
    given('§3.1', `a CONNECT that ends after ${length} of ${bodyLength} bytes`, cutTo(length), CLOSED),
  ),
  given('§3.1', 'one byte behind the last field', { more: [0] }, CLOSED),
  given('§3.1', 'a whole field behind the last field', { more: field('more') }, CLOSED),
  given('§3.1', 'a user name that the flags do not announce', { flags: 0x02 }, CLOSED),
  given('§3.1', 'half a CONNECT', connect().subarray(0, 20), INCOMPLETE),
  given('§3.1', 'a CONNECT without its last byte', connect().subarray(0, -1), INCOMPLETE),
  given('MQTT-3.1.0-1', 'HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: broker\r\n\r\n'), CLOSED),
  given('MQTT-3.1.0-1', 'TLS', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), CLOSED),
]

const onTheWire: readonly WireCase[] = [
  {
    clause: '§3.1',
    name: 'CONNECT and PUBLISH byte by byte',
    start: 'not connected',
    given: Array.from(join(connect({ clientId: 'byte-by-byte' }), publish('a/b')), (byte) => Buffer.from([byte])),
    expect: heard(accepted, 'a/b=x'),
  },
  given('§3.1.2.10', 'the longest keep alive', { clientId: 'keep-alive', keepAlive: 0xffff }, accepted),
  given(
    'MQTT-3.1.3-1',
    'all fields at once',
    { clientId: 'all', will: { topic: 'w', payload: 'all', qos: 2 }, keepAlive: 60, clean: false },
    heard(accepted, 'w=all'),
  ),
  given(
    'MQTT-3.2.2-3',
    'no session is present for a client that is new',
    { clientId: 'never-seen', clean: false },
    accepted,
  ),
  given(
    'MQTT-3.1.0-2',
    'CONNECT twice in one chunk',
    join(connect({ clientId: 'twice' }), connect()),
    closedAfter(connack(0)),
  ),
  given(
    'MQTT-3.1.0-2',
    'CONNECT twice, the second of MQTT 3.1',
    join(connect({ clientId: 'twice' }), connect({ level: 3 })),
    closedAfter(connack(0)),
  ),
  given(
    'MQTT-3.1.4-5',
    'a message behind a CONNECT that is refused',
    join(connect({ clientId: 'no-10', password: 'wrong' }), publish('a/b')),
    wrongCredentials,
  ),
]

const raw = (...parts: readonly Bytes[]): Buffer => packet(0x10, field('MQTT'), ...parts)

const longFields = [
  given('§1.5.3', 'a client id longer than its packet', raw([4, 2, 0, 0], uint16(200), Buffer.from('x')), CLOSED),
  given(
    '§1.5.3',
    'a password longer than its packet',
    raw([4, 0xc2, 0, 0], field('x'), field(SUBJECT), uint16(0xffff), Buffer.from(SECRET)),
    CLOSED,
  ),
]

export const connects: readonly WireCase[] = [
  ...protocols,
  ...flags,
  ...wills,
  ...clientIds,
  ...credentials,
  ...lengths,
  ...onTheWire,
  ...longFields,
]
