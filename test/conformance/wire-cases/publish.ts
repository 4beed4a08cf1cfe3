import { field, join, packet, puback, pubcomp, publish, pubrec, pubrel, uint16 } from '../support/bytes.ts'
import { CLOSED, heard, hearing, INCOMPLETE, served, type Expectation, type Step, type WireCase } from './case.ts'

/** PUBLISH and what acknowledges it. Source: MQTT 3.1.1 §3.3–§3.7, §4.3. */

const given = (clause: string, name: string, bytes: Buffer | readonly Step[], expect: Expectation): WireCase => ({
  clause,
  name,
  given: bytes,
  expect,
})

const topics = [
  ...['#', '+', 'a/#', 'a/+', 'a/+/b', '+/a', 'a#', 'a+', '#/a', 'a/#/b'].flatMap((topic) => [
    given('MQTT-3.3.2-2', `PUBLISH to ${JSON.stringify(topic)}`, publish(topic), CLOSED),
    given('MQTT-3.3.2-2', `PUBLISH of QoS 1 to ${JSON.stringify(topic)}`, publish(topic, 'x', { qos: 1 }), CLOSED),
  ]),
  given('MQTT-4.7.3-1', 'PUBLISH without a topic', publish(''), CLOSED),
  given('MQTT-4.7.3-1', 'PUBLISH of QoS 2 without a topic', publish('', 'x', { qos: 2 }), CLOSED),
  ...['/', '//', 'a', 'a//b', '/a', 'a/', ' ', 'A/b c', 'a/$b', '\u{1f517}/ä', `${'l/'.repeat(99)}l`].map((topic) =>
    given(
      '§4.7.3',
      `PUBLISH to ${JSON.stringify(topic.length > 20 ? `${topic.slice(0, 6)}…` : topic)}`,
      publish(topic, 'x'),
      heard(served(), `${topic}=x`),
    ),
  ),
]

const bodies = [
  given('§3.3', 'PUBLISH without a body', packet(0x30), CLOSED),
  given('§3.3', 'PUBLISH with half a length of a topic', packet(0x30, [0]), CLOSED),
  given('§3.3', 'PUBLISH with a topic longer than its packet', packet(0x30, [0, 9], Buffer.from('a/b')), CLOSED),
  given(
    '§3.3',
    'PUBLISH whose topic would reach into the next packet',
    join(packet(0x30, [0, 9], Buffer.from('a/b')), publish('a/b')),
    CLOSED,
  ),
  given('§3.3', 'PUBLISH of QoS 1 without a packet identifier', packet(0x32, field('a/b')), CLOSED),
  given('§3.3', 'PUBLISH of QoS 1 with half a packet identifier', packet(0x32, field('a/b'), [0]), CLOSED),
  given(
    '§3.3',
    'PUBLISH of QoS 1 whose packet identifier would reach into the next packet',
    join(packet(0x32, field('a/b')), publish('a/b')),
    CLOSED,
  ),
  given('§3.3', 'PUBLISH of QoS 2 without a packet identifier', packet(0x34, field('a/b')), CLOSED),
  given('MQTT-2.3.1-1', 'PUBLISH of QoS 1 with packet identifier 0', publish('a/b', 'x', { qos: 1, id: 0 }), CLOSED),
  given('MQTT-2.3.1-1', 'PUBLISH of QoS 2 with packet identifier 0', publish('a/b', 'x', { qos: 2, id: 0 }), CLOSED),
  given(
    '§3.3',
    'PUBLISH of which the payload is missing',
    packet(0x30, field('a/b'), Buffer.from('xyz')).subarray(0, -1),
    INCOMPLETE,
  ),
  given('§3.3.3', 'PUBLISH without a payload', publish('a/b', ''), heard(served(), 'a/b=')),
  given(
    'MQTT-2.3.1-5',
    'PUBLISH of QoS 0 has no packet identifier',
    packet(0x30, field('a/b'), uint16(0x3837)),
    heard(served(), 'a/b=87'),
  ),
]

const acknowledged = [
  ...[1, 255, 256, 32_768, 65_535].flatMap((id) => [
    given(
      'MQTT-2.3.1-6',
      `PUBACK has the packet identifier ${id} of its PUBLISH`,
      publish('a/b', 'x', { qos: 1, id }),
      heard(served(puback(id)), 'a/b=x'),
    ),
    given(
      'MQTT-2.3.1-6',
      `PUBREC and PUBCOMP have the packet identifier ${id} of their PUBLISH`,
      [publish('a/b', 'x', { qos: 2, id }), hearing(pubrec(id)), pubrel(id)],
      heard(served(pubrec(id), pubcomp(id)), 'a/b=x'),
    ),
  ]),
  given(
    'MQTT-4.6.0-2',
    'PUBACKs in the order of their PUBLISHes',
    join(...[3, 1, 2, 9].map((id) => publish('a/b', `${id}`, { qos: 1, id }))),
    heard(served(puback(3), puback(1), puback(2), puback(9)), 'a/b=3', 'a/b=1', 'a/b=2', 'a/b=9'),
  ),
  given(
    'MQTT-4.6.0-3',
    'PUBRECs in the order of their PUBLISHes',
    [
      ...[3, 1, 2].map((id) => publish('a/b', `${id}`, { qos: 2, id })),
      hearing(pubrec(2)),
      join(pubrel(3), pubrel(1), pubrel(2)),
    ],
    heard(served(pubrec(3), pubrec(1), pubrec(2), pubcomp(3), pubcomp(1), pubcomp(2)), 'a/b=3', 'a/b=1', 'a/b=2'),
  ),
  given(
    'MQTT-4.3.2-2',
    'a packet identifier is new after its PUBACK',
    [publish('a/b', '1', { qos: 1 }), hearing(puback()), publish('a/b', '2', { qos: 1 })],
    heard(served(puback(), puback()), 'a/b=1', 'a/b=2'),
  ),
  given(
    'MQTT-4.3.3-2',
    'PUBLISH of QoS 2 three times in one chunk is one message',
    [
      join(publish('a/b', 'x', { qos: 2 }), ...[1, 2].map(() => publish('a/b', 'x', { qos: 2, dup: true }))),
      hearing(pubrec(), 3),
      pubrel(),
    ],
    heard(served(pubrec(), pubrec(), pubrec(), pubcomp()), 'a/b=x'),
  ),
  given(
    'MQTT-4.3.3-2',
    'PUBLISH of QoS 2 once more after its PUBREC is one message',
    [
      publish('a/b', 'x', { qos: 2 }),
      hearing(pubrec()),
      publish('a/b', 'x', { qos: 2, dup: true }),
      hearing(pubrec(), 2),
      pubrel(),
    ],
    heard(served(pubrec(), pubrec(), pubcomp()), 'a/b=x'),
  ),
  given(
    'MQTT-4.3.3-2',
    'a packet identifier is new after its PUBCOMP',
    [1, 2].flatMap((n) => [publish('a/b', `${n}`, { qos: 2 }), hearing(pubrec(), n), pubrel(), hearing(pubcomp(), n)]),
    heard(served(pubrec(), pubcomp(), pubrec(), pubcomp()), 'a/b=1', 'a/b=2'),
  ),
  given(
    'MQTT-4.3.3-2',
    'PUBREL twice is answered twice',
    [publish('a/b', 'x', { qos: 2 }), hearing(pubrec()), pubrel(), pubrel()],
    heard(served(pubrec(), pubcomp(), pubcomp()), 'a/b=x'),
  ),
]

const acks = [
  { name: 'PUBACK', first: 0x40 },
  { name: 'PUBREC', first: 0x50 },
  { name: 'PUBREL', first: 0x62 },
  { name: 'PUBCOMP', first: 0x70 },
].flatMap(({ name, first }) => [
  given('§3.4', `${name} without a packet identifier`, packet(first), CLOSED),
  given('§3.4', `${name} with half a packet identifier`, packet(first, [7]), CLOSED),
  given('§3.4', `${name} with a longer body`, packet(first, [0, 7, 0]), CLOSED),
  given('MQTT-2.3.1-1', `${name} with packet identifier 0`, packet(first, [0, 0]), CLOSED),
  given('§3.4', `${name} of which a byte is missing`, packet(first, [0, 7]).subarray(0, 3), INCOMPLETE),
])

export const publishes: readonly WireCase[] = [...topics, ...bodies, ...acknowledged, ...acks]
