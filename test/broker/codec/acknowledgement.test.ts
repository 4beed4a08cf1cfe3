import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MQTT_3_1, MQTT_3_1_1, PacketType, PINGRESP, writeAcknowledgement } from '../../../broker/codec/index.ts'
import { frame } from './support/bytes.ts'
import { decode } from './support/decode.ts'

const acknowledgements = [
  { name: 'PUBACK', cmd: 'puback', first: 0x40 },
  { name: 'PUBREC', cmd: 'pubrec', first: 0x50 },
  { name: 'PUBREL', cmd: 'pubrel', first: 0x62 },
  { name: 'PUBCOMP', cmd: 'pubcomp', first: 0x70 },
]
const malformed = [
  { name: 'no packet identifier', body: [], message: /two bytes long/ },
  { name: 'half a packet identifier', body: [1], message: /two bytes long/ },
  { name: 'a byte too many', body: [0, 1, 0], message: /two bytes long/ },
  { name: 'packet identifier 0', body: [0, 0], message: 'packet identifier 0' },
]

for (const version of [MQTT_3_1, MQTT_3_1_1]) {
  for (const { name, cmd, first } of acknowledgements) {
    for (const { name: flaw, body, message } of malformed) {
      test(`${name} with ${flaw} is refused in ${version.name}`, () => {
        const bytes = Buffer.concat([frame(first, body), Buffer.from([0, 1, 0, 1])])
        assert.throws(() => decode(bytes, version), { name: 'ProtocolError', message })
      })
    }

    test(`${name} of ${version.name} holds a packet identifier`, () => {
      assert.deepEqual(decode(frame(first, [1, 2]), version), { cmd, messageId: 258 })
      assert.deepEqual(decode(frame(first, [255, 255]), version), { cmd, messageId: 65_535 })
    })
  }

  for (const { name, cmd, first } of [
    { name: 'PINGREQ', cmd: 'pingreq', first: 0xc0 },
    { name: 'DISCONNECT', cmd: 'disconnect', first: 0xe0 },
  ]) {
    test(`${name} of ${version.name} is accepted when it is empty and refused when it is not`, () => {
      assert.deepEqual(decode(Buffer.concat([frame(first), frame(first)]), version), { cmd })
      assert.throws(() => decode(frame(first, [0]), version), { name: 'ProtocolError', message: /longer/ })
    })
  }
}

test('acknowledgements are written where they are wanted, four bytes each', () => {
  const { PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK } = PacketType
  const bytes = Buffer.alloc(22, 0xaa)
  for (const [index, type] of [PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK].entries()) {
    writeAcknowledgement(type, 0xfe01, bytes, 1 + index * 4)
  }
  const expected = [0x40, 0x50, 0x62, 0x70, 0xb0].flatMap((first) => [first, 2, 0xfe, 0x01])
  assert.deepEqual(bytes, Buffer.from([0xaa, ...expected, 0xaa]))
})

test('PINGRESP is two bytes', () => {
  assert.deepEqual(PINGRESP, Buffer.from([0xd0, 0]))
})
