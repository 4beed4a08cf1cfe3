import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeConnack,
  FixedHeader,
  MQTT_3_1,
  MQTT_3_1_1,
  readConnect,
  readFixedHeader,
  type ProtocolVersion,
} from '../../../broker/codec/index.ts'
import { frame, notText, text, unusualText } from './support/bytes.ts'
import { decode, NO_LIMIT } from './support/decode.ts'

const CLEAN = 0x02
const WILL = 0x04
const WILL_QOS_1 = 0x08
const WILL_QOS_2 = 0x10
const WILL_QOS_3 = 0x18
const WILL_RETAIN = 0x20
const PASSWORD = 0x40
const USER_NAME = 0x80

type Fields = readonly (Buffer | readonly number[])[]

const connect = ({ name, level }: ProtocolVersion, flags: number, ...fields: Fields): Buffer =>
  frame(0x10, text(name), [level, flags, 0, 60], ...fields)

const id = text('id')
const badText = notText.flatMap(({ name, bytes }) => [
  { name: `${name} in the client id`, flags: CLEAN, fields: [text(bytes)] },
  { name: `${name} in the topic of the will`, flags: WILL, fields: [id, text(bytes), text('w')] },
  { name: `${name} in the user name`, flags: USER_NAME, fields: [id, text(bytes)] },
])

const refusals: readonly { name: string; flags: number; fields: Fields; message: string | RegExp }[] = [
  { name: 'the reserved flag', flags: CLEAN | 1, fields: [id], message: 'the reserved connect flag is set' },
  { name: 'a password alone', flags: PASSWORD, fields: [id, text('pw')], message: /without a user name/ },
  { name: 'a will of QoS 3', flags: WILL | WILL_QOS_3, fields: [id, text('w'), text('')], message: 'a will of QoS 3' },
  { name: 'a will without a topic', flags: WILL, fields: [id, text(''), text('')], message: /will is empty/ },
  { name: 'a will to +', flags: WILL, fields: [id, text('a/+'), text('')], message: /will has a wildcard/ },
  { name: 'a will to #', flags: WILL, fields: [id, text('#'), text('')], message: /will has a wildcard/ },
  ...badText.map((row) => ({ ...row, message: /UTF-8|U\+0000/ })),
  { name: 'no client id', flags: CLEAN, fields: [], message: /shorter/ },
  { name: 'half the length of a client id', flags: CLEAN, fields: [[0]], message: /shorter/ },
  { name: 'a client id that is cut off', flags: CLEAN, fields: [[0, 5], Buffer.from('id')], message: /shorter/ },
  { name: 'no will', flags: WILL, fields: [id], message: /shorter/ },
  { name: 'a will without a payload', flags: WILL, fields: [id, text('w')], message: /shorter/ },
  { name: 'a payload that is cut off', flags: WILL, fields: [id, text('w'), [0, 2, 1]], message: /shorter/ },
  { name: 'half the length of a user name', flags: USER_NAME, fields: [id, [0]], message: /shorter/ },
  { name: 'a user name that is cut off', flags: USER_NAME, fields: [id, [0, 2, 0x61]], message: /shorter/ },
  {
    name: 'a password that is cut off',
    flags: USER_NAME | PASSWORD,
    fields: [id, text('user'), [0, 2, 0x61]],
    message: /shorter/,
  },
  { name: 'a byte too many', flags: CLEAN, fields: [id, [0]], message: /longer/ },
  { name: 'a will that no flag announces', flags: CLEAN, fields: [id, text('w'), text('')], message: /longer/ },
  { name: 'a user name that no flag announces', flags: CLEAN, fields: [id, text('user')], message: /longer/ },
  {
    name: 'a password that no flag announces',
    flags: USER_NAME,
    fields: [id, text('user'), text('pw')],
    message: /longer/,
  },
]

/** In MQTT 3.1.1 alone; MQTT 3.1 disregards them. */
const strayWillFlags: typeof refusals = [
  { name: 'will QoS 1 without a will', flags: WILL_QOS_1, fields: [id], message: 'will flags without a will' },
  { name: 'will QoS 2 without a will', flags: WILL_QOS_2, fields: [id], message: 'will flags without a will' },
  { name: 'will retain without a will', flags: WILL_RETAIN, fields: [id], message: 'will flags without a will' },
  { name: 'will QoS 3 without a will', flags: WILL_QOS_3, fields: [id], message: 'will flags without a will' },
]

for (const { name, flags, fields, message } of strayWillFlags) {
  test(`CONNECT of MQTT with ${name} is refused`, () => {
    const bytes = connect(MQTT_3_1_1, flags, ...fields)
    assert.throws(() => decode(bytes, MQTT_3_1_1), { name: 'ProtocolError', message })
  })

  test(`CONNECT of MQIsdp with ${name} has no will`, () => {
    const packet = decode(connect(MQTT_3_1, flags, ...fields), MQTT_3_1)
    assert.equal(packet?.cmd, 'connect')
    assert.ok(!('will' in packet))
  })
}

/** What would fill the gap of a packet that is too short. */
const next = Buffer.from([0, 1, 0x61, 0, 1, 0x61, 0, 1, 0x61])

for (const version of [MQTT_3_1, MQTT_3_1_1]) {
  for (const { name, flags, fields, message } of refusals) {
    test(`CONNECT of ${version.name} with ${name} is refused`, () => {
      const bytes = Buffer.concat([connect(version, flags, ...fields), next])
      assert.throws(() => decode(bytes, version), { name: 'ProtocolError', message })
    })
  }

  for (let flags = 1; flags < 16; flags++) {
    test(`CONNECT of ${version.name} with ${flags} in its first byte is refused`, () => {
      const bytes = connect(version, CLEAN, id)
      bytes[0]! |= flags
      assert.throws(() => decode(bytes, version), { name: 'ProtocolError', message: /reserved bits/ })
    })
  }
}

const strangers = [
  { name: 'no body', bytes: frame(0x10), error: 'ProtocolError' },
  { name: 'only a name', bytes: frame(0x10, text('MQTT')), error: 'ProtocolError' },
  { name: 'no flags', bytes: frame(0x10, text('MQTT'), [4]), error: 'ProtocolError' },
  { name: 'half a keep alive', bytes: frame(0x10, text('MQTT'), [4, 2, 0]), error: 'ProtocolError' },
  { name: 'another name', bytes: frame(0x10, text('MQTX'), [4, 2, 0, 0], id), error: 'ProtocolError' },
  { name: 'an empty name', bytes: frame(0x10, text(''), [4, 2, 0, 0], id), error: 'ProtocolError' },
  { name: 'the name in small letters', bytes: frame(0x10, text('mqtt'), [4, 2, 0, 0], id), error: 'ProtocolError' },
  ...[
    ['MQTT', 0],
    ['MQTT', 3],
    ['MQTT', 5],
    ['MQTT', 6],
    ['MQTT', 255],
    ['MQTT', 0x84],
    ['MQIsdp', 0],
    ['MQIsdp', 2],
    ['MQIsdp', 4],
    ['MQIsdp', 5],
    ['MQIsdp', 0x83],
  ].map(([name, level]) => ({
    name: `${name} at level ${level}`,
    // Not even flags: another version may have another layout.
    bytes: frame(0x10, text(String(name)), [Number(level)]),
    error: 'UnacceptableProtocolVersion',
  })),
]

for (const { name, bytes, error } of strangers) {
  test(`CONNECT with ${name} is refused as ${error}`, () => {
    assert.throws(() => decode(Buffer.concat([bytes, next]), MQTT_3_1_1), { name: error })
  })
}

const payload = Buffer.from([0, 255, 0xc3])
const accepted: readonly { name: string; flags: number; fields: Fields; is: Record<string, unknown> }[] = [
  { name: 'a client id', flags: CLEAN, fields: [id], is: { clean: true } },
  { name: 'an empty client id', flags: CLEAN, fields: [text('')], is: { clean: true, clientId: '' } },
  { name: 'an empty client id for a kept session', flags: 0, fields: [text('')], is: { clientId: '' } },
  { name: 'a session that is kept', flags: 0, fields: [id], is: {} },
  {
    name: 'a will',
    flags: WILL,
    fields: [id, text('w'), text(payload)],
    is: { will: { topic: 'w', payload, qos: 0, retain: false } },
  },
  {
    name: 'an empty will, retained, of QoS 1',
    flags: WILL | WILL_QOS_1 | WILL_RETAIN,
    fields: [id, text('w'), text('')],
    is: { will: { topic: 'w', payload: Buffer.alloc(0), qos: 1, retain: true } },
  },
  {
    name: 'all there is',
    flags: CLEAN | WILL | WILL_QOS_2 | USER_NAME | PASSWORD,
    fields: [id, text('w'), text('x'), text('user'), text(payload)],
    is: {
      clean: true,
      will: { topic: 'w', payload: Buffer.from('x'), qos: 2, retain: false },
      username: 'user',
      password: payload,
    },
  },
  { name: 'a user name alone', flags: USER_NAME, fields: [id, text('user')], is: { username: 'user' } },
  {
    name: 'an empty user name and an empty password',
    flags: USER_NAME | PASSWORD,
    fields: [id, text(''), text('')],
    is: { username: '', password: Buffer.alloc(0) },
  },
  ...unusualText.map(({ name, value }) => ({
    name: `${name} everywhere`,
    flags: WILL | USER_NAME,
    fields: [text(value), text(value), text(''), text(value)],
    is: {
      clientId: value,
      will: { topic: value, payload: Buffer.alloc(0), qos: 0, retain: false },
      username: value,
    },
  })),
]

for (const version of [MQTT_3_1, MQTT_3_1_1]) {
  for (const { name, flags, fields, is } of accepted) {
    test(`CONNECT of ${version.name} with ${name} is accepted`, () => {
      const bytes = Buffer.concat([connect(version, flags, ...fields), next])
      assert.deepEqual(decode(bytes, version), {
        cmd: 'connect',
        protocolId: version.name,
        protocolVersion: version.level,
        clean: false,
        keepalive: 60,
        clientId: 'id',
        ...is,
      })
    })
  }
}

const missing: readonly { name: string; flags: number; fields: Fields; is: Record<string, unknown> }[] = [
  { name: 'a user name', flags: USER_NAME, fields: [id], is: {} },
  { name: 'a user name and a password', flags: USER_NAME | PASSWORD, fields: [id], is: {} },
  { name: 'a password', flags: USER_NAME | PASSWORD, fields: [id, text('user')], is: { username: 'user' } },
]

for (const { name, flags, fields, is } of missing) {
  test(`a CONNECT that lacks ${name} although its flags announce it is accepted in 3.1 and refused in 3.1.1`, () => {
    const old = decode(Buffer.concat([connect(MQTT_3_1, flags, ...fields), next]), MQTT_3_1)
    const { username, password } = old ?? {}
    assert.deepEqual({ username, password }, { username: undefined, password: undefined, ...is })
    const bytes = Buffer.concat([connect(MQTT_3_1_1, flags, ...fields), next])
    assert.throws(() => decode(bytes, MQTT_3_1_1), { name: 'ProtocolError', message: /shorter/ })
  })
}

test('a CONNECT says which version it is of, and keeps nothing of the read buffer', () => {
  for (const version of [MQTT_3_1, MQTT_3_1_1]) {
    const flags = WILL | USER_NAME | PASSWORD
    const bytes = connect(version, flags, id, text('w'), text(payload), text('user'), text(payload))
    const header = new FixedHeader()
    readFixedHeader(bytes, 0, bytes.length, NO_LIMIT, header)
    const packet = readConnect(bytes, header)
    bytes.fill(0xaa)
    assert.equal(packet.version, version)
    assert.deepEqual(packet.will?.payload, payload)
    assert.deepEqual(packet.password, payload)
  }
})

test('CONNACK says that a session is present only when the login was accepted, and only in 3.1.1', () => {
  assert.deepEqual(encodeConnack(0, true), Buffer.from([0x20, 2, 1, 0]))
  assert.deepEqual(encodeConnack(0, true, MQTT_3_1_1), Buffer.from([0x20, 2, 1, 0]))
  assert.deepEqual(encodeConnack(0, true, MQTT_3_1), Buffer.from([0x20, 2, 0, 0]))
  assert.deepEqual(encodeConnack(0, false), Buffer.from([0x20, 2, 0, 0]))
  for (const returnCode of [1, 2, 3, 4, 5]) {
    assert.deepEqual(encodeConnack(returnCode, true), Buffer.from([0x20, 2, 0, returnCode]))
  }
  for (const reserved of [-1, 6, 255]) assert.throws(() => encodeConnack(reserved, false), RangeError)
})
