import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodePublish,
  FixedHeader,
  MQTT_3_1,
  MQTT_3_1_1,
  PublishFrame,
  readFixedHeader,
  readPublish,
  readTopicName,
} from '../../../broker/codec/index.ts'
import { notText, publish, text, unusualText } from './support/bytes.ts'
import { decode, NO_LIMIT } from './support/decode.ts'

const QOS_1 = 0b0010
const QOS_2 = 0b0100
const QOS_3 = 0b0110
const DUP = 0b1000
const ID = [0, 1]

const refusals = [
  { name: 'QoS 3', bytes: publish(QOS_3, text('a'), ID), message: 'a message of QoS 3' },
  { name: 'DUP at QoS 0', bytes: publish(DUP, text('a')), message: /marked as sent again/ },
  { name: 'an empty topic', bytes: publish(0, text('')), message: 'a message without a topic' },
  { name: 'an empty topic at QoS 1', bytes: publish(QOS_1, text(''), ID), message: 'a message without a topic' },
  { name: 'packet identifier 0 at QoS 1', bytes: publish(QOS_1, text('a'), [0, 0]), message: 'packet identifier 0' },
  { name: 'packet identifier 0 at QoS 2', bytes: publish(QOS_2, text('a'), [0, 0]), message: 'packet identifier 0' },
  { name: 'no body', bytes: publish(0), message: /shorter/ },
  { name: 'half a topic length', bytes: publish(0, [0]), message: /shorter/ },
  { name: 'a topic that is longer than the packet', bytes: publish(0, [0, 3], 'ab'), message: /shorter/ },
  { name: 'half a packet identifier', bytes: publish(QOS_1, text('a'), [1]), message: /shorter/ },
  { name: 'no packet identifier', bytes: publish(QOS_2, text('a')), message: /shorter/ },
  { name: 'a topic with +', bytes: publish(0, text('a/+/b')), message: 'a topic has a wildcard' },
  { name: 'a topic with #', bytes: publish(0, text('a/#')), message: 'a topic has a wildcard' },
  { name: 'a topic with a+', bytes: publish(0, text('a+')), message: 'a topic has a wildcard' },
  { name: 'a topic with + behind an umlaut', bytes: publish(0, text('ü/+')), message: 'a topic has a wildcard' },
  ...notText.map(({ name, bytes }) => ({
    name: `a topic with ${name}`,
    bytes: publish(0, text(bytes)),
    message: /UTF-8|U\+0000/,
  })),
]

for (const { name, bytes, message } of refusals) {
  for (const version of [MQTT_3_1, MQTT_3_1_1]) {
    test(`PUBLISH with ${name} is refused in ${version.name}`, () => {
      // What the packet lacks follows it: it must not be borrowed.
      for (const next of [publish(QOS_1, text('next'), ID), Buffer.alloc(8)]) {
        assert.throws(() => decode(Buffer.concat([bytes, next]), version), { name: 'ProtocolError', message })
      }
    })
  }
}

const accepted = [
  { name: 'no payload', bytes: publish(0, text('a')), is: { topic: 'a' } },
  { name: 'RETAIN', bytes: publish(1, text('a'), 'x'), is: { topic: 'a', retain: true, payload: Buffer.from('x') } },
  { name: 'QoS 1', bytes: publish(QOS_1, text('a'), [1, 2]), is: { topic: 'a', qos: 1, messageId: 258 } },
  {
    name: 'QoS 2, DUP and RETAIN',
    bytes: publish(QOS_2 | DUP | 1, text('a/b'), [255, 255], [0, 1]),
    is: { topic: 'a/b', qos: 2, dup: true, retain: true, messageId: 65_535, payload: Buffer.from([0, 1]) },
  },
  { name: 'a topic of separators', bytes: publish(0, text('//')), is: { topic: '//' } },
  { name: 'the longest topic', bytes: publish(0, text('a'.repeat(65_535))), is: { topic: 'a'.repeat(65_535) } },
  ...unusualText.map(({ name, value }) => ({ name, bytes: publish(0, text(value)), is: { topic: value } })),
]

for (const { name, bytes, is } of accepted) {
  for (const version of [MQTT_3_1, MQTT_3_1_1]) {
    test(`PUBLISH with ${name} is accepted in ${version.name}`, () => {
      assert.deepEqual(decode(bytes, version), {
        cmd: 'publish',
        payload: Buffer.alloc(0),
        qos: 0,
        dup: false,
        retain: false,
        ...is,
      })
    })
  }
}

test('a frame says where its parts are, and keeps nothing of the one before', () => {
  const header = new FixedHeader()
  const frame = new PublishFrame()
  const bytes = Buffer.concat([Buffer.from('xx'), publish(QOS_1 | DUP | 1, text('abc'), [1, 0], 'payload')])
  readFixedHeader(bytes, 2, bytes.length, NO_LIMIT, header)
  readPublish(bytes, header, frame)
  const first = {
    qos: 1,
    dup: true,
    retain: true,
    topicAt: 6,
    topicEnd: 9,
    packetId: 256,
    packetIdAt: 9,
    payloadAt: 11,
  }
  assert.deepEqual(frame, Object.assign(new PublishFrame(), first, { end: 18 }))

  const plain = publish(0, text('z'))
  readFixedHeader(plain, 0, plain.length, NO_LIMIT, header)
  readPublish(plain, header, frame)
  const second = {
    qos: 0,
    dup: false,
    retain: false,
    topicAt: 4,
    topicEnd: 5,
    packetId: 0,
    packetIdAt: 0,
    payloadAt: 5,
  }
  assert.deepEqual(frame, Object.assign(new PublishFrame(), second, { end: 5 }))
})

test('a frame is not touched by a packet that is refused', () => {
  const header = new FixedHeader()
  const frame = new PublishFrame()
  const bytes = publish(QOS_1, text('abc'), [0, 0])
  readFixedHeader(bytes, 0, bytes.length, NO_LIMIT, header)
  assert.throws(() => readPublish(bytes, header, frame))
  assert.deepEqual(frame, new PublishFrame())
})

test('an empty topic name is refused by whoever reads its text, too', () => {
  assert.throws(() => readTopicName(Buffer.from('ab'), 1, 1), { name: 'ProtocolError', message: 'a topic is empty' })
})

const encoded = (topic: string, payload: Uint8Array, qos: 0 | 1 | 2, retain = false): Buffer => {
  const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, retain)
  if (qos > 0) bytes.writeUInt16BE(7, packetIdAt)
  else assert.equal(packetIdAt, 0)
  return Buffer.from(bytes.subarray(0, end))
}

const messages = [
  { name: 'a short topic', topic: 'a/b', payload: 'x' },
  { name: 'a longer topic', topic: 'losant/0123456789abcdef01234567/state', payload: 'x'.repeat(100) },
  { name: 'no payload', topic: 'a', payload: '' },
  { name: 'a short topic of Latin-1', topic: 'Gerät', payload: 'x' },
  { name: 'a short topic of several bytes to the character', topic: 'ü€😀', payload: 'x' },
  { name: 'a long topic of several bytes to the character', topic: 'ü€😀/'.repeat(20), payload: 'x' },
  { name: 'a remaining length of two bytes', topic: 'a', payload: 'x'.repeat(128) },
  { name: 'a remaining length of three bytes', topic: 'a', payload: 'x'.repeat(16_384) },
  { name: 'the longest topic', topic: 'a'.repeat(65_535), payload: 'x' },
  { name: 'the longest topic of three bytes to the character', topic: '€'.repeat(21_845), payload: 'x' },
  ...[65_520, 65_526, 65_527, 65_528, 65_529, 65_530, 65_531, 65_536, 200_000].map((bytes) => ({
    name: `a payload of ${bytes} bytes`,
    topic: 'a/b',
    payload: 'x'.repeat(bytes),
  })),
]

for (const { name, topic, payload } of messages) {
  for (const qos of [0, 1, 2] as const) {
    test(`a message with ${name} is encoded at QoS ${qos}`, () => {
      for (const retain of [false, true]) {
        const flags = (qos << 1) | (retain ? 1 : 0)
        const expected = publish(flags, text(topic), qos > 0 ? [0, 7] : [], payload)
        // Not by deepEqual, which takes long to say how two large buffers differ.
        assert.ok(encoded(topic, Buffer.from(payload), qos, retain).equals(expected))
      }
    })
  }
}

test('the same object is returned each time, and frames of the usual size share their bytes', () => {
  const first = encodePublish('a', Buffer.from('x'), 0, false)
  const { bytes } = first
  assert.equal(encodePublish('b', Buffer.alloc(100_000), 0, false), first)
  assert.notEqual(first.bytes, bytes)
  encodePublish('c', Buffer.from('x'), 0, false)
  assert.equal(first.bytes, bytes)
})

test('a payload that is part of a larger buffer, or no Buffer, is encoded alone', () => {
  const large = Buffer.from('0123456789'.repeat(20))
  for (const [start, end] of [
    [3, 8],
    [3, 50],
    [3, 190],
  ] as const) {
    const expected = publish(0, text('a'), large.subarray(start, end))
    assert.deepEqual(encoded('a', large.subarray(start, end), 0), expected)
    assert.deepEqual(encoded('a', new Uint8Array(large).subarray(start, end), 0), expected)
  }
})

test('a topic that is longer than MQTT allows is a fault of ours, however it is written', () => {
  // 65,529 characters of three bytes: of those that fit into the buffer there are as many bytes as the topic has characters.
  for (const topic of ['a'.repeat(65_536), 'ü'.repeat(32_768), '€'.repeat(65_529), '€'.repeat(65_526)]) {
    assert.throws(() => encodePublish(topic, Buffer.alloc(0), 0, false), RangeError)
  }
})

test('a message that is larger than MQTT allows is a fault of ours', () => {
  assert.throws(() => encodePublish('a', { length: 268_435_453 } as Uint8Array, 0, false), RangeError)
})
