import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkFlags,
  FixedHeader,
  MQTT_3_1,
  MQTT_3_1_1,
  PacketType,
  ProtocolError,
  readFixedHeader,
  type ProtocolVersion,
} from '../../../broker/codec/index.ts'
import { remainingLength } from './support/bytes.ts'
import { NO_LIMIT } from './support/decode.ts'

const PINGREQ = PacketType.PINGREQ << 4

const read = (bytes: readonly number[], maxPacketBytes = NO_LIMIT): FixedHeader & { whole: boolean } => {
  const header = new FixedHeader()
  const whole = readFixedHeader(Buffer.from(bytes), 0, bytes.length, maxPacketBytes, header)
  return Object.assign(header, { whole })
}

const refusals = [
  { name: 'packet type 0', bytes: [0x00], message: /type 0, which no client sends/ },
  { name: 'CONNACK', bytes: [0x20], message: /type 2/ },
  { name: 'SUBACK', bytes: [0x90], message: /type 9/ },
  { name: 'UNSUBACK', bytes: [0xb0], message: /type 11/ },
  { name: 'PINGRESP', bytes: [0xd0], message: /type 13/ },
  { name: 'packet type 15', bytes: [0xf0], message: /type 15/ },
  { name: 'a remaining length of five bytes', bytes: [PINGREQ, 0x80, 0x80, 0x80, 0x80, 0], message: /four bytes/ },
  { name: 'a fourth byte of length with a fifth to come', bytes: [PINGREQ, 255, 255, 255, 255], message: /four bytes/ },
]

for (const { name, bytes, message } of refusals) {
  test(`a fixed header with ${name} is refused`, () => {
    assert.throws(() => read(bytes), { name: 'ProtocolError', message })
  })
}

test('a packet larger than is allowed is refused by its fixed header', () => {
  assert.throws(() => read([0x30, 99], 100), { message: 'a packet of 101 bytes; 100 are allowed' })
  assert.throws(() => read([0x30, ...remainingLength(268_435_455)], 100), ProtocolError)
  assert.equal(read([0x30, 98], 100).packetBytes, 100)
  // Three bytes of header: the header counts.
  assert.equal(read([0x30, ...remainingLength(200)], 203).packetBytes, 203)
  assert.throws(() => read([0x30, ...remainingLength(200)], 202), ProtocolError)
})

test('no length is known while it is incomplete, and nothing of an earlier packet remains', () => {
  const header = new FixedHeader()
  assert.equal(readFixedHeader(Buffer.from([0x32, 5, 0, 0, 0, 0, 0]), 0, 7, NO_LIMIT, header), true)
  for (const [bytes, type] of [
    [[], 0],
    [[PINGREQ], PacketType.PINGREQ],
    [[PINGREQ, 0x80], PacketType.PINGREQ],
    [[PINGREQ, 0x80, 0x80, 0x80], PacketType.PINGREQ],
  ] as const) {
    assert.equal(readFixedHeader(Buffer.from(bytes), 0, bytes.length, NO_LIMIT, header), false)
    assert.equal(header.packetBytes, 0)
    assert.equal(header.type, type)
  }
})

// MQTT 3.1.1 §2.2.3, table 2.4
for (const [digits, lengths] of [
  [1, [0, 127]],
  [2, [128, 16_383]],
  [3, [16_384, 2_097_151]],
  [4, [2_097_152, 268_435_455]],
] as const) {
  for (const length of lengths) {
    test(`a remaining length of ${length} takes ${digits} bytes`, () => {
      const header = read([0x30, ...remainingLength(length)])
      assert.equal(header.bodyAt, 1 + digits)
      assert.equal(header.end, 1 + digits + length)
      assert.equal(header.packetBytes, 1 + digits + length)
      assert.equal(header.whole, length === 0)
    })
  }
}

test('a remaining length with more digits than it needs is allowed: 3.1.1 does not ask for the fewest', () => {
  const { packetBytes, bodyAt, end, whole } = read([PINGREQ, 0x80, 0x80, 0x80, 0])
  assert.deepEqual({ packetBytes, bodyAt, end, whole }, { packetBytes: 5, bodyAt: 5, end: 5, whole: true })
})

test('a packet is whole when its last byte is before the limit, whatever follows in the buffer', () => {
  const bytes = Buffer.from([9, 9, 0x40, 2, 0, 1, 0x40, 2])
  const header = new FixedHeader()
  assert.equal(readFixedHeader(bytes, 2, 5, NO_LIMIT, header), false)
  assert.equal(header.packetBytes, 4)
  assert.equal(readFixedHeader(bytes, 2, 6, NO_LIMIT, header), true)
  assert.deepEqual(
    header,
    Object.assign(new FixedHeader(), { type: PacketType.PUBACK, flags: 0, packetBytes: 4, bodyAt: 4, end: 6 }),
  )
})

const any = Array.from({ length: 16 }, (_, flags) => flags)
const {
  CONNECT,
  PUBLISH,
  PUBACK,
  PUBREC,
  PUBREL,
  PUBCOMP,
  SUBSCRIBE,
  UNSUBSCRIBE,
  PINGREQ: PING,
  DISCONNECT,
} = PacketType

const flagsOf = new Map([
  [CONNECT, { v31: [0], v311: [0] }],
  [PUBLISH, { v31: any, v311: any }],
  [PUBACK, { v31: [0], v311: [0] }],
  [PUBREC, { v31: [0], v311: [0] }],
  [PUBREL, { v31: [2, 10], v311: [2] }],
  [PUBCOMP, { v31: [0], v311: [0] }],
  [SUBSCRIBE, { v31: [2, 10], v311: [2] }],
  [UNSUBSCRIBE, { v31: [2, 10], v311: [2] }],
  [PING, { v31: [0], v311: [0] }],
  [DISCONNECT, { v31: [0], v311: [0] }],
] as const)

function acceptedFlags(type: number, version: ProtocolVersion): number[] {
  return any.filter((flags) => {
    try {
      checkFlags(Object.assign(new FixedHeader(), { type, flags }), version)
      return true
    } catch (error) {
      assert.ok(error instanceof ProtocolError)
      return false
    }
  })
}

for (const [type, { v31, v311 }] of flagsOf) {
  test(`packet type ${type} has flags ${v311.join(', ')}, in 3.1 ${v31.join(', ')}, and no others`, () => {
    assert.deepEqual(acceptedFlags(type, MQTT_3_1_1), v311)
    assert.deepEqual(acceptedFlags(type, MQTT_3_1), v31)
  })
}
