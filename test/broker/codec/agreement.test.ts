import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeConnack,
  encodePublish,
  encodeSuback,
  FixedHeader,
  MQTT_3_1,
  MQTT_3_1_1,
  PacketType,
  PINGRESP,
  readFixedHeader,
  writeAcknowledgement,
} from '../../../broker/codec/index.ts'
import { decode, NO_LIMIT } from './support/decode.ts'
import { clientPacket, decodeByOthers, encode } from './support/packets.ts'

for (const version of [MQTT_3_1, MQTT_3_1_1]) {
  test(`every packet that mqtt-packet makes in ${version.name} is accepted and understood alike`, () => {
    fc.assert(
      fc.property(clientPacket(version), (packet) => {
        const bytes = encode(packet, version)
        const ours = decode(bytes, version)
        assert.deepEqual(decodeByOthers(bytes, version), { packets: [ours] })
      }),
      { numRuns: 1000 },
    )
  })

  test(`packets of ${version.name} that come byte by byte are what they are when they come at once`, () => {
    const packets = fc.array(clientPacket(version), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(packets, fc.nat(9), (list, start) => {
        const frames = list.map((packet) => encode(packet, version))
        const bytes = Buffer.concat([Buffer.alloc(start, 0xff), ...frames, Buffer.alloc(9, 0xff)])
        let at = start
        for (const frame of frames) {
          const header = new FixedHeader()
          const end = at + frame.length
          for (let limit = at; limit < end; limit++) {
            assert.equal(readFixedHeader(bytes, at, limit, NO_LIMIT, header), false)
            assert.ok(header.packetBytes === (limit - at < bytesOfFixedHeader(frame) ? 0 : frame.length))
          }
          assert.equal(readFixedHeader(bytes, at, end, NO_LIMIT, header), true)
          assert.equal(header.end, end)
          assert.deepEqual(decode(bytes, version, { at, limit: end }), decode(frame, version))
          at = end
        }
      }),
      { numRuns: 200 },
    )
  })

  test(`what is sent in ${version.name} is understood by mqtt-packet`, () => {
    const message = fc.record({
      topic: fc
        .string({ unit: 'binary', minLength: 1, maxLength: 60 })
        .map((value) => value.replaceAll(/[\0+#]/g, 'x')),
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      retain: fc.boolean(),
      id: fc.integer({ min: 1, max: 65_535 }),
      codes: fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 200 }),
      returnCode: fc.nat(5),
      sessionPresent: fc.boolean(),
    })
    fc.assert(
      fc.property(message, ({ topic, payload, qos, retain, id, codes, returnCode, sessionPresent }) => {
        const { bytes, end, packetIdAt } = encodePublish(topic, payload, qos, retain)
        if (qos > 0) bytes.writeUInt16BE(id, packetIdAt)
        const acknowledgements = Buffer.alloc(20)
        const { PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK } = PacketType
        for (const [index, type] of [PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK].entries()) {
          writeAcknowledgement(type, id, acknowledgements, index * 4)
        }
        const sent = Buffer.concat([
          encodeConnack(returnCode, sessionPresent, version),
          bytes.subarray(0, end),
          encodeSuback(id, codes),
          acknowledgements,
          PINGRESP,
        ])
        assert.deepEqual(decodeByOthers(sent, version).packets, [
          { cmd: 'connack', returnCode, sessionPresent: sessionPresent && returnCode === 0 && version === MQTT_3_1_1 },
          { cmd: 'publish', topic, payload, qos, dup: false, retain, ...(qos > 0 && { messageId: id }) },
          { cmd: 'suback', messageId: id, granted: codes },
          ...['puback', 'pubrec', 'pubrel', 'pubcomp', 'unsuback'].map((cmd) => ({ cmd, messageId: id })),
          { cmd: 'pingresp' },
        ])
      }),
      { numRuns: 500 },
    )
  })
}

/** The first byte and the remaining length of a whole packet. */
function bytesOfFixedHeader(frame: Buffer): number {
  let bytes = 2
  while (frame[bytes - 1]! >= 0x80) bytes++
  return bytes
}
