import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  FixedHeader,
  MQTT_3_1,
  MQTT_3_1_1,
  readFixedHeader,
  type ProtocolVersion,
} from '../../../broker/codec/index.ts'
import { frame, publish, text } from './support/bytes.ts'
import { NO_LIMIT, outcome, type Plain } from './support/decode.ts'
import { clientPacket, decodeByOthers, encode } from './support/packets.ts'

const MUTATIONS = process.env['MOORING_LONG_TESTS'] === '1' ? 100_000 : 2_000

const at = fc.nat()
const change = fc.oneof(
  fc.record({
    how: fc.constant('set' as const),
    at,
    to: fc.constantFrom(0, 1, 2, 3, 0x23, 0x2b, 0x7f, 0x80, 0xc0, 0xff),
  }),
  fc.record({ how: fc.constant('set' as const), at, to: fc.nat(255) }),
  fc.record({ how: fc.constant('flip' as const), at, to: fc.nat(7) }),
  fc.record({ how: fc.constant('insert' as const), at, to: fc.nat(255) }),
  fc.record({ how: fc.constant('remove' as const), at, to: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ how: fc.constant('cut' as const), at, to: fc.constant(0) }),
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(bytes: Buffer, { how, at: anywhere, to }: Change): Buffer {
  if (bytes.length === 0) return bytes
  const where = anywhere % bytes.length
  const [before, after] = [bytes.subarray(0, where), bytes.subarray(where)]
  if (how === 'insert') return Buffer.concat([before, Buffer.from([to]), after])
  if (how === 'remove') return Buffer.concat([before, after.subarray(to)])
  if (how === 'cut') return Buffer.from(before)
  const result = Buffer.from(bytes)
  result[where] = how === 'set' ? to : result[where]! ^ (1 << to)
  return result
}

/** A packet with some bytes changed; of every two, one keeps a true remaining length, so that what is inside is looked at. */
const mutated = (version: ProtocolVersion): fc.Arbitrary<Buffer> =>
  fc
    .record({
      packet: clientPacket(version),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      first: fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(255) }),
      inside: fc.boolean(),
    })
    .map(({ packet, changes, first, inside }) => {
      const bytes = encode(packet, version)
      if (!inside) return changes.reduce(changed, bytes)
      const header = new FixedHeader()
      readFixedHeader(bytes, 0, bytes.length, NO_LIMIT, header)
      const body = changes.reduce(changed, bytes.subarray(header.bodyAt))
      return frame(first ?? bytes[0]!, body)
    })

/** What may stand behind a packet. None of it may make a difference. */
const followers = [
  Buffer.alloc(0),
  Buffer.alloc(300, 0xff),
  Buffer.alloc(300, 0),
  publish(2, text('a/b'), [0, 1], 'next'),
]

function sameWhateverFollows(packet: Buffer, version: ProtocolVersion): Plain {
  const alone = outcome(packet, version)
  for (const follower of followers) {
    const surrounded = Buffer.concat([Buffer.from([0x30, 0x80]), packet, follower])
    // Whether the follower has arrived or only lies there.
    assert.deepEqual(outcome(surrounded, version, { at: 2, limit: 2 + packet.length }), alone)
    if (alone['incomplete'] !== true) assert.deepEqual(outcome(surrounded, version, { at: 2 }), alone)
  }
  return alone
}

for (const version of [MQTT_3_1, MQTT_3_1_1]) {
  test(`a mutated packet of ${version.name} is decoded or refused, whatever follows it, and never understood otherwise than by others`, () => {
    const seen = { decoded: 0, refused: 0, incomplete: 0 }
    fc.assert(
      fc.property(mutated(version), (bytes) => {
        const first = new FixedHeader()
        const header = outcomeOfHeader(bytes, first)
        const result = sameWhateverFollows(header === 'whole' ? bytes.subarray(0, first.end) : bytes, version)
        if (result['incomplete'] === true) seen.incomplete++
        else if (typeof result['refused'] === 'string') seen.refused++
        else {
          seen.decoded++
          agreesWithOthers(bytes.subarray(0, first.end), result)
        }
      }),
      { numRuns: MUTATIONS },
    )
    // Otherwise this would test nothing.
    for (const [what, count] of Object.entries(seen)) assert.ok(count > MUTATIONS / 100, `${what}: ${count}`)
  })
}

function outcomeOfHeader(bytes: Buffer, into: FixedHeader): 'whole' | 'incomplete' | 'refused' {
  try {
    return readFixedHeader(bytes, 0, bytes.length, NO_LIMIT, into) ? 'whole' : 'incomplete'
  } catch {
    return 'refused'
  }
}

/** mqtt-packet lets more pass than we do; what it refuses and we do not is what only MQTT 3.1 allows. */
function agreesWithOthers(bytes: Buffer, ours: Plain): void {
  const theirs = decodeByOthers(bytes, MQTT_3_1_1)
  const only31 = [/Cannot parse (username|password)/, /Invalid header flag bits, must be 0x2/]
  if (theirs.refusal === undefined) assert.deepEqual(theirs.packets, [ours])
  else
    assert.ok(
      only31.some((allowed) => allowed.test(theirs.refusal ?? '')),
      theirs.refusal,
    )
}
