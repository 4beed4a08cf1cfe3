import { LIMITS } from '../../broker/support/broker.ts'
import { field, join, packet, publish, suback, subscribe, uint16, unsuback, unsubscribe } from '../support/bytes.ts'
import { CLOSED, heard, hearing, INCOMPLETE, served, type Expectation, type Step, type WireCase } from './case.ts'

/** SUBSCRIBE, UNSUBSCRIBE and topic filters. Source: MQTT 3.1.1 §3.8–§3.11, §4.7. */

const given = (
  clause: string,
  name: string,
  bytes: Buffer | readonly Step[],
  expect: Expectation,
  version: 3 | 4 = 4,
): WireCase => ({
  clause,
  name,
  version,
  given: bytes,
  expect,
})

const notFilters = [
  { filter: 'a#', clause: 'MQTT-4.7.1-2' },
  { filter: 'a/b#', clause: 'MQTT-4.7.1-2' },
  { filter: '#a', clause: 'MQTT-4.7.1-2' },
  { filter: '#/a', clause: 'MQTT-4.7.1-2' },
  { filter: 'a/#/b', clause: 'MQTT-4.7.1-2' },
  { filter: '#/#', clause: 'MQTT-4.7.1-2' },
  { filter: '##', clause: 'MQTT-4.7.1-2' },
  { filter: 'a/#/', clause: 'MQTT-4.7.1-2' },
  { filter: '+a', clause: 'MQTT-4.7.1-3' },
  { filter: 'a+', clause: 'MQTT-4.7.1-3' },
  { filter: 'a/+b', clause: 'MQTT-4.7.1-3' },
  { filter: 'a/b+/c', clause: 'MQTT-4.7.1-3' },
  { filter: '++', clause: 'MQTT-4.7.1-3' },
  { filter: '+#', clause: 'MQTT-4.7.1-3' },
  { filter: '#+', clause: 'MQTT-4.7.1-3' },
  { filter: 'a+b', clause: 'MQTT-4.7.1-3' },
  { filter: '', clause: 'MQTT-4.7.3-1' },
]

const badFilters = notFilters.flatMap(({ filter, clause }) => [
  given(clause, `SUBSCRIBE to ${JSON.stringify(filter)}`, subscribe([filter]), CLOSED),
  given(clause, `UNSUBSCRIBE from ${JSON.stringify(filter)}`, unsubscribe([filter]), CLOSED),
])

const goodFilters = [
  '#',
  '+',
  '+/+',
  '/',
  '//',
  '/+',
  '+/',
  '/#',
  '+/#',
  '+/a/#',
  'a/+/b',
  'a/#',
  ' ',
  'a b',
  'A',
  'a//b',
  `${'l/'.repeat(99)}l`,
].map((filter) => {
  const name = JSON.stringify(filter.length > 20 ? `${filter.slice(0, 6)}…` : filter)
  return given(
    '§4.7.1',
    `SUBSCRIBE to ${name} and UNSUBSCRIBE`,
    [subscribe([filter]), hearing(suback([0])), unsubscribe([filter])],
    served(suback([0]), unsuback()),
  )
})

const returnCodes = [
  ...[0, 1, 2].map((qos) =>
    given('MQTT-3.8.4-6', `SUBSCRIBE with QoS ${qos} is granted it`, subscribe([['a/b', qos]]), served(suback([qos]))),
  ),
  ...[3, 4, 8, 0x40, 0x80, 0x81, 0xfc, 0xff].map((qos) =>
    given('MQTT-3-8.3-4', `SUBSCRIBE with a QoS byte of ${qos}`, subscribe([['a/b', qos]]), CLOSED),
  ),
  given('MQTT-3-8.3-4', 'SUBSCRIBE with a second QoS byte of 3', subscribe(['a', ['b', 3]]), CLOSED),
  given(
    'MQTT-3.8.4-5',
    'a return code for each filter, in order',
    subscribe([
      ['a', 2],
      ['b', 0],
      ['c', 1],
    ]),
    served(suback([2, 0, 1])),
  ),
  given(
    'MQTT-3.8.4-5',
    'a return code for each filter, also when one comes twice',
    subscribe([
      ['a', 0],
      ['a', 1],
      ['b', 2],
    ]),
    served(suback([0, 1, 2])),
  ),
  given(
    'MQTT-3.8.4-5',
    'a return code for each of three equal filters',
    subscribe([
      ['a', 1],
      ['a', 1],
      ['a', 1],
    ]),
    served(suback([1, 1, 1])),
  ),
  given(
    'policy',
    'SUBSCRIBE with as many filters as are allowed',
    subscribe(Array.from({ length: LIMITS.maxSubscriptionsPerPacket }, (_, n) => `f/${n}`)),
    served(suback(Array.from({ length: LIMITS.maxSubscriptionsPerPacket }, () => 0))),
  ),
  given(
    'policy',
    'SUBSCRIBE with one filter more than allowed',
    subscribe(Array.from({ length: LIMITS.maxSubscriptionsPerPacket + 1 }, (_, n) => `f/${n}`)),
    CLOSED,
  ),
  given(
    'policy',
    'UNSUBSCRIBE with one filter more than allowed',
    unsubscribe(Array.from({ length: LIMITS.maxSubscriptionsPerPacket + 1 }, (_, n) => `f/${n}`)),
    CLOSED,
  ),
  ...[1, 255, 256, 65_535].flatMap((id) => [
    given('MQTT-3.8.4-2', `SUBACK has the packet identifier ${id}`, subscribe(['a'], { id }), served(suback([0], id))),
    given(
      'MQTT-3.10.4-4',
      `UNSUBACK has the packet identifier ${id}`,
      unsubscribe(['a'], { id }),
      served(unsuback(id)),
    ),
  ]),
  given('MQTT-3.10.4-5', 'UNSUBSCRIBE from what was never subscribed to', unsubscribe(['never']), served(unsuback())),
  given(
    'MQTT-3.10.4-6',
    'UNSUBSCRIBE from several filters is answered once',
    unsubscribe(['a', 'b', 'a']),
    served(unsuback()),
  ),
  given(
    'MQTT-3.8.4-3',
    'SUBSCRIBE twice is answered twice',
    join(subscribe([['a', 0]], { id: 1 }), subscribe([['a', 2]], { id: 2 })),
    served(suback([0], 1), suback([2], 2)),
  ),
  given('MQTT-2.3.1-1', 'SUBSCRIBE with packet identifier 0', subscribe(['a'], { id: 0 }), CLOSED),
  given('MQTT-2.3.1-1', 'UNSUBSCRIBE with packet identifier 0', unsubscribe(['a'], { id: 0 }), CLOSED),
]

const bodies = ([3, 4] as const).flatMap((version) => [
  given('MQTT-3.8.3-3', 'SUBSCRIBE without filters', subscribe([]), CLOSED, version),
  given('MQTT-3.10.3-2', 'UNSUBSCRIBE without filters', unsubscribe([]), CLOSED, version),
  given('§3.8', 'SUBSCRIBE without a body', packet(0x82), CLOSED, version),
  given('§3.10', 'UNSUBSCRIBE without a body', packet(0xa2), CLOSED, version),
  given('§3.8', 'SUBSCRIBE with half a packet identifier', packet(0x82, [7]), CLOSED, version),
  given('§3.10', 'UNSUBSCRIBE with half a packet identifier', packet(0xa2, [7]), CLOSED, version),
  given('§3.8', 'SUBSCRIBE without a QoS', packet(0x82, uint16(7), field('a')), CLOSED, version),
  given(
    '§3.8',
    'SUBSCRIBE without its second QoS',
    packet(0x82, uint16(7), field('a'), [0], field('b')),
    CLOSED,
    version,
  ),
  given('§3.8', 'SUBSCRIBE with half a length', packet(0x82, uint16(7), field('a'), [0], [0]), CLOSED, version),
  given(
    '§3.8',
    'a filter longer than its SUBSCRIBE',
    packet(0x82, uint16(7), [0, 9], Buffer.from('a')),
    CLOSED,
    version,
  ),
  given(
    '§3.10',
    'a filter longer than its UNSUBSCRIBE',
    packet(0xa2, uint16(7), [0, 9], Buffer.from('a')),
    CLOSED,
    version,
  ),
  given(
    '§3.8',
    'a filter that would reach into the next packet',
    join(packet(0x82, uint16(7), [0, 9], Buffer.from('a')), publish('a/b')),
    CLOSED,
    version,
  ),
  given('§3.8', 'SUBSCRIBE of which the last byte is missing', subscribe(['a']).subarray(0, -1), INCOMPLETE, version),
  given('§3.8', 'SUBSCRIBE of which the second filter is bad', subscribe(['a', 'b#']), CLOSED, version),
])

/** The subject subscribes, publishes, and hears itself or does not. */
const matching = [
  { filter: 'sport/tennis/player1/#', topic: 'sport/tennis/player1', selects: true },
  { filter: 'sport/tennis/player1/#', topic: 'sport/tennis/player1/ranking', selects: true },
  { filter: 'sport/tennis/player1/#', topic: 'sport/tennis/player1/score/wimbledon', selects: true },
  { filter: 'sport/tennis/player1/#', topic: 'sport/tennis/player10', selects: false },
  { filter: 'sport/#', topic: 'sport', selects: true },
  { filter: 'sport/#', topic: 'sport/', selects: true },
  { filter: 'sport/#', topic: 'Sport', selects: false },
  { filter: '#', topic: 'a/b/c', selects: true },
  { filter: '#', topic: '/', selects: true },
  { filter: 'sport/tennis/+', topic: 'sport/tennis/player1', selects: true },
  { filter: 'sport/tennis/+', topic: 'sport/tennis/player1/ranking', selects: false },
  { filter: 'sport/+', topic: 'sport', selects: false },
  { filter: 'sport/+', topic: 'sport/', selects: true },
  { filter: '+/tennis/#', topic: 'sport/tennis', selects: true },
  { filter: 'sport/+/player1', topic: 'sport/tennis/player1', selects: true },
  { filter: 'sport/+/player1', topic: 'sport/tennis/indoor/player1', selects: false },
  { filter: '+/+', topic: '/finance', selects: true },
  { filter: '/+', topic: '/finance', selects: true },
  { filter: '+', topic: '/finance', selects: false },
  { filter: '+', topic: 'finance', selects: true },
  { filter: 'a/b', topic: 'a/b', selects: true },
  { filter: 'a/b', topic: 'a/b/', selects: false },
  { filter: 'a/b', topic: 'A/b', selects: false },
  { filter: 'a/b', topic: '/a/b', selects: false },
  { filter: 'a//b', topic: 'a//b', selects: true },
  { filter: 'a/+/b', topic: 'a//b', selects: true },
  { filter: 'a//b', topic: 'a/b', selects: false },
  { filter: 'a/ä', topic: 'a/ä', selects: true },
  // One letter written in two ways: no normalisation [MQTT-4.7.3-4].
  { filter: 'a/\u00e4', topic: 'a/a\u0308', selects: false },
  { filter: 'a/$b', topic: 'a/$b', selects: true },
  { filter: '__proto__', topic: '__proto__', selects: true },
  { filter: 'constructor/+', topic: 'constructor/toString', selects: true },
].map(({ filter, topic, selects }) => {
  const name = `${JSON.stringify(filter)} ${selects ? 'selects' : 'does not select'} ${JSON.stringify(topic)}`
  const answers = [suback([0]), ...(selects ? [publish(topic, 'x')] : [])]
  return given(
    '§4.7',
    name,
    [subscribe([filter]), hearing(suback([0])), publish(topic, 'x')],
    heard(served(...answers), `${topic}=x`),
  )
})

const unsubscribed = [
  given(
    'MQTT-3.10.4-1',
    'UNSUBSCRIBE compares filters character by character',
    [
      subscribe(['a/+']),
      hearing(suback([0])),
      unsubscribe(['a/b', 'a/#', 'A/+', '+/+']),
      hearing(unsuback()),
      publish('a/b'),
    ],
    heard(served(suback([0]), unsuback(), publish('a/b')), 'a/b=x'),
  ),
  given(
    'MQTT-3.10.4-2',
    'after UNSUBSCRIBE nothing more comes',
    [subscribe(['a/+']), hearing(suback([0])), unsubscribe(['a/+']), hearing(unsuback()), publish('a/b')],
    heard(served(suback([0]), unsuback()), 'a/b=x'),
  ),
]

export const subscribes: readonly WireCase[] = [
  ...badFilters,
  ...goodFilters,
  ...returnCodes,
  ...bodies,
  ...matching,
  ...unsubscribed,
]
