import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSuback, MQTT_3_1, MQTT_3_1_1 } from '../../../broker/codec/index.ts'
import { frame, notText, text, unusualText } from './support/bytes.ts'
import { decode } from './support/decode.ts'

const ID = [0, 9]
const next = Buffer.from([0, 1, 0x61, 0, 0, 1, 0x61, 0])
const versions = [MQTT_3_1, MQTT_3_1_1]

const notFilters = [
  { name: 'an empty filter', filter: '', message: 'a topic filter is empty' },
  { name: 'a#', filter: 'a#', message: /shares its level/ },
  { name: 'a/b#', filter: 'a/b#', message: /shares its level/ },
  { name: '#a', filter: '#a', message: /shares its level/ },
  { name: '##', filter: '##', message: /shares its level/ },
  { name: '+a', filter: '+a', message: /shares its level/ },
  { name: 'a+', filter: 'a+', message: /shares its level/ },
  { name: 'a/+b/c', filter: 'a/+b/c', message: /shares its level/ },
  { name: '#/a', filter: '#/a', message: /# before its last level/ },
  { name: '#/', filter: '#/', message: /# before its last level/ },
  { name: 'a/#/b', filter: 'a/#/b', message: /# before its last level/ },
  ...notText.map(({ name, bytes }) => ({ name, filter: bytes, message: /UTF-8|U\+0000/ })),
]

const refusals = [
  { name: 'SUBSCRIBE without a body', bytes: frame(0x82), message: /shorter/ },
  { name: 'SUBSCRIBE with half a packet identifier', bytes: frame(0x82, [1]), message: /shorter/ },
  { name: 'SUBSCRIBE without a filter', bytes: frame(0x82, ID), message: /shorter/ },
  { name: 'SUBSCRIBE with half a filter length', bytes: frame(0x82, ID, [0]), message: /shorter/ },
  { name: 'SUBSCRIBE without a QoS', bytes: frame(0x82, ID, text('a')), message: /shorter/ },
  { name: 'SUBSCRIBE with a filter that is cut off', bytes: frame(0x82, ID, [0, 5], 'a'), message: /shorter/ },
  { name: 'SUBSCRIBE with a byte too many', bytes: frame(0x82, ID, text('a'), [0], [0]), message: /shorter/ },
  { name: 'SUBSCRIBE with packet id 0', bytes: frame(0x82, [0, 0], text('a'), [0]), message: 'packet identifier 0' },
  ...[3, 4, 0x40, 0x80, 0x81, 0xff].map((qos) => ({
    name: `SUBSCRIBE with ${qos} in place of a QoS`,
    bytes: frame(0x82, ID, text('a'), [1], text('b'), [qos]),
    message: /QoS 3 or with reserved bits/,
  })),
  { name: 'SUBSCRIBE without its flags', bytes: frame(0x80, ID, text('a'), [0]), message: /reserved bits/ },
  { name: 'UNSUBSCRIBE without a body', bytes: frame(0xa2), message: /shorter/ },
  { name: 'UNSUBSCRIBE without a filter', bytes: frame(0xa2, ID), message: /shorter/ },
  { name: 'UNSUBSCRIBE with a filter that is cut off', bytes: frame(0xa2, ID, [0, 2], 'a'), message: /shorter/ },
  { name: 'UNSUBSCRIBE with a byte too many', bytes: frame(0xa2, ID, text('a'), [0]), message: /shorter/ },
  { name: 'UNSUBSCRIBE with packet id 0', bytes: frame(0xa2, [0, 0], text('a')), message: 'packet identifier 0' },
  { name: 'UNSUBSCRIBE without its flags', bytes: frame(0xa0, ID, text('a')), message: /reserved bits/ },
  ...notFilters.flatMap(({ name, filter, message }) => [
    { name: `SUBSCRIBE to ${name}`, bytes: frame(0x82, ID, text('a'), [0], text(filter), [0]), message },
    { name: `UNSUBSCRIBE from ${name}`, bytes: frame(0xa2, ID, text('a'), text(filter)), message },
  ]),
]

for (const { name, bytes, message } of refusals) {
  for (const version of versions) {
    test(`${name} is refused in ${version.name}`, () => {
      assert.throws(() => decode(Buffer.concat([bytes, next]), version), { name: 'ProtocolError', message })
    })
  }
}

test('more filters than are allowed in one packet are refused, and no more are read', () => {
  const subscribe = frame(0x82, ID, text('a'), [0], text('b'), [0], text('#/x'), [0])
  const unsubscribe = frame(0xa2, ID, text('a'), text('b'), text('#/x'))
  for (const bytes of [subscribe, unsubscribe]) {
    assert.throws(() => decode(bytes, MQTT_3_1_1, { maxFilters: 2 }), { message: /more than 2 topic filters/ })
    assert.throws(() => decode(bytes, MQTT_3_1_1, { maxFilters: 3 }), { message: /# before its last level/ })
  }
})

const filters = ['a', '/', '//', '+', '#', '+/+', '/+', '+/#', 'a/+/b/#', '$SYS/#', ...unusualText.map((t) => t.value)]

for (const version of versions) {
  test(`SUBSCRIBE and UNSUBSCRIBE of ${version.name} hold their filters in order, duplicates included`, () => {
    const topics = [...filters, 'a']
    const subscriptions = topics.map((topic, index) => ({ topic, qos: index % 3 }))
    const subscribe = frame(0x82, [255, 255], ...subscriptions.flatMap(({ topic, qos }) => [text(topic), [qos]]))
    const unsubscribe = frame(0xa2, [1, 0], ...topics.map(text))
    const maxFilters = topics.length
    assert.deepEqual(decode(Buffer.concat([subscribe, next]), version, { maxFilters }), {
      cmd: 'subscribe',
      messageId: 65_535,
      subscriptions,
    })
    assert.deepEqual(decode(Buffer.concat([unsubscribe, next]), version, { maxFilters }), {
      cmd: 'unsubscribe',
      messageId: 256,
      unsubscriptions: topics,
    })
  })
}

test('SUBACK holds one return code for each filter, in order', () => {
  assert.deepEqual(encodeSuback(258, [0, 1, 2, 0x80]), Buffer.from([0x90, 6, 1, 2, 0, 1, 2, 0x80]))
  for (const count of [1, 125, 126, 16_381, 16_382]) {
    const codes = Array.from({ length: count }, (_, index) => index % 3)
    assert.ok(encodeSuback(7, codes).equals(frame(0x90, [0, 7], codes)), `${count} codes`)
  }
})

test('a reserved return code in SUBACK is a fault of ours', () => {
  for (const code of [-1, 3, 0x7f, 0x81, 256]) assert.throws(() => encodeSuback(1, [0, code]), RangeError)
})
